"""Care of the data folder as a whole: backup, restore, purge, forget."""
