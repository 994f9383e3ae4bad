-- What the clean-up goes by. An object whose row was deleted may be there until it is said to be gone.
ALTER TABLE asset ADD COLUMN object_gone INTEGER NOT NULL DEFAULT 0 CHECK (object_gone IN (0, 1));

CREATE INDEX asset_stale ON asset (created_at, workspace_id, id)
    WHERE state = 'pending' AND deleted_at IS NULL;

CREATE INDEX asset_condemned ON asset (object_gone, deleted_at, workspace_id, id)
    WHERE deleted_at IS NOT NULL;
