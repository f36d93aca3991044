DELETE FROM hx_responses
WHERE owner = $1 AND id = $2 AND expires_at > $3
RETURNING id
