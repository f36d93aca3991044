-- The statement itself: PostgreSQL takes no parameter for a name, but quotes one.
SELECT format('CREATE SCHEMA IF NOT EXISTS %I', CAST($1 AS TEXT))
