-- The six tables of a Plane of May 2026 that the `plane` adapter meets, whole: every column and every
-- index that a migrated database has. Plane's ORM fills every default, the database none.
--
-- Foreign keys: all of `file_assets`, and elsewhere those that join two of these tables.

-- Foreign keys of `file_assets` point at these, of which the adapter knows nothing else.
CREATE TABLE issues (id uuid NOT NULL, CONSTRAINT issue_pkey PRIMARY KEY (id));
CREATE TABLE issue_comments (id uuid NOT NULL, CONSTRAINT issue_comment_pkey PRIMARY KEY (id));
CREATE TABLE pages (id uuid NOT NULL, CONSTRAINT pages_pkey PRIMARY KEY (id));
CREATE TABLE draft_issues (id uuid NOT NULL, CONSTRAINT draft_issues_pkey PRIMARY KEY (id));

CREATE TABLE users (
    id uuid NOT NULL,
    avatar text NOT NULL,
    avatar_asset_id uuid,
    bot_type varchar(30),
    cover_image varchar(800),
    cover_image_asset_id uuid,
    created_at timestamptz NOT NULL,
    created_location varchar(255) NOT NULL,
    date_joined timestamptz NOT NULL,
    display_name varchar(255) NOT NULL,
    email varchar(255),
    first_name varchar(255) NOT NULL,
    is_active bool NOT NULL,
    is_bot bool NOT NULL,
    is_email_valid bool NOT NULL,
    is_email_verified bool NOT NULL,
    is_managed bool NOT NULL,
    is_password_autoset bool NOT NULL,
    is_password_expired bool NOT NULL,
    is_password_reset_required bool NOT NULL,
    is_staff bool NOT NULL,
    is_superuser bool NOT NULL,
    last_active timestamptz,
    last_location varchar(255) NOT NULL,
    last_login timestamptz,
    last_login_ip varchar(255) NOT NULL,
    last_login_medium varchar(20) NOT NULL,
    last_login_time timestamptz,
    last_login_uagent text NOT NULL,
    last_logout_ip varchar(255) NOT NULL,
    last_logout_time timestamptz,
    last_name varchar(255) NOT NULL,
    masked_at timestamptz,
    mobile_number varchar(255),
    password varchar(128) NOT NULL,
    token varchar(64) NOT NULL,
    token_updated_at timestamptz,
    updated_at timestamptz NOT NULL,
    user_timezone varchar(255) NOT NULL,
    username varchar(128) NOT NULL,
    CONSTRAINT user_pkey PRIMARY KEY (id),
    CONSTRAINT user_email_key UNIQUE (email),
    CONSTRAINT user_username_key UNIQUE (username)
);

CREATE INDEX user_email_54dc62b2_like
    ON users (email varchar_pattern_ops);
CREATE INDEX user_username_cf016618_like
    ON users (username varchar_pattern_ops);
CREATE INDEX users_avatar_asset_id_50fa2043
    ON users (avatar_asset_id);
CREATE INDEX users_cover_image_asset_id_b9679cbc
    ON users (cover_image_asset_id);

CREATE TABLE workspaces (
    id uuid NOT NULL,
    background_color varchar(255) NOT NULL,
    created_at timestamptz NOT NULL,
    created_by_id uuid,
    deleted_at timestamptz,
    logo text,
    logo_asset_id uuid,
    name varchar(80) NOT NULL,
    organization_size varchar(20),
    owner_id uuid NOT NULL,
    slug varchar(48) NOT NULL,
    timezone varchar(255) NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    CONSTRAINT workspace_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_slug_key UNIQUE (slug)
);

CREATE INDEX workspace_created_by_id_10ad894e
    ON workspaces (created_by_id);
CREATE INDEX workspace_owner_id_60a8bafc
    ON workspaces (owner_id);
CREATE INDEX workspace_slug_4d89d459_like
    ON workspaces (slug varchar_pattern_ops);
CREATE INDEX workspace_updated_by_id_09d249ed
    ON workspaces (updated_by_id);
CREATE INDEX workspaces_logo_asset_id_a784bb00
    ON workspaces (logo_asset_id);

