-- The tables of a Plane of May 2026 that the `plane` adapter meets: every column that a migrated
-- database has for them, as far as the adapter could trip over it. Plane's ORM fills every default,
-- the database none.
--
-- Indexes: the unique ones and the primary keys, which are all that is known to be there. Whatever
-- other indexes an instance has can only help.

-- What foreign keys point at. Of these tables the adapter knows nothing but that.
CREATE TABLE issues (id uuid NOT NULL, CONSTRAINT issue_pkey PRIMARY KEY (id));
CREATE TABLE issue_comments (id uuid NOT NULL, CONSTRAINT issue_comment_pkey PRIMARY KEY (id));
CREATE TABLE pages (id uuid NOT NULL, CONSTRAINT pages_pkey PRIMARY KEY (id));
CREATE TABLE draft_issues (id uuid NOT NULL, CONSTRAINT draft_issues_pkey PRIMARY KEY (id));

CREATE TABLE users (
    id uuid NOT NULL,
    username varchar(128) NOT NULL,
    email varchar(255),
    is_active bool NOT NULL,
    is_bot bool NOT NULL,
    CONSTRAINT user_pkey PRIMARY KEY (id),
    CONSTRAINT user_username_key UNIQUE (username),
    CONSTRAINT user_email_key UNIQUE (email)
);

CREATE TABLE workspaces (
    id uuid NOT NULL,
    name varchar(80) NOT NULL,
    slug varchar(48) NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT workspace_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_slug_key UNIQUE (slug)
);

CREATE TABLE workspace_members (
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    id uuid NOT NULL,
    role int2 NOT NULL,
    member_id uuid NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    workspace_id uuid NOT NULL REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED,
    is_active bool NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT workspace_member_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_members_workspace_id_member_id_d_d7bfa872_uniq
        UNIQUE (workspace_id, member_id, deleted_at)
);

CREATE UNIQUE INDEX workspace_member_unique_workspace_member_when_deleted_at_null
    ON workspace_members (workspace_id, member_id) WHERE deleted_at IS NULL;

CREATE TABLE projects (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    identifier varchar(12) NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED,
    archived_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT project_pkey PRIMARY KEY (id),
    CONSTRAINT projects_identifier_workspace_id_deleted_at_7d2fa8c1_uniq
        UNIQUE (identifier, workspace_id, deleted_at),
    CONSTRAINT projects_name_workspace_id_deleted_at_c7aa56f7_uniq
        UNIQUE (name, workspace_id, deleted_at)
);

CREATE UNIQUE INDEX project_unique_identifier_workspace_when_deleted_at_null
    ON projects (identifier, workspace_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX project_unique_name_workspace_when_deleted_at_null
    ON projects (name, workspace_id) WHERE deleted_at IS NULL;

CREATE TABLE api_tokens (
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    id uuid NOT NULL,
    token varchar(255) NOT NULL,
    label varchar(255) NOT NULL,
    user_type int2 NOT NULL,
    created_by_id uuid REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    updated_by_id uuid REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    user_id uuid NOT NULL REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    workspace_id uuid REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED,
    description text NOT NULL,
    expired_at timestamptz,
    is_active bool NOT NULL,
    last_used timestamptz,
    is_service bool NOT NULL,
    deleted_at timestamptz,
    allowed_rate_limit varchar(255) NOT NULL,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_token_key UNIQUE (token)
);

CREATE TABLE file_assets (
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    id uuid NOT NULL,
    attributes jsonb NOT NULL,
    asset varchar(800) NOT NULL,
    created_by_id uuid,
    updated_by_id uuid,
    workspace_id uuid,
    is_deleted bool NOT NULL,
    deleted_at timestamptz,
    is_archived bool NOT NULL,
    comment_id uuid,
    entity_type varchar(255),
    external_id varchar(255),
    external_source varchar(255),
    is_uploaded bool NOT NULL,
    issue_id uuid,
    page_id uuid,
    project_id uuid,
    size float8 NOT NULL,
    storage_metadata jsonb,
    user_id uuid,
    draft_issue_id uuid,
    entity_identifier varchar(255),
    CONSTRAINT file_asset_pkey PRIMARY KEY (id),
    CONSTRAINT file_asset_created_by_id_966942a0_fk_user_id
        FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_asset_updated_by_id_d6aaf4f0_fk_user_id
        FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_workspace_id_fa50b9c5_fk_workspaces_id
        FOREIGN KEY (workspace_id) REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_comment_id_35d4ecaf_fk_issue_comments_id
        FOREIGN KEY (comment_id) REFERENCES issue_comments (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_issue_id_cfe87d6c_fk_issues_id
        FOREIGN KEY (issue_id) REFERENCES issues (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_page_id_64c753d1_fk_pages_id
        FOREIGN KEY (page_id) REFERENCES pages (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_project_id_ebd5c0d8_fk_projects_id
        FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_user_id_ce1818dc_fk_users_id
        FOREIGN KEY (user_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT file_assets_draft_issue_id_52633145_fk_draft_issues_id
        FOREIGN KEY (draft_issue_id) REFERENCES draft_issues (id) DEFERRABLE INITIALLY DEFERRED
);
