UPDATE hx_users SET
  id = $1, alias = $2, email = $3, role = $4, models = $5, metadata = $6, blocked = $7,
  created_at = $8, updated_at = $9
WHERE id = $10
