"""Local-first pipeline for one's own Strava history: pull, bronze, Parquet, DuckDB, gold views."""

__version__ = "0.1.0"
