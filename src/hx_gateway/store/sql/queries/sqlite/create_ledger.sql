CREATE TABLE IF NOT EXISTS hx_migrations (
  name TEXT PRIMARY KEY,
  checksum TEXT NOT NULL,
  started_at REAL NOT NULL,
  finished_at REAL
) STRICT
