//! Whether a database is Plane's. Looked at, never touched.

use crate::stores::pg::{Fault, Session, Statement, values};

/// Every column that the other statements name.
const LOOK: [&str; 5] = [
    "SELECT id, slug, deleted_at FROM workspaces LIMIT 0",
    "SELECT member_id, workspace_id, is_active, deleted_at FROM workspace_members LIMIT 0",
    "SELECT id, workspace_id, deleted_at FROM projects LIMIT 0",
    "SELECT api_tokens.id, token, user_id, expired_at, api_tokens.is_active, last_used, deleted_at, \
     users.is_active FROM api_tokens JOIN users ON users.id = user_id LIMIT 0",
    "SELECT created_at, updated_at, id, attributes, asset, created_by_id, workspace_id, is_deleted, \
     deleted_at, is_archived, comment_id, entity_type, external_id, external_source, is_uploaded, \
     issue_id, page_id, project_id, size, storage_metadata, user_id, draft_issue_id, \
     entity_identifier FROM file_assets LIMIT 0",
];

/// Fails with the name of the first table or column that is missing or may not be read.
pub(super) async fn look(session: &mut Session) -> Result<(), Fault> {
    let none = values![];
    let statements = LOOK.map(|sql| Statement::new(sql, &none));
    session.transaction(None, &statements).await.map(drop)
}
