-- Identifiers are BLOBs of 16 bytes: half the size of their text, in every index.
-- Times are whole nanoseconds since 1970 (UTC): as exact as the clock, and they sort.
-- Nothing is deleted here but by the clean-up: `deleted_at` tells the dead from the living.

CREATE TABLE workspace (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug TEXT NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX workspace_slug ON workspace (slug) WHERE deleted_at IS NULL;

CREATE TABLE member (
    workspace_id BLOB NOT NULL REFERENCES workspace (id),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    PRIMARY KEY (workspace_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE project (
    workspace_id BLOB NOT NULL REFERENCES workspace (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    deleted_at INTEGER,
    PRIMARY KEY (workspace_id, id)
) STRICT, WITHOUT ROWID;

-- Never the secret: its SHA-256.
CREATE TABLE credential (
    kind TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    scopes TEXT NOT NULL,
    expires_at INTEGER,
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    PRIMARY KEY (kind, digest)
) STRICT, WITHOUT ROWID;

-- With a rowid: rows of some 400 bytes are appended, and only the index takes the random ids.
CREATE TABLE asset (
    workspace_id BLOB NOT NULL REFERENCES workspace (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    project_id BLOB,
    object_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    object_name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    checksum_sha256 BLOB CHECK (length(checksum_sha256) = 32),
    external_source TEXT,
    external_id TEXT,
    created_by BLOB NOT NULL CHECK (length(created_by) = 16),
    -- As the host says; nothing goes by it. The store's own clock stamps all other times.
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'uploaded', 'rejected')),
    -- Since when the asset is pending, or was last.
    pending_since INTEGER NOT NULL,
    uploaded_at INTEGER,
    -- How the object of a rejected asset differs from the announcement.
    difference TEXT,
    -- The object store's description of the object; all NULL if the store was not asked.
    stored_size INTEGER CHECK (stored_size >= 0),
    stored_content_type TEXT,
    stored_content_encoding TEXT,
    stored_etag TEXT,
    stored_version TEXT,
    stored_checksum_sha256 BLOB CHECK (length(stored_checksum_sha256) = 32),
    deleted_at INTEGER,
    -- For the clean-up, of a deleted asset. Its object may be there until it is noted as gone.
    object_gone INTEGER NOT NULL DEFAULT 0 CHECK (object_gone IN (0, 1)),
    removal_failures INTEGER NOT NULL DEFAULT 0 CHECK (removal_failures >= 0),
    removal_retry_at INTEGER,
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, project_id) REFERENCES project (workspace_id, id),
    CHECK ((state = 'rejected') = (difference IS NOT NULL))
) STRICT;

-- A rejected asset gives its pair free.
CREATE UNIQUE INDEX asset_external ON asset (workspace_id, external_source, external_id)
    WHERE deleted_at IS NULL AND external_source IS NOT NULL AND external_id IS NOT NULL
    AND state <> 'rejected';

-- For the caps.
CREATE INDEX asset_pending ON asset (workspace_id, created_by)
    WHERE state = 'pending' AND deleted_at IS NULL;

CREATE INDEX asset_discarded ON asset (workspace_id, created_by)
    WHERE deleted_at IS NOT NULL OR state = 'rejected';

-- For the clean-up.
CREATE INDEX asset_stale ON asset (pending_since, workspace_id, id)
    WHERE state = 'pending' AND deleted_at IS NULL;

CREATE INDEX asset_rejected ON asset (created_at, workspace_id, id)
    WHERE state = 'rejected' AND deleted_at IS NULL;

CREATE INDEX asset_condemned ON asset (object_gone, deleted_at, workspace_id, id)
    WHERE deleted_at IS NOT NULL;

-- When the clean-up ran last: one row.
CREATE TABLE clean_up (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    ran_at INTEGER
) STRICT;

INSERT INTO clean_up (id) VALUES (1);

-- The version of the schema is the newest of these. Releases that know `oldest_release` or a later
-- version can work with it.
CREATE TABLE migration (
    version INTEGER PRIMARY KEY,
    oldest_release INTEGER NOT NULL
) STRICT;
