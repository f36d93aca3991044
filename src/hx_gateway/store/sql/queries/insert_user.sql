INSERT INTO hx_users (
  id, alias, email, role, models, metadata, blocked, created_at, updated_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
