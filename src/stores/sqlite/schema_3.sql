-- Assets can be rejected. The CHECK of a column can't be changed in place, so the table is made anew
-- (SQLite, "ALTER TABLE", section 8); nothing refers to it. Its rows keep their order.

CREATE TABLE asset_3 (
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
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'uploaded', 'rejected')),
    uploaded_at INTEGER,
    -- How the object of a rejected one differs from what was announced.
    difference TEXT,
    -- What the object store said of the object; all NULL when it was not asked.
    stored_size INTEGER CHECK (stored_size >= 0),
    stored_content_type TEXT,
    stored_etag TEXT,
    stored_version TEXT,
    stored_checksum_sha256 BLOB CHECK (length(stored_checksum_sha256) = 32),
    deleted_at INTEGER,
    -- What the clean-up goes by. An object whose row was deleted may be there until it is said to be gone.
    object_gone INTEGER NOT NULL DEFAULT 0 CHECK (object_gone IN (0, 1)),
    PRIMARY KEY (workspace_id, id),
    FOREIGN KEY (workspace_id, project_id) REFERENCES project (workspace_id, id),
    CHECK ((state = 'rejected') = (difference IS NOT NULL))
) STRICT;

INSERT INTO asset_3 (
    rowid, workspace_id, id, project_id, object_key, display_name, object_name, media_type, size,
    checksum_sha256, external_source, external_id, created_by, created_at, state, uploaded_at,
    stored_size, stored_content_type, stored_etag, stored_version, stored_checksum_sha256, deleted_at,
    object_gone
) SELECT
    rowid, workspace_id, id, project_id, object_key, display_name, object_name, media_type, size,
    checksum_sha256, external_source, external_id, created_by, created_at, state, uploaded_at,
    stored_size, stored_content_type, stored_etag, stored_version, stored_checksum_sha256, deleted_at,
    object_gone
FROM asset ORDER BY rowid;

DROP TABLE asset;
ALTER TABLE asset_3 RENAME TO asset;

-- A rejected asset gives its pair free.
CREATE UNIQUE INDEX asset_external ON asset (workspace_id, external_source, external_id)
    WHERE deleted_at IS NULL AND external_source IS NOT NULL AND external_id IS NOT NULL
    AND state <> 'rejected';

CREATE INDEX asset_pending ON asset (workspace_id, created_by)
    WHERE state = 'pending' AND deleted_at IS NULL;

CREATE INDEX asset_stale ON asset (created_at, workspace_id, id)
    WHERE state = 'pending' AND deleted_at IS NULL;

CREATE INDEX asset_rejected ON asset (created_at, workspace_id, id)
    WHERE state = 'rejected' AND deleted_at IS NULL;

CREATE INDEX asset_condemned ON asset (object_gone, deleted_at, workspace_id, id)
    WHERE deleted_at IS NOT NULL;
