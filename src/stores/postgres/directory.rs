//! Workspaces, members, projects and credentials.

use time::OffsetDateTime;

use super::rows;
use super::tables::Tables;
use crate::asset::{ProjectId, UserId, WorkspaceId, WorkspaceSlug};
use crate::auth::{CredentialDigest, CredentialKind, CredentialRecord, Principal, Scopes};
use crate::stores::pg::{Fault, Values, in_micros, values};

const ENTER: &str = "\
    SELECT workspace.id FROM {schema}.workspace \
    JOIN {schema}.member ON member.workspace_id = workspace.id \
    WHERE workspace.slug = $1 AND workspace.deleted_at IS NULL \
    AND member.user_id = $2 AND member.active";

const VERIFY: &str = "\
    SELECT user_id, scopes, expires_at, active FROM {schema}.credential \
    WHERE kind = $1 AND digest = $2";

const ADD_WORKSPACE: &str = "\
    INSERT INTO {schema}.workspace (id, slug) VALUES ($1, $2) \
    ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, deleted_at = NULL";

const REMOVE_WORKSPACE: &str = "\
    UPDATE {schema}.workspace SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL";

const ADD_MEMBER: &str = "\
    INSERT INTO {schema}.member (workspace_id, user_id, active) VALUES ($1, $2, true) \
    ON CONFLICT (workspace_id, user_id) DO UPDATE SET active = true";

const REMOVE_MEMBER: &str = "\
    UPDATE {schema}.member SET active = false WHERE workspace_id = $1 AND user_id = $2";

const ADD_PROJECT: &str = "\
    INSERT INTO {schema}.project (workspace_id, id) VALUES ($1, $2) \
    ON CONFLICT (workspace_id, id) DO UPDATE SET deleted_at = NULL";

const REMOVE_PROJECT: &str = "\
    UPDATE {schema}.project SET deleted_at = now() \
    WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL";

const ADD_CREDENTIAL: &str = "\
    INSERT INTO {schema}.credential (kind, digest, user_id, scopes, expires_at, active) \
    VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (kind, digest) DO UPDATE SET user_id = excluded.user_id, \
    scopes = excluded.scopes, expires_at = excluded.expires_at, active = excluded.active";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    ENTER,
    VERIFY,
    ADD_WORKSPACE,
    REMOVE_WORKSPACE,
    ADD_MEMBER,
    REMOVE_MEMBER,
    ADD_PROJECT,
    REMOVE_PROJECT,
    ADD_CREDENTIAL,
];

pub(super) async fn enter(
    mut tables: Tables,
    slug: WorkspaceSlug,
    caller: UserId,
) -> Result<Option<WorkspaceId>, Fault> {
    let key = values![TEXT: slug.as_str(), UUID: caller.as_uuid()];
    let found = tables.read(ENTER, &key).await?;
    found.first().map(|row| rows::id(row, "id")).transpose()
}

pub(super) async fn verify(
    mut tables: Tables,
    kind: CredentialKind,
    digest: CredentialDigest,
    now: OffsetDateTime,
) -> Result<Option<Principal>, Fault> {
    let key = values![TEXT: kind.as_str(), BYTEA: digest.as_bytes().as_slice()];
    let found = tables.read(VERIFY, &key).await?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let scopes = Scopes::parse(rows::column(row, "scopes")?);
    let record = CredentialRecord {
        kind,
        digest,
        principal: Principal::new(rows::id(row, "user_id")?, scopes),
        expires_at: rows::column(row, "expires_at")?,
        active: rows::column(row, "active")?,
    };
    Ok(record.principal_at(now).cloned())
}

pub(super) async fn add_workspace(
    tables: Tables,
    id: WorkspaceId,
    slug: WorkspaceSlug,
) -> Result<(), Fault> {
    let values = values![UUID: id.as_uuid(), TEXT: slug.as_str()];
    ensure(tables, ADD_WORKSPACE, &values).await
}

pub(super) async fn remove_workspace(tables: Tables, id: WorkspaceId) -> Result<(), Fault> {
    let values = values![UUID: id.as_uuid()];
    ensure(tables, REMOVE_WORKSPACE, &values).await
}

pub(super) async fn add_member(
    tables: Tables,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<(), Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: user.as_uuid()];
    ensure(tables, ADD_MEMBER, &values).await
}

pub(super) async fn remove_member(
    tables: Tables,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<(), Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: user.as_uuid()];
    ensure(tables, REMOVE_MEMBER, &values).await
}

pub(super) async fn add_project(
    tables: Tables,
    workspace: WorkspaceId,
    project: ProjectId,
) -> Result<(), Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: project.as_uuid()];
    ensure(tables, ADD_PROJECT, &values).await
}

pub(super) async fn remove_project(
    tables: Tables,
    workspace: WorkspaceId,
    project: ProjectId,
) -> Result<(), Fault> {
    let values = values![UUID: workspace.as_uuid(), UUID: project.as_uuid()];
    ensure(tables, REMOVE_PROJECT, &values).await
}

pub(super) async fn add_credential(tables: Tables, record: CredentialRecord) -> Result<(), Fault> {
    let values = values![
        TEXT: record.kind.as_str(),
        BYTEA: record.digest.as_bytes().as_slice(),
        UUID: record.principal.user.as_uuid(),
        TEXT: record.principal.scopes.to_string(),
        TIMESTAMPTZ: record.expires_at.map(in_micros),
        BOOL: record.active,
    ];
    ensure(tables, ADD_CREDENTIAL, &values).await
}

/// Runs an idempotent change. It is sent again if the connection breaks.
async fn ensure(mut tables: Tables, template: &str, values: &Values<'_>) -> Result<(), Fault> {
    tables.read(template, values).await.map(drop)
}
