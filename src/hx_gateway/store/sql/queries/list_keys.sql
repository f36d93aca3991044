-- A null parameter means: any.
SELECT
  id, name, alias, user_id, team_id, tenant, models, scopes, namespaces, metadata,
  blocked, expires_at, created_at, created_by, updated_at, last_used_at
FROM hx_keys
WHERE (CAST($1 AS TEXT) IS NULL OR alias = $1)
  AND (CAST($2 AS TEXT) IS NULL OR user_id = $2)
  AND (CAST($3 AS TEXT) IS NULL OR team_id = $3)
ORDER BY created_at DESC, id
LIMIT $4 OFFSET $5
