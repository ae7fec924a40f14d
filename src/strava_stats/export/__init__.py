"""The bulk-export archive and device files, read in place."""
