//! Reading environment variables. An empty one counts as none, as in Plane.

use std::env;

use crate::Failure;

/// Returns the first variable that is set, with its name.
pub(crate) fn first_of<const N: usize>(
    names: [&'static str; N],
) -> Result<Option<(&'static str, String)>, Failure> {
    for name in names {
        if let Some(value) = variable(name)? {
            return Ok(Some((name, value)));
        }
    }
    Ok(None)
}

/// Returns the variable, unless it is empty.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    match env::var_os(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => match value.into_string() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(format!("{name} is not UTF-8")),
        },
    }
}

pub(crate) fn required(name: &str, why: &str) -> Result<String, Failure> {
    variable(name)?.ok_or_else(|| format!("{name} is not set: {why}"))
}

pub(crate) fn switch(name: &str) -> Result<bool, Failure> {
    match variable(name)?.as_deref() {
        None | Some("0") => Ok(false),
        Some("1") => Ok(true),
        Some(other) => Err(format!("{name} {other:?} is neither 0 nor 1")),
    }
}

pub(crate) fn parsed<T>(
    name: &str,
    default: T,
    wrong: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    match variable(name)? {
        None => Ok(default),
        Some(text) => parse(&text).ok_or_else(|| format!("{name} {text:?} {wrong}")),
    }
}