CREATE TABLE workspace_members (
    id uuid NOT NULL,
    company_role text,
    created_at timestamptz NOT NULL,
    created_by_id uuid,
    default_props jsonb NOT NULL,
    deleted_at timestamptz,
    explored_features jsonb NOT NULL,
    getting_started_checklist jsonb NOT NULL,
    is_active bool NOT NULL,
    issue_props jsonb NOT NULL,
    member_id uuid NOT NULL,
    role int2 NOT NULL CHECK (role >= 0),
    tips jsonb NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    view_props jsonb NOT NULL,
    workspace_id uuid NOT NULL,
    CONSTRAINT workspace_member_pkey PRIMARY KEY (id),
    CONSTRAINT workspace_members_workspace_id_member_id_d_d7bfa872_uniq
        UNIQUE (workspace_id, member_id, deleted_at)
);

CREATE INDEX workspace_member_created_by_id_8dc8b040
    ON workspace_members (created_by_id);
CREATE INDEX workspace_member_member_id_824f5497
    ON workspace_members (member_id);
CREATE INDEX workspace_member_updated_by_id_1cec0062
    ON workspace_members (updated_by_id);
CREATE INDEX workspace_member_workspace_id_33f66d4b
    ON workspace_members (workspace_id);
CREATE UNIQUE INDEX workspace_member_unique_workspace_member_when_deleted_at_null
    ON workspace_members (workspace_id, member_id) WHERE deleted_at IS NULL;

CREATE TABLE projects (
    id uuid NOT NULL,
    archive_in int4 NOT NULL,
    archived_at timestamptz,
    close_in int4 NOT NULL,
    cover_image text,
    cover_image_asset_id uuid,
    created_at timestamptz NOT NULL,
    created_by_id uuid,
    cycle_view bool NOT NULL,
    default_assignee_id uuid,
    default_state_id uuid,
    deleted_at timestamptz,
    description text NOT NULL,
    description_html jsonb,
    description_text jsonb,
    emoji varchar(255),
    estimate_id uuid,
    external_id varchar(255),
    external_source varchar(255),
    guest_view_all_features bool NOT NULL,
    icon_prop jsonb,
    identifier varchar(12) NOT NULL,
    intake_view bool NOT NULL,
    is_issue_type_enabled bool NOT NULL,
    is_time_tracking_enabled bool NOT NULL,
    issue_views_view bool NOT NULL,
    logo_props jsonb NOT NULL,
    module_view bool NOT NULL,
    name varchar(255) NOT NULL,
    network int2 NOT NULL CHECK (network >= 0),
    page_view bool NOT NULL,
    project_lead_id uuid,
    timezone varchar(255) NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    workspace_id uuid NOT NULL,
    CONSTRAINT project_pkey PRIMARY KEY (id),
    CONSTRAINT projects_identifier_workspace_id_deleted_at_7d2fa8c1_uniq
        UNIQUE (identifier, workspace_id, deleted_at),
    CONSTRAINT projects_name_workspace_id_deleted_at_c7aa56f7_uniq
        UNIQUE (name, workspace_id, deleted_at)
);

CREATE INDEX project_created_by_id_6cc13408
    ON projects (created_by_id);
CREATE INDEX project_default_assignee_id_6ba45f90
    ON projects (default_assignee_id);
CREATE INDEX project_project_lead_id_caf8e353
    ON projects (project_lead_id);
CREATE INDEX project_updated_by_id_fe290525
    ON projects (updated_by_id);
CREATE INDEX project_workspace_id_01764ff9
    ON projects (workspace_id);
CREATE INDEX projects_cover_image_asset_id_e6636b92
    ON projects (cover_image_asset_id);
CREATE INDEX projects_default_state_id_f13e8b95
    ON projects (default_state_id);
CREATE INDEX projects_estimate_id_85c7b2ac
    ON projects (estimate_id);
CREATE INDEX projects_identifier_3267ade8
    ON projects (identifier);
CREATE INDEX projects_identifier_3267ade8_like
    ON projects (identifier varchar_pattern_ops);
CREATE UNIQUE INDEX project_unique_identifier_workspace_when_deleted_at_null
    ON projects (identifier, workspace_id) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX project_unique_name_workspace_when_deleted_at_null
    ON projects (name, workspace_id) WHERE deleted_at IS NULL;

CREATE TABLE api_tokens (
    id uuid NOT NULL,
    allowed_rate_limit varchar(255) NOT NULL,
    created_at timestamptz NOT NULL,
    created_by_id uuid,
    deleted_at timestamptz,
    description text NOT NULL,
    expired_at timestamptz,
    is_active bool NOT NULL,
    is_service bool NOT NULL,
    label varchar(255) NOT NULL,
    last_used timestamptz,
    token varchar(255) NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    user_id uuid NOT NULL,
    user_type int2 NOT NULL CHECK (user_type >= 0),
    workspace_id uuid,
    CONSTRAINT api_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT api_tokens_token_key UNIQUE (token)
);

