//! The folders of `src` are layers: imports between folders only go down, no file imports another in a
//! circle, and nothing imports from `lib.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder or file at the root of `src`, and those that it may import from.
const LAYERS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("forward", &[]),
    ("tls", &["error"]),
    ("http_client", &["error", "tls"]),
    ("asset", &["error"]),
    ("sigv4", &["asset"]),
    ("auth", &["asset", "error"]),
    ("ports", &["asset", "auth", "error"]),
    ("usecase", &["asset", "auth", "error", "ports"]),
    ("service", &["asset", "auth", "error", "ports", "usecase"]),
    ("rate_limit", &["asset", "auth", "error", "service"]),
    ("openapi", &["asset", "auth", "ports", "service"]),
    (
        "s3",
        &["asset", "error", "http_client", "ports", "sigv4", "tls"],
    ),
    ("stores", &["asset", "auth", "error", "ports", "tls"]),
    (
        "client",
        &["asset", "auth", "error", "http_client", "ports", "tls"],
    ),
];

/// What only tools have: they may use the whole public API.
const TOOLS: [&str; 1] = ["conformance"];

/// The front page and its prose.
const FRONT: [&str; 2] = ["lib", "docs"];

/// The path of a module, such as `["asset", "id"]`; empty for `lib.rs`.
type Module = Vec<String>;

/// The files of `src` by their modules.
struct House {
    files: BTreeMap<Module, File>,
}

struct File {
    /// Every path that the file names, as absolute segments below `crate`.
    paths: BTreeSet<Vec<String>>,
    /// What each name means that the file imports.
    imports: BTreeMap<String, Vec<String>>,
}

impl House {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut sources = Vec::new();
        find_sources(&root, &mut sources);
        assert!(sources.len() > 100, "only {} files", sources.len());
        let files = sources.iter().map(|file| {
            let module = module_of(file.strip_prefix(&root).unwrap());
            let read = File::read(&fs::read_to_string(file).unwrap(), &module);
            (module, read)
        });
        Self {
            files: files.collect(),
        }
    }

    /// The module that defines what a path names, through any number of re-exports.
    fn definer(&self, path: &[String]) -> Module {
        let mut module = Module::new();
        for (at, name) in path.iter().enumerate() {
            let inner = [&*module, std::slice::from_ref(name)].concat();
            if self.files.contains_key(&inner) {
                module = inner;
                continue;
            }
            let imported = self.files[&module].imports.get(name);
            return match imported.filter(|target| **target != path[..=at]) {
                Some(target) => self.definer(target),
                None => module,
            };
        }
        module
    }

    /// Which file imports from which.
    fn arrows(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let arrows = self.files.iter().map(|(module, file)| {
            let mut to: BTreeSet<_> = file.paths.iter().map(|path| self.definer(path)).collect();
            to.remove(module);
            (module, to)
        });
        arrows.collect()
    }
}

impl File {
    fn read(source: &str, module: &[String]) -> Self {
        let tokens = tokens(source);
        let mut file = Self {
            paths: BTreeSet::new(),
            imports: BTreeMap::new(),
        };
        let mut at = 0;
        while at < tokens.len() {
            let is_use = tokens[at] == "use";
            let names = |word: &str| matches!(word, "crate" | "super" | "self");
            let begins = names(&tokens[at])
                && tokens.get(at + 1).is_some_and(|next| next == "::")
                && (at == 0 || !matches!(&*tokens[at - 1], "::" | "$" | "in"));
            if is_use {
                at += 1;
                let mut leaves = Vec::new();
                read_tree(&tokens, &mut at, &[], &mut leaves);
                for (path, name) in leaves {
                    if let Some(path) = absolute(&path, module) {
                        file.paths.insert(path.clone());
                        file.imports.insert(name, path);
                    }
                }
            } else if begins {
                let mut path = Vec::new();
                read_path(&tokens, &mut at, &mut path);
                file.paths.extend(absolute(&path, module));
            } else {
                at += 1;
            }
        }
        file
    }
}

fn find_sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            into.push(path);
        }
    }
}

fn module_of(file: &Path) -> Module {
    let mut module: Module = file
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if ["mod", "lib"].contains(&&**module.last().unwrap()) {
        module.pop();
    }
    module
}

