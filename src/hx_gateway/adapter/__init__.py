"""The kit that provider files are made from: credentials and quirks."""
