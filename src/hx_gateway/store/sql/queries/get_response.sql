SELECT owner, id, input, response, created_at, expires_at
FROM hx_responses
WHERE owner = $1 AND id = $2 AND expires_at > $3
