INSERT INTO hx_teams (id, alias, models, metadata, blocked, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
