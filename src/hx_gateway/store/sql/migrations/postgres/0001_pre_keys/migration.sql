-- Times are seconds since 1970 UTC. Lists and maps are JSON.

-- id: SHA-256 of the whole key; the key itself is kept nowhere.
CREATE TABLE hx_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  alias TEXT UNIQUE,
  user_id TEXT,
  team_id TEXT,
  tenant TEXT NOT NULL,
  models JSONB NOT NULL,
  scopes JSONB NOT NULL,
  namespaces JSONB NOT NULL,
  metadata JSONB NOT NULL,
  blocked BOOLEAN NOT NULL,
  expires_at DOUBLE PRECISION,
  created_at DOUBLE PRECISION NOT NULL,
  created_by TEXT NOT NULL,
  updated_at DOUBLE PRECISION NOT NULL,
  last_used_at DOUBLE PRECISION
);

CREATE INDEX hx_keys_user ON hx_keys (user_id);
CREATE INDEX hx_keys_team ON hx_keys (team_id);
CREATE INDEX hx_keys_newest ON hx_keys (created_at DESC, id);

CREATE TABLE hx_teams (
  id TEXT PRIMARY KEY,
  alias TEXT,
  models JSONB NOT NULL,
  metadata JSONB NOT NULL,
  blocked BOOLEAN NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  updated_at DOUBLE PRECISION NOT NULL
);

CREATE TABLE hx_users (
  id TEXT PRIMARY KEY,
  alias TEXT,
  email TEXT,
  role TEXT NOT NULL,
  metadata JSONB NOT NULL,
  created_at DOUBLE PRECISION NOT NULL,
  updated_at DOUBLE PRECISION NOT NULL
);

-- One row: grows whenever a right is taken away, so that caches of verified keys can tell.
CREATE TABLE hx_epoch (
  id SMALLINT PRIMARY KEY CHECK (id = 1),
  value BIGINT NOT NULL
);

INSERT INTO hx_epoch (id, value) VALUES (1, 0);
