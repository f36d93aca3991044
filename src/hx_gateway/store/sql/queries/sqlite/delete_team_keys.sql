DELETE FROM hx_keys
WHERE team_id IN (SELECT value FROM json_each($1))
