//! The vocabulary: every value that travels through the crate, valid by construction.
//!
//! A type here can't hold bad data, so nothing past the constructors validates again. Nothing here does
//! I/O, reads the time or knows a protocol.

mod checksum;
mod clock;
mod id;
mod limits;
mod media_type;
mod mismatch;
mod names;
mod pairs;
mod plain;
mod record;
mod state;
mod stored_object;
mod text;
mod workspace;

pub use checksum::{Checksum, InvalidChecksum};
pub use clock::{Clock, FixedClock, IdSource, RandomIds, SequentialIds, SystemClock};
pub use id::{AssetId, InvalidId, ProjectId, UserId, WorkspaceId};
pub use limits::{
    ExpiresIn, InvalidExpiresIn, InvalidUploadSize, Oversize, PendingCaps, UploadSize,
};
pub use media_type::{AllowedTypes, InvalidMediaType, MediaType};
pub use mismatch::Mismatch;
pub use names::{DisplayName, InvalidObjectKey, InvalidObjectName, ObjectKey, ObjectName};
pub use pairs::Pairs;
pub(crate) use plain::is_plain;
pub use record::{Asset, ExternalLabel, ExternalRef, InvalidExternalLabel, NewAsset};
pub use state::{ChangeOutcome, InvalidStateKind, StateChange, StateKind, UploadState};
pub use stored_object::StoredObject;
pub use workspace::{Deletion, InvalidSlug, Ownership, Workspace, WorkspaceSlug};
