-- Assets can be rejected.

ALTER TABLE asset
    -- How the object of a rejected one differs from what was announced.
    ADD COLUMN difference text,
    DROP CONSTRAINT asset_state_check,
    ADD CONSTRAINT asset_state_check CHECK (state IN ('pending', 'uploaded', 'rejected')),
    ADD CONSTRAINT asset_difference_check CHECK ((state = 'rejected') = (difference IS NOT NULL));

-- A rejected asset gives its pair free.
DROP INDEX asset_external;
CREATE UNIQUE INDEX asset_external ON asset (workspace_id, external_source, external_id)
    WHERE deleted_at IS NULL AND external_source IS NOT NULL AND external_id IS NOT NULL
    AND state <> 'rejected';

-- Which were rejected, for the clean-up.
CREATE INDEX asset_rejected ON asset (created_at)
    WHERE state = 'rejected' AND deleted_at IS NULL;
