//! The document as a judge of answers, and what it has seen of what it says.

use std::collections::{BTreeMap, BTreeSet};

use http::HeaderMap;
use jsonschema::Validator;
use serde_json::{Value, json};
use tower_asset_upload::openapi::OpenApi;

use super::support::Answer;

/// What every answer may carry without a word of documentation: it is HTTP's own.
const HTTPS_OWN: [&str; 2] = ["content-type", "content-length"];

/// The responses that belong to no operation: to other methods of a path, and to other paths.
const BESIDE: [(&str, u16); 2] = [("MethodNotAllowed", 405), ("PathNotFound", 404)];

/// An operation's id or a response's name, a status and a word for programs: empty where there is none.
pub(crate) type Documented = (String, u16, String);

pub(crate) struct Document {
    pub(crate) value: Value,
    /// With every object of an answer closed, so that a member that is not listed shows.
    closed: Value,
    seen: BTreeSet<Documented>,
}

impl Document {
    pub(crate) fn new(document: &OpenApi) -> Self {
        let value: Value = serde_json::from_str(&document.to_json()).unwrap();
        let mut closed = value.clone();
        for schema in members_mut(&mut closed["components"]["schemas"]) {
            if schema.get("properties").is_some() {
                schema["additionalProperties"] = json!(false);
            }
        }
        Self {
            value,
            closed,
            seen: BTreeSet::new(),
        }
    }

    /// What validates against a schema of the document.
    pub(crate) fn validator(&self, schema: &Value) -> Validator {
        validator(&self.value, schema)
    }

    /// Fails unless the answer is just as documented.
    #[track_caller]
    pub(crate) fn judge(&mut self, method: &str, path: &str, answer: &Answer) {
        let said = answer.shown();
        let status = answer.status.as_u16();
        let (id, response) = if let Some(operation) = self.operation(method, path) {
            let id = operation["operationId"].as_str().unwrap();
            let response = operation["responses"].get(status.to_string());
            (id, response)
        } else {
            let is_known = self
                .operations()
                .iter()
                .any(|((template, _), _)| matches(template, path));
            let (name, expected) = BESIDE[usize::from(!is_known)];
            assert_eq!(status, expected, "{method} {path}: {said}");
            (name, self.value["components"]["responses"].get(name))
        };
        let id = id.to_owned();
        let response = response.unwrap_or_else(|| panic!("{id}: not documented: {said}"));
        let response = response.clone();

        self.judge_headers(&id, &response["headers"], &answer.headers);
        let code = if let Some(content) = response.get("content") {
            assert_eq!(answer.headers["content-type"], "application/json", "{id}");
            let schema = &content["application/json"]["schema"];
            let body = answer.json();
            if let Err(fault) = validator(&self.closed, schema).validate(&body) {
                panic!("{id}: {fault}: {said}");
            }
            body["code"].as_str().unwrap_or_default().to_owned()
        } else {
            assert!(
                answer.body.is_empty(),
                "{id}: a body, not documented: {said}"
            );
            String::new()
        };
        self.seen.insert((id, status, code));
    }

    fn judge_headers(&self, id: &str, documented: &Value, sent: &HeaderMap) {
        let mut known: BTreeSet<String> = HTTPS_OWN.map(str::to_owned).into();
        for (name, header) in members(documented) {
            let header = self.resolved(header);
            let values: Vec<_> = sent.get_all(name).iter().collect();
            let [value] = values[..] else {
                panic!("{id}: {name} is there {} times", values.len());
            };
            assert_eq!(header["required"], true, "{name}");
            let text = value.to_str().unwrap();
            let schema = &header["schema"];
            let value = match schema["type"].as_str() {
                Some("integer") => text.parse::<u64>().unwrap().into(),
                _ => Value::from(text),
            };
            assert!(
                self.validator(schema).is_valid(&value),
                "{id}: {name}: {text}"
            );
            known.insert(name.to_ascii_lowercase());
        }
        for name in sent.keys() {
            assert!(
                known.contains(name.as_str()),
                "{id}: {name}, not documented"
            );
        }
    }

    /// What the document says that was not seen, and only that.
    pub(crate) fn unseen(&self) -> BTreeSet<Documented> {
        self.documented().difference(&self.seen).cloned().collect()
    }

    pub(crate) fn documented(&self) -> BTreeSet<Documented> {
        let mut all = BTreeSet::new();
        for (_, operation) in self.operations() {
            let id = operation["operationId"].as_str().unwrap();
            for (status, response) in members(&operation["responses"]) {
                let status: u16 = status.parse().unwrap();
                for code in codes(&response["content"]["application/json"]["schema"]) {
                    all.insert((id.to_owned(), status, code));
                }
            }
        }
        let beside = &self.value["components"]["responses"];
        assert_eq!(members(beside).count(), BESIDE.len(), "{beside:#}");
        for (name, status) in BESIDE {
            for code in codes(&beside[name]["content"]["application/json"]["schema"]) {
                all.insert((name.to_owned(), status, code));
            }
        }
        all
    }

    /// Each with its path and method.
    pub(crate) fn operations(&self) -> Vec<((&str, &str), &Value)> {
        let paths = members(&self.value["paths"]);
        paths
            .flat_map(|(path, item)| {
                members(item)
                    .filter(|(name, _)| *name != "parameters")
                    .map(move |(method, operation)| ((path, method), operation))
            })
            .collect()
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let operations = self.operations().into_iter();
        let mut found = operations.filter(|((template, documented), _)| {
            documented.eq_ignore_ascii_case(method) && matches(template, path)
        });
        found.next().map(|(_, operation)| operation)
    }

    fn resolved<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(place) => self.value.pointer(&place[1..]).expect(place),
            None => part,
        }
    }
}

/// Whether a path is of a template, whose parts in braces stand for any text without slashes.
fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(part, given)| part.starts_with('{') || part == given)
}

fn validator(document: &Value, schema: &Value) -> Validator {
    let root = json!({"allOf": [schema], "components": document["components"]});
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&root)
        .unwrap()
}

/// The words that a response's schema lets `code` be: one empty one where it doesn't have any.
fn codes(schema: &Value) -> Vec<String> {
    let alternatives = schema["anyOf"].as_array();
    let alternatives = alternatives.map_or_else(|| std::slice::from_ref(schema), Vec::as_slice);
    let codes: Vec<_> = alternatives
        .iter()
        .filter_map(|shape| shape["properties"]["code"]["enum"].as_array())
        .flatten()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect();
    if codes.is_empty() {
        vec![String::new()]
    } else {
        codes
    }
}

pub(crate) fn members(object: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members: BTreeMap<_, _> = object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    members.into_iter()
}

fn members_mut(object: &mut Value) -> impl Iterator<Item = &mut Value> {
    object.as_object_mut().unwrap().values_mut()
}
