-- Rows are locked in the order of their ids, so that two deletions cannot wait for each other.
DELETE FROM hx_teams
WHERE id IN (
  SELECT id FROM hx_teams
  WHERE id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB)))
  ORDER BY id
  FOR UPDATE
)
RETURNING id