CREATE INDEX api_tokens_created_by_id_441e3d24
    ON api_tokens (created_by_id);
CREATE INDEX api_tokens_token_6211101f_like
    ON api_tokens (token varchar_pattern_ops);
CREATE INDEX api_tokens_updated_by_id_bcd544cf
    ON api_tokens (updated_by_id);
CREATE INDEX api_tokens_user_id_2db24e1c
    ON api_tokens (user_id);
CREATE INDEX api_tokens_workspace_id_6791c7bd
    ON api_tokens (workspace_id);

CREATE TABLE file_assets (
    id uuid NOT NULL,
    asset varchar(800) NOT NULL,
    attributes jsonb NOT NULL,
    comment_id uuid,
    created_at timestamptz NOT NULL,
    created_by_id uuid,
    deleted_at timestamptz,
    draft_issue_id uuid,
    entity_identifier varchar(255),
    entity_type varchar(255),
    external_id varchar(255),
    external_source varchar(255),
    is_archived bool NOT NULL,
    is_deleted bool NOT NULL,
    is_uploaded bool NOT NULL,
    issue_id uuid,
    page_id uuid,
    project_id uuid,
    size float8 NOT NULL,
    storage_metadata jsonb,
    updated_at timestamptz NOT NULL,
    updated_by_id uuid,
    user_id uuid,
    workspace_id uuid,
    CONSTRAINT file_asset_pkey PRIMARY KEY (id)
);

CREATE INDEX asset_asset_idx
    ON file_assets (asset);
CREATE INDEX asset_entity_identifier_idx
    ON file_assets (entity_identifier);
CREATE INDEX asset_entity_idx
    ON file_assets (entity_type, entity_identifier);
CREATE INDEX asset_entity_type_idx
    ON file_assets (entity_type);
CREATE INDEX file_asset_created_by_id_966942a0
    ON file_assets (created_by_id);
CREATE INDEX file_asset_updated_by_id_d6aaf4f0
    ON file_assets (updated_by_id);
CREATE INDEX file_assets_comment_id_35d4ecaf
    ON file_assets (comment_id);
CREATE INDEX file_assets_draft_issue_id_52633145
    ON file_assets (draft_issue_id);
CREATE INDEX file_assets_issue_id_cfe87d6c
    ON file_assets (issue_id);
CREATE INDEX file_assets_page_id_64c753d1
    ON file_assets (page_id);
CREATE INDEX file_assets_project_id_ebd5c0d8
    ON file_assets (project_id);
CREATE INDEX file_assets_user_id_ce1818dc
    ON file_assets (user_id);
CREATE INDEX file_assets_workspace_id_fa50b9c5
    ON file_assets (workspace_id);

-- Each is checked at the end of a transaction, as Django has it.
ALTER TABLE users
    ADD FOREIGN KEY (avatar_asset_id) REFERENCES file_assets (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (cover_image_asset_id) REFERENCES file_assets (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE workspaces
    ADD FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (logo_asset_id) REFERENCES file_assets (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (owner_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE workspace_members
    ADD FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (member_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (workspace_id) REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE projects
    ADD FOREIGN KEY (cover_image_asset_id) REFERENCES file_assets (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (default_assignee_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (project_lead_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (workspace_id) REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE api_tokens
    ADD FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (user_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD FOREIGN KEY (workspace_id) REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE file_assets
    ADD CONSTRAINT file_assets_comment_id_35d4ecaf_fk_issue_comments_id
        FOREIGN KEY (comment_id) REFERENCES issue_comments (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_asset_created_by_id_966942a0_fk_user_id
        FOREIGN KEY (created_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_draft_issue_id_52633145_fk_draft_issues_id
        FOREIGN KEY (draft_issue_id) REFERENCES draft_issues (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_issue_id_cfe87d6c_fk_issues_id
        FOREIGN KEY (issue_id) REFERENCES issues (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_page_id_64c753d1_fk_pages_id
        FOREIGN KEY (page_id) REFERENCES pages (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_project_id_ebd5c0d8_fk_projects_id
        FOREIGN KEY (project_id) REFERENCES projects (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_asset_updated_by_id_d6aaf4f0_fk_user_id
        FOREIGN KEY (updated_by_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_user_id_ce1818dc_fk_users_id
        FOREIGN KEY (user_id) REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT file_assets_workspace_id_fa50b9c5_fk_workspaces_id
        FOREIGN KEY (workspace_id) REFERENCES workspaces (id) DEFERRABLE INITIALLY DEFERRED;
