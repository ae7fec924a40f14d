"""What to fetch and when to believe it."""
