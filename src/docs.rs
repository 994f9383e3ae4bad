//! Longer documentation pages.

// The examples of some pages need features. Without these, the pages are not tested.
#[cfg(any(not(doctest), all(feature = "conformance", feature = "purge")))]
#[doc = include_str!("../docs/bring-your-own-store.md")]
pub mod bring_your_own_store {}

#[doc = include_str!("../docs/differences-from-plane.md")]
pub mod differences_from_plane {}

#[doc = include_str!("../docs/life-of-an-asset.md")]
pub mod life_of_an_asset {}

#[cfg(any(not(doctest), feature = "verify"))]
#[doc = include_str!("../docs/mounting.md")]
pub mod mounting {}

#[doc = include_str!("../docs/object-stores.md")]
pub mod object_stores {}

#[doc = include_str!("../docs/plane-sidecar.md")]
pub mod plane_sidecar {}

#[cfg(any(
    not(doctest),
    all(
        feature = "postgres",
        feature = "purge",
        feature = "rate-limit",
        feature = "verify"
    )
))]
#[doc = include_str!("../docs/production.md")]
pub mod production {}

#[doc = include_str!("../docs/security.md")]
pub mod security {}

#[doc = include_str!("../docs/uppy.md")]
pub mod uppy {}
