DELETE FROM hx_keys
WHERE user_id IN (SELECT value FROM json_each($1))
