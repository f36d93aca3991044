-- What a user may use, and whether it may use anything. Empty models: no limit of its own.
ALTER TABLE hx_users ADD COLUMN models JSONB NOT NULL DEFAULT '[]';
ALTER TABLE hx_users ADD COLUMN blocked BOOLEAN NOT NULL DEFAULT FALSE;

CREATE UNIQUE INDEX hx_users_email ON hx_users (email);
