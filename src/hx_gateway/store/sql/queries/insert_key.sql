INSERT INTO hx_keys (
  id, name, alias, user_id, team_id, tenant, models, scopes, namespaces, metadata,
  blocked, expires_at, created_at, created_by, updated_at, last_used_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
