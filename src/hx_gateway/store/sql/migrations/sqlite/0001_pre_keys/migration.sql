-- Times are seconds since 1970 UTC. Lists and maps are JSON text.

-- id: SHA-256 of the whole key; the key itself is kept nowhere.
CREATE TABLE hx_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  alias TEXT UNIQUE,
  user_id TEXT,
  team_id TEXT,
  tenant TEXT NOT NULL,
  models TEXT NOT NULL CHECK (json_valid(models)),
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  namespaces TEXT NOT NULL CHECK (json_valid(namespaces)),
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  blocked INTEGER NOT NULL CHECK (blocked IN (0, 1)),
  expires_at REAL,
  created_at REAL NOT NULL,
  created_by TEXT NOT NULL,
  updated_at REAL NOT NULL,
  last_used_at REAL
) STRICT;

CREATE INDEX hx_keys_user ON hx_keys (user_id);
CREATE INDEX hx_keys_team ON hx_keys (team_id);
CREATE INDEX hx_keys_newest ON hx_keys (created_at DESC, id);

CREATE TABLE hx_teams (
  id TEXT PRIMARY KEY,
  alias TEXT,
  models TEXT NOT NULL CHECK (json_valid(models)),
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  blocked INTEGER NOT NULL CHECK (blocked IN (0, 1)),
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL
) STRICT;

CREATE TABLE hx_users (
  id TEXT PRIMARY KEY,
  alias TEXT,
  email TEXT,
  role TEXT NOT NULL,
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  created_at REAL NOT NULL,
  updated_at REAL NOT NULL
) STRICT;

-- One row: grows whenever a right is taken away, so that caches of verified keys can tell.
CREATE TABLE hx_epoch (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  value INTEGER NOT NULL
) STRICT;

INSERT INTO hx_epoch (id, value) VALUES (1, 0);
