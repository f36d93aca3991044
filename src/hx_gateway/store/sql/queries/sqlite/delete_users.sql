DELETE FROM hx_users
WHERE id IN (SELECT value FROM json_each($1))
RETURNING id
