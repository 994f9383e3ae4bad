//! Pages that need more room than an item's documentation has.

#[doc = include_str!("../docs/bring-your-own-store.md")]
pub mod bring_your_own_store {}

#[doc = include_str!("../docs/differences-from-plane.md")]
pub mod differences_from_plane {}

#[doc = include_str!("../docs/object-stores.md")]
pub mod object_stores {}

#[doc = include_str!("../docs/plane-sidecar.md")]
pub mod plane_sidecar {}
