//! Workspaces, members, API keys and their users.

use time::OffsetDateTime;
use uuid::Uuid;

use super::rows::get;
use crate::asset::{Deletion, UserId, WorkspaceId};
use crate::stores::pg::{Fault, Session, in_micros, values};

/// Roles: 20 is an administrator, 15 a member, 5 a guest.
const ENTER: &str = "\
    SELECT workspaces.id, workspace_members.role = 20 AS is_admin, \
    workspace_members.role = 15 AS is_member FROM workspaces \
    JOIN workspace_members ON workspace_members.workspace_id = workspaces.id \
    WHERE workspaces.slug = $1 AND workspaces.deleted_at IS NULL \
    AND workspace_members.member_id = $2 AND workspace_members.is_active \
    AND workspace_members.deleted_at IS NULL";

/// Doesn't select the key itself, so the key can't get into a log.
const VERIFY: &str = "\
    SELECT api_tokens.id, api_tokens.user_id, api_tokens.last_used FROM api_tokens \
    JOIN users ON users.id = api_tokens.user_id \
    WHERE api_tokens.token = $1 AND api_tokens.is_active AND api_tokens.deleted_at IS NULL \
    AND (api_tokens.expired_at IS NULL OR api_tokens.expired_at > $2) AND users.is_active";

const STAMP: &str = "\
    UPDATE api_tokens SET last_used = $2 \
    WHERE api_tokens.id = $1 AND (api_tokens.last_used IS NULL OR api_tokens.last_used < $2)";

/// A valid API key, without its secret.
pub(super) struct ApiKey {
    pub(super) id: Uuid,
    pub(super) user: UserId,
    pub(super) last_used: Option<OffsetDateTime>,
}

pub(super) async fn enter(
    session: &mut Session,
    slug: &str,
    caller: UserId,
) -> Result<Option<(WorkspaceId, Deletion)>, Fault> {
    let values = values![TEXT: slug, UUID: caller.as_uuid()];
    let rows = session.read(ENTER, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let deletion = match (get(row, "is_admin")?, get(row, "is_member")?) {
        (true, _) => Deletion::Any,
        (false, true) => Deletion::Own,
        (false, false) => Deletion::Nothing,
    };
    Ok(Some((WorkspaceId::new(get(row, "id")?), deletion)))
}

pub(super) async fn verify(
    session: &mut Session,
    key: &str,
    now: OffsetDateTime,
) -> Result<Option<ApiKey>, Fault> {
    let values = values![TEXT: key, TIMESTAMPTZ: in_micros(now)];
    let rows = session.read(VERIFY, &values).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(ApiKey {
        id: get(row, "id")?,
        user: UserId::new(get(row, "user_id")?),
        last_used: get(row, "last_used")?,
    }))
}

pub(super) async fn stamp(
    session: &mut Session,
    key: Uuid,
    used: OffsetDateTime,
) -> Result<(), Fault> {
    let values = values![UUID: key, TIMESTAMPTZ: in_micros(used)];
    session.write(STAMP, &values).await.map(drop)
}
