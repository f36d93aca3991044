SELECT count(*) AS total
FROM hx_keys
WHERE (CAST($1 AS TEXT) IS NULL OR alias = $1)
  AND (CAST($2 AS TEXT) IS NULL OR user_id = $2)
  AND (CAST($3 AS TEXT) IS NULL OR team_id = $3)
