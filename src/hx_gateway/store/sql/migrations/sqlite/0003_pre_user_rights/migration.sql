-- What a user may use, and whether it may use anything. Empty models: no limit of its own.
ALTER TABLE hx_users ADD COLUMN models TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(models));
ALTER TABLE hx_users ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1));

CREATE UNIQUE INDEX hx_users_email ON hx_users (email);
