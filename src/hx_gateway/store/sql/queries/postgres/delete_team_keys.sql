DELETE FROM hx_keys
WHERE id IN (
  SELECT id FROM hx_keys
  WHERE team_id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB)))
  ORDER BY id
  FOR UPDATE
)
