"""One vendor per file, as data."""
