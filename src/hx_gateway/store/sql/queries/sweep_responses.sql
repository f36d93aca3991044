-- What has expired, and of each owner whatever is older than its newest ones.
DELETE FROM hx_responses
WHERE expires_at <= $1 OR (owner, id) IN (
  SELECT owner, id
  FROM (
    SELECT owner, id, row_number() OVER (PARTITION BY owner ORDER BY created_at DESC, id) AS place
    FROM hx_responses
  ) AS ranked
  WHERE place > $2
)
RETURNING id
