SELECT id, alias, models, metadata, blocked, created_at, updated_at
FROM hx_teams
WHERE id = $1
