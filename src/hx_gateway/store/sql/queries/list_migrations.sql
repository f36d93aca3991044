SELECT name, checksum, finished_at IS NOT NULL AS finished
FROM hx_migrations
ORDER BY name
