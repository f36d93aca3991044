UPDATE hx_teams SET
  id = $1, alias = $2, models = $3, metadata = $4, blocked = $5, created_at = $6, updated_at = $7
WHERE id = $8
