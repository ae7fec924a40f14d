"""The DuckDB warehouse: edited on a private copy, published by rename, read read-only."""
