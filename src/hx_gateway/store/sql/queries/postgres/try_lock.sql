-- Held until the transaction ends: behind a pooler in transaction mode a session's lock would
-- stay with a server connection that the next client gets.
SELECT pg_try_advisory_xact_lock($1)
