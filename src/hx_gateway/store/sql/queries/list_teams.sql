SELECT id, alias, models, metadata, blocked, created_at, updated_at
FROM hx_teams
ORDER BY id
