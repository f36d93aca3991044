-- A time never goes back; a row that somebody else holds keeps what it has until the next time.
UPDATE hx_keys SET last_used_at = seen.at
FROM (
  SELECT k.id, CAST(used.value AS DOUBLE PRECISION) AS at
  FROM hx_keys AS k
  JOIN jsonb_each_text(CAST($1 AS JSONB)) AS used ON used.key = k.id
  ORDER BY k.id
  FOR UPDATE OF k SKIP LOCKED
) AS seen
WHERE hx_keys.id = seen.id AND (hx_keys.last_used_at IS NULL OR hx_keys.last_used_at < seen.at)
