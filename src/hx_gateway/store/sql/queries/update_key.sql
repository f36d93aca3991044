UPDATE hx_keys SET
  id = $1, name = $2, alias = $3, user_id = $4, team_id = $5, tenant = $6, models = $7,
  scopes = $8, namespaces = $9, metadata = $10, blocked = $11, expires_at = $12,
  created_at = $13, created_by = $14, updated_at = $15, last_used_at = $16
WHERE id = $17
