//! The decisions, typed and without HTTP: create, complete, retrieve, delete and purge.
//!
//! A use case takes valid values, asks the ports, and returns an outcome or a [`Rejection`].

mod complete;
mod create;
mod delete;
#[cfg(feature = "purge")]
pub(crate) mod periodic;
#[cfg(feature = "purge")]
pub(crate) mod purge;
mod rejection;
mod retrieve;
mod shared;

pub(crate) use create::{CreateUpload, Upload};
pub(crate) use delete::DeletePermit;
pub(crate) use rejection::{Duplicate, Rejection};
pub(crate) use retrieve::Download;
pub(crate) use shared::UseCases;
