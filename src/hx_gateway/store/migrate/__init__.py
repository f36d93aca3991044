"""Bring a database to the schema that this program needs, one folder of SQL after another."""
