INSERT INTO hx_responses (owner, id, input, response, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, id) DO UPDATE SET
  input = excluded.input, response = excluded.response,
  created_at = excluded.created_at, expires_at = excluded.expires_at
