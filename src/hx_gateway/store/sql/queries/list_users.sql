SELECT id, alias, email, role, metadata, created_at, updated_at
FROM hx_users
ORDER BY id
