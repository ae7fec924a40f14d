"""The flow by the clock: what is due, one child process at a time, and what is remembered of it."""
