"""What lies on disk: paths, bronze journals, Parquet shards."""
