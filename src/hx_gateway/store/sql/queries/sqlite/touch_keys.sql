-- A time never goes back.
UPDATE hx_keys SET last_used_at = used.value
FROM json_each($1) AS used
WHERE hx_keys.id = used.key AND (hx_keys.last_used_at IS NULL OR hx_keys.last_used_at < used.value)
