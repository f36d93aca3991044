DELETE FROM hx_teams
WHERE id IN (SELECT value FROM json_each($1))
RETURNING id
