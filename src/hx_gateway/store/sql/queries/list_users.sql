SELECT id, alias, email, role, models, metadata, blocked, created_at, updated_at
FROM hx_users
ORDER BY id
