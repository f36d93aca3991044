SELECT
  k.id, k.name, k.alias, k.user_id, k.team_id, k.tenant, k.models, k.scopes, k.namespaces,
  k.metadata, k.blocked, k.expires_at, k.created_at, k.created_by, k.updated_at, k.last_used_at,
  t.id AS "team.id", t.alias AS "team.alias", t.models AS "team.models",
  t.metadata AS "team.metadata", t.blocked AS "team.blocked",
  t.created_at AS "team.created_at", t.updated_at AS "team.updated_at",
  u.id AS "user.id", u.alias AS "user.alias", u.email AS "user.email", u.role AS "user.role",
  u.models AS "user.models", u.metadata AS "user.metadata", u.blocked AS "user.blocked",
  u.created_at AS "user.created_at", u.updated_at AS "user.updated_at"
FROM hx_keys AS k
LEFT JOIN hx_teams AS t ON t.id = k.team_id
LEFT JOIN hx_users AS u ON u.id = k.user_id
WHERE k.id = $1
