SELECT
  id, name, alias, user_id, team_id, tenant, models, scopes, namespaces, metadata,
  blocked, expires_at, created_at, created_by, updated_at, last_used_at
FROM hx_keys
WHERE id = $1
