INSERT INTO hx_migrations (name, checksum, started_at, finished_at) VALUES ($1, $2, $3, $4)
