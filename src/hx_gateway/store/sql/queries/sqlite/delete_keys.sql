DELETE FROM hx_keys
WHERE id IN (SELECT value FROM json_each($1))
RETURNING id
