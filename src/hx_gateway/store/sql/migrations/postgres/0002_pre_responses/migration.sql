-- Answers that are kept for a follow-up (`previous_response_id`). Times are seconds since 1970 UTC.

-- owner comes first in the key: an id of somebody else is no id at all.
-- input and response are JSON as it was sent, kept as text so that not a byte of it changes.
CREATE TABLE hx_responses (
  owner TEXT NOT NULL,
  id TEXT NOT NULL,
  input TEXT NOT NULL,
  response TEXT NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  expires_at DOUBLE PRECISION NOT NULL,
  PRIMARY KEY (owner, id)
);

CREATE INDEX hx_responses_expiry ON hx_responses (expires_at);
