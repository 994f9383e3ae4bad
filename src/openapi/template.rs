//! Fits `template.json` to the host's settings.
//!
//! A string `{{name}}` in the template is a placeholder for a value. The template also has the
//! parts that only some hosts need; [`keeps`] drops them for the others.
//!
//! The patterns in `UploadRequest` accept the values that `ObjectName`, `ExternalLabel` and
//! `Checksum` accept. A test sends random requests and compares the service with the schema.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::digits;
use super::settings::Settings;
use crate::asset::{DisplayName, ExternalLabel, MediaType, Oversize, WorkspaceSlug};

#[expect(
    clippy::expect_used,
    reason = "the template is part of the crate, and every test of the document reads it"
)]
static TEMPLATE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("template.json")).expect("the template is JSON")
});

/// Returns the template unchanged.
pub(super) fn template() -> Value {
    TEMPLATE.clone()
}

/// Fills the placeholders of a document, adds the base path to its paths, and drops the parts that
/// this host doesn't have.
pub(super) fn fit(document: &mut Value, settings: &Settings) {
    fit_part(document, settings, &placeholders(settings));
    if let Some(types) = settings.rules.allowed_types.list() {
        let types = types.into_iter().map(|allowed| json!(allowed));
        let types: Vec<_> = types.chain([json!(""), Value::Null]).collect();
        let member = &mut document["components"]["schemas"]["UploadRequest"]["properties"]["type"];
        *member = json!({"enum": types, "description": member["description"].take()});
    }
    if let Value::Object(paths) = document["paths"].take() {
        let prefixed = paths
            .into_iter()
            .map(|(path, item)| (format!("{}{path}", settings.base_path), item));
        document["paths"] = prefixed.collect::<Map<_, _>>().into();
    }
    if !settings.servers.is_empty() {
        let servers = settings.servers.iter().map(|url| json!({"url": url}));
        document["servers"] = servers.collect();
    }
}

fn placeholders(settings: &Settings) -> [(&'static str, Value); 9] {
    let rules = &settings.rules;
    let most = rules.max_size.bytes();
    let (size_max, size_rule) = match rules.oversize {
        Oversize::Refuse => (most, format!("at most {most}")),
        Oversize::Clamp => (
            u64::MAX,
            format!("for more than {most} a form for {most} is signed"),
        ),
    };
    [
        ("{{version}}", json!(env!("CARGO_PKG_VERSION"))),
        ("{{max_body}}", json!(settings.max_body)),
        ("{{slug_max_bytes}}", json!(WorkspaceSlug::MAX_BYTES)),
        ("{{name_max_chars}}", json!(DisplayName::MAX_CHARS)),
        ("{{type_max_bytes}}", json!(MediaType::MAX_BYTES)),
        ("{{label_max_chars}}", json!(ExternalLabel::MAX_CHARS)),
        ("{{size_rule}}", json!(size_rule)),
        ("{{size_max}}", json!(size_max)),
        ("{{size_digits}}", json!(digits::up_to(size_max))),
    ]
}

fn fit_part(part: &mut Value, settings: &Settings, placeholders: &[(&str, Value)]) {
    match part {
        Value::Object(members) => {
            members.retain(|name, value| keeps(settings, name, value));
            for value in members.values_mut() {
                fit_part(value, settings, placeholders);
            }
        }
        Value::Array(items) => {
            for item in items {
                fit_part(item, settings, placeholders);
            }
        }
        Value::String(text) => match placeholders
            .iter()
            .find(|(placeholder, _)| text.contains(placeholder))
        {
            Some((placeholder, value)) if text == placeholder => *part = value.clone(),
            Some((placeholder, Value::String(value))) => *text = text.replace(placeholder, value),
            Some((placeholder, value)) => *text = text.replace(placeholder, &value.to_string()),
            None => {}
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the document of a host with these settings has this member. Applies at any depth.
fn keeps(settings: &Settings, name: &str, value: &Value) -> bool {
    match name {
        // The operation, and the link to it.
        "delete" => settings.deletes,
        "securitySchemes" => settings.header_credentials,
        // OPTIONS needs no credentials on any host.
        "security" => settings.header_credentials || *value == json!([]),
        "X-RateLimit-Remaining" | "X-RateLimit-Reset" => settings.rate_limited,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::template;
    use crate::service::{COMPLETE_MEMBERS, CREATE_MEMBERS};

    #[test]
    fn every_member_that_is_read_is_documented_and_no_other() {
        let template = template();
        let schemas = &template["components"]["schemas"];
        for (schema, read) in [
            ("UploadRequest", &CREATE_MEMBERS[..]),
            ("CompletionRequest", &COMPLETE_MEMBERS),
        ] {
            let properties = schemas[schema]["properties"].as_object().unwrap();
            let documented: BTreeSet<_> = properties.keys().map(String::as_str).collect();
            assert_eq!(documented, read.iter().copied().collect(), "{schema}");
        }
    }
}
