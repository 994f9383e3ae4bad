//! Workspaces, members, projects and credentials.

use rusqlite::{Connection, params};
use time::OffsetDateTime;

use super::fault::Fault;
use super::query::{change, one};
use super::rows;
use crate::asset::{ProjectId, UserId, WorkspaceId};
use crate::auth::{CredentialDigest, CredentialKind, CredentialRecord, Principal, Scopes};

const ENTER: &str = "\
    SELECT workspace.id FROM workspace JOIN member ON member.workspace_id = workspace.id \
    WHERE workspace.slug = ?1 AND workspace.deleted_at IS NULL \
    AND member.user_id = ?2 AND member.active = 1";

const VERIFY: &str = "\
    SELECT user_id, scopes, expires_at, active FROM credential WHERE kind = ?1 AND digest = ?2";

const ADD_WORKSPACE: &str = "\
    INSERT INTO workspace (id, slug) VALUES (?1, ?2) \
    ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, deleted_at = NULL";

const REMOVE_WORKSPACE: &str = "\
    UPDATE workspace SET deleted_at = ?2 WHERE id = ?1 AND deleted_at IS NULL";

const ADD_MEMBER: &str = "\
    INSERT INTO member (workspace_id, user_id, active) VALUES (?1, ?2, 1) \
    ON CONFLICT (workspace_id, user_id) DO UPDATE SET active = 1";

const REMOVE_MEMBER: &str = "\
    UPDATE member SET active = 0 WHERE workspace_id = ?1 AND user_id = ?2";

const ADD_PROJECT: &str = "\
    INSERT INTO project (workspace_id, id) VALUES (?1, ?2) \
    ON CONFLICT (workspace_id, id) DO UPDATE SET deleted_at = NULL";

const REMOVE_PROJECT: &str = "\
    UPDATE project SET deleted_at = ?3 WHERE workspace_id = ?1 AND id = ?2 AND deleted_at IS NULL";

const ADD_CREDENTIAL: &str = "\
    INSERT INTO credential (kind, digest, user_id, scopes, expires_at, active) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
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

pub(super) fn enter(
    connection: &Connection,
    slug: &str,
    caller: UserId,
) -> Result<Option<WorkspaceId>, Fault> {
    let key = params![slug, caller.as_uuid()];
    one(connection, ENTER, key, |row| rows::id(row, "id"))
}

pub(super) fn verify(
    connection: &Connection,
    kind: CredentialKind,
    digest: CredentialDigest,
    now: OffsetDateTime,
) -> Result<Option<Principal>, Fault> {
    let key = params![kind.as_str(), digest.as_bytes()];
    let record = one(connection, VERIFY, key, |row| {
        let scopes = row.get_ref("scopes")?.as_str();
        let scopes = scopes.map_err(|_| Fault::Row("scopes"))?;
        Ok(CredentialRecord {
            kind,
            digest,
            principal: Principal::new(rows::id(row, "user_id")?, Scopes::parse(scopes)),
            expires_at: row
                .get::<_, Option<i64>>("expires_at")?
                .map(|end| rows::instant(end, "expires_at"))
                .transpose()?,
            active: row.get("active")?,
        })
    })?;
    Ok(record.and_then(|record| record.principal_at(now).cloned()))
}

pub(super) fn add_workspace(
    connection: &Connection,
    id: WorkspaceId,
    slug: &str,
) -> Result<(), Fault> {
    change(connection, ADD_WORKSPACE, params![id.as_uuid(), slug]).map(drop)
}

pub(super) fn remove_workspace(
    connection: &Connection,
    id: WorkspaceId,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let values = params![id.as_uuid(), rows::nanos(now)?];
    change(connection, REMOVE_WORKSPACE, values).map(drop)
}

pub(super) fn add_member(
    connection: &Connection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<(), Fault> {
    let values = params![workspace.as_uuid(), user.as_uuid()];
    change(connection, ADD_MEMBER, values).map(drop)
}

pub(super) fn remove_member(
    connection: &Connection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<(), Fault> {
    let values = params![workspace.as_uuid(), user.as_uuid()];
    change(connection, REMOVE_MEMBER, values).map(drop)
}

pub(super) fn add_project(
    connection: &Connection,
    workspace: WorkspaceId,
    project: ProjectId,
) -> Result<(), Fault> {
    let values = params![workspace.as_uuid(), project.as_uuid()];
    change(connection, ADD_PROJECT, values).map(drop)
}

pub(super) fn remove_project(
    connection: &Connection,
    workspace: WorkspaceId,
    project: ProjectId,
    now: OffsetDateTime,
) -> Result<(), Fault> {
    let values = params![workspace.as_uuid(), project.as_uuid(), rows::nanos(now)?];
    change(connection, REMOVE_PROJECT, values).map(drop)
}

pub(super) fn add_credential(
    connection: &Connection,
    record: &CredentialRecord,
) -> Result<(), Fault> {
    let values = params![
        record.kind.as_str(),
        record.digest.as_bytes(),
        record.principal.user.as_uuid(),
        record.principal.scopes.to_string(),
        record.expires_at.map(rows::nanos_of_end),
        record.active,
    ];
    change(connection, ADD_CREDENTIAL, values).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::sqlite::query::plan;

    #[test]
    fn every_statement_is_a_search_of_an_index() {
        for sql in [
            ENTER,
            VERIFY,
            REMOVE_WORKSPACE,
            REMOVE_MEMBER,
            REMOVE_PROJECT,
        ] {
            let steps = plan(sql);
            assert!(!steps.is_empty(), "{sql}");
            for step in steps {
                assert!(step.starts_with("SEARCH "), "{step}: {sql}");
            }
        }
        for sql in [ADD_WORKSPACE, ADD_MEMBER, ADD_PROJECT, ADD_CREDENTIAL] {
            assert_eq!(plan(sql), [""; 0], "{sql}");
        }
    }
}
