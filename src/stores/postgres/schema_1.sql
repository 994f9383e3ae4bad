-- Made in the schema of the options, which is the search path here.
-- Texts that an index compares are in the collation "C": byte by byte, so that no two of them are
-- taken for one and no update of the system's collations breaks the index.
-- Nothing is deleted here but by the clean-up: `deleted_at` tells the dead from the living.

-- The version of the schema is the newest of these. Releases that know `oldest_release` or a later
-- version can work with it.
CREATE TABLE migration (
    version bigint PRIMARY KEY,
    oldest_release bigint NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace (
    id uuid PRIMARY KEY,
    slug text COLLATE "C" NOT NULL,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX workspace_slug ON workspace (slug) WHERE deleted_at IS NULL;

CREATE TABLE member (
    workspace_id uuid NOT NULL REFERENCES workspace (id),
    user_id uuid NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

CREATE TABLE project (
    workspace_id uuid NOT NULL REFERENCES workspace (id),
    id uuid NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (workspace_id, id)
);

-- Never the secret: its SHA-256.
CREATE TABLE credential (
    kind text COLLATE "C" NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    user_id uuid NOT NULL,
    scopes text NOT NULL,
    expires_at timestamptz,
    active boolean NOT NULL,
    PRIMARY KEY (kind, digest)
);

-- Without foreign keys: what they would point to is never deleted, and every insert would lock and
-- write the row of its workspace and of its project.
CREATE TABLE asset (
    workspace_id uuid NOT NULL,
    id uuid NOT NULL,
    project_id uuid,
    object_key text NOT NULL,
    display_name text NOT NULL,
    object_name text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    checksum_sha256 bytea CHECK (octet_length(checksum_sha256) = 32),
    external_source text COLLATE "C",
    external_id text COLLATE "C",
    created_by uuid NOT NULL,
    -- As the replica says that made the asset; nothing goes by it. This server's clock stamps all other
    -- times.
    created_at timestamptz NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'uploaded', 'rejected')),
    -- Since when the asset is pending, or was last.
    pending_since timestamptz NOT NULL DEFAULT now(),
    uploaded_at timestamptz,
    -- How the object of a rejected asset differs from the announcement.
    difference text,
    -- The object store's description of the object; all NULL if the store was not asked.
    stored_size bigint CHECK (stored_size >= 0),
    stored_content_type text,
    stored_content_encoding text,
    stored_etag text,
    stored_version text,
    stored_checksum_sha256 bytea CHECK (octet_length(stored_checksum_sha256) = 32),
    deleted_at timestamptz,
    -- For the clean-up, of a deleted asset. Its object may be there until it is noted as gone.
    object_gone boolean NOT NULL DEFAULT false,
    removal_failures integer NOT NULL DEFAULT 0 CHECK (removal_failures >= 0),
    removal_retry_at timestamptz,
    PRIMARY KEY (workspace_id, id),
    CONSTRAINT asset_difference_check CHECK ((state = 'rejected') = (difference IS NOT NULL))
);

-- A rejected asset gives its pair free.
CREATE UNIQUE INDEX asset_external ON asset (workspace_id, external_source, external_id)
    WHERE deleted_at IS NULL AND external_source IS NOT NULL AND external_id IS NOT NULL
    AND state <> 'rejected';

-- For the caps.
CREATE INDEX asset_pending ON asset (workspace_id, created_by)
    WHERE state = 'pending' AND deleted_at IS NULL;

-- Deleted or rejected, said so that the planner doesn't take this index, where the assets of a workspace
-- are in no order of time, for what the clean-up looks for.
CREATE INDEX asset_discarded ON asset (workspace_id, created_by)
    WHERE num_nonnulls(deleted_at, difference) > 0;

-- Which have been pending longest. Its last condition always holds, and keeps the planner from counting
-- in this one, where the assets of all workspaces are.
CREATE INDEX asset_waiting ON asset (pending_since)
    WHERE state = 'pending' AND deleted_at IS NULL AND NOT object_gone;

-- Which were rejected, for the clean-up.
CREATE INDEX asset_rejected ON asset (created_at)
    WHERE state = 'rejected' AND deleted_at IS NULL;

-- Which deleted ones still have an object, and which of the others can be forgotten.
CREATE INDEX asset_condemned ON asset (deleted_at, workspace_id, id)
    WHERE deleted_at IS NOT NULL AND NOT object_gone;

CREATE INDEX asset_gone ON asset (deleted_at, workspace_id, id)
    WHERE deleted_at IS NOT NULL AND object_gone;