/// The words, `::`, `$`, braces, commas and semicolons of a file, without comments, texts and tests.
fn tokens(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap();
    let mut tokens = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '"' {
            text_length(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if "{},;$*".contains(first) {
                tokens.push(first.to_string());
            }
            // `'"'` opens no text.
            if rest.starts_with("'\"'") {
                3
            } else {
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

/// The length of a string literal, its quotes included.
fn text_length(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |end| end + 2)
}

/// Reads `a::b::c` from where `at` stands.
fn read_path(tokens: &[String], at: &mut usize, path: &mut Vec<String>) {
    path.push(tokens[*at].clone());
    *at += 1;
    while tokens.get(*at).is_some_and(|token| token == "::")
        && tokens
            .get(*at + 1)
            .is_some_and(|next| next.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    {
        path.push(tokens[*at + 1].clone());
        *at += 2;
    }
}

/// Reads what follows `use`: every path of the tree, and the name that it gets.
fn read_tree(
    tokens: &[String],
    at: &mut usize,
    before: &[String],
    leaves: &mut Vec<(Vec<String>, String)>,
) {
    let mut path = before.to_vec();
    loop {
        match tokens.get(*at).map(String::as_str) {
            Some("{") => {
                *at += 1;
                while tokens[*at] != "}" {
                    read_tree(tokens, at, &path, leaves);
                    if tokens[*at] == "," {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            Some("::") => *at += 1,
            Some("as") => {
                path.pop_if(|last| last == "self");
                leaves.push((path, tokens[*at + 1].clone()));
                *at += 2;
                return;
            }
            None | Some("," | "}" | ";") => {
                path.pop_if(|last| last == "self");
                let name = path.last().cloned().unwrap_or_default();
                leaves.push((path, name));
                return;
            }
            Some(word) => {
                path.push(word.to_owned());
                *at += 1;
            }
        }
    }
}

/// A path from the crate's root. `None` for one that leads into another crate.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let mut from = match &**first {
        "crate" => Module::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().saturating_sub(1)].to_vec(),
        // The children that a `mod.rs` re-exports from.
        child if is_child(module, child) => [module, std::slice::from_ref(first)].concat(),
        _ => return None,
    };
    for name in rest {
        if name == "super" {
            from.pop();
        } else {
            from.push(name.clone());
        }
    }
    Some(from)
}

fn is_child(module: &[String], name: &str) -> bool {
    let mut folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    folder.extend(module);
    folder.join(name).with_extension("rs").is_file() || folder.join(name).join("mod.rs").is_file()
}

fn shown(module: &[String]) -> String {
    if module.is_empty() {
        "lib.rs".to_owned()
    } else {
        module.join("::")
    }
}

#[test]
fn imports_between_folders_go_down_only() {
    let house = House::read();
    let mut faults = Vec::new();
    for (module, arrows) in house.arrows() {
        let Some(folder) = module.first() else {
            continue;
        };
        if FRONT.contains(&&**folder) {
            continue;
        }
        let allowed = LAYERS.iter().find(|(name, _)| name == folder);
        let is_tool = TOOLS.contains(&&**folder);
        if allowed.is_none() && !is_tool {
            faults.push(format!("{} is in no layer", shown(module)));
            continue;
        }
        for target in arrows {
            let fault = match target.first() {
                _ if is_tool => false,
                None => true,
                Some(other) if other == folder => false,
                Some(other) => !allowed.is_some_and(|(_, below)| below.contains(&&**other)),
            };
            if fault {
                faults.push(format!("{} imports {}", shown(module), shown(&target)));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let house = House::read();
    let mut left = house.arrows();
    // Drops the files that no circle contains: those without an import, and those that no file imports.
    // What is left when nothing more can be dropped are the circles, and the ways between them.
    loop {
        let imported: BTreeSet<_> = left.values().flatten().cloned().collect();
        let ends: Vec<_> = left
            .iter()
            .filter(|(module, to)| {
                to.iter().all(|target| !left.contains_key(target)) || !imported.contains(**module)
            })
            .map(|(module, _)| *module)
            .collect();
        if ends.is_empty() {
            break;
        }
        for module in ends {
            left.remove(module);
        }
    }
    let circles: Vec<_> = left
        .iter()
        .flat_map(|(module, to)| to.iter().map(move |target| (module, target)))
        .filter(|(_, target)| left.contains_key(target))
        .map(|(module, target)| format!("{} imports {}", shown(module), shown(target)))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn the_reader_of_imports_sees_them() {
    let source = "use super::id::{AssetId, self as ids}; use http::Method; // use crate::no;\n\
                  pub use names::Name; fn f() -> crate::error::BoxError { \"crate::text::Only\" }\n\
                  #[cfg(test)] mod tests { use crate::client::Client; }";
    let module = ["asset".to_owned()];
    let file = File::read(source, &module);
    let paths: Vec<_> = file.paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(
        paths,
        ["asset::names::Name", "error::BoxError", "id", "id::AssetId"]
    );
    assert_eq!(file.imports["ids"], ["id"]);
}
