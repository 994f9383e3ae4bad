//! Imports go down only: no file uses a layer above its own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers of the crate, from the ground up. Every file of `src` is in one of them.
const LAYERS: [&[&str]; 6] = [
    &[
        "asset",
        "checksum",
        "clock",
        "difference",
        "error",
        "id",
        "limits",
        "media_type",
        "object_name",
        "pairs",
        "plain",
        "sha256",
        "state",
        "stored_object",
        "workspace",
    ],
    &["sigv4"],
    &[
        "auth",
        "credential",
        "provider",
        "purge",
        "signer",
        "store",
        "verifier",
    ],
    &[
        "cleanup",
        "completion",
        "download",
        "rejection",
        "removal",
        "upload",
        "usecase",
    ],
    &[
        "body",
        "builder",
        "command",
        "json",
        "json_object",
        "layer",
        "presented",
        "response",
        "route",
        "service",
    ],
    &[
        "client",
        "tls",
        "conformance",
        "extension_auth",
        "header_auth",
        "openapi",
        "rate_limit",
        "s3",
        "stores",
    ],
];

/// The front page and its prose belong to no layer.
const ROOT: [&str; 2] = ["lib", "docs"];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The modules that a file names after `crate::`, outside comments and tests. Items of the front page are
/// named, too.
fn uses(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let lines = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    // An exported macro is an item of the front page, wherever it is written.
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    let code = code.replace("$crate::", "");
    let names = code.split("crate::").skip(1);
    names
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap()
                .to_owned()
        })
        .filter(|name| !name.starts_with("__"))
        .collect()
}

#[test]
fn imports_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 30, "only {} files were found", files.len());

    let mut faults = Vec::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if ROOT.contains(&module) {
            continue;
        }
        let Some(own) = layer_of(module) else {
            faults.push(format!("{} is in no layer", inside.display()));
            continue;
        };
        let source = fs::read_to_string(&file).unwrap();
        for used in uses(&source) {
            if layer_of(&used).is_none() {
                faults.push(format!(
                    "{} uses {used} from the front page",
                    inside.display()
                ));
            }
            if layer_of(&used).is_some_and(|layer| layer > own) {
                faults.push(format!(
                    "{} uses {used}, which is above it",
                    inside.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
