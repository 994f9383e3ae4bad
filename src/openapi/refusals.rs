//! Adds the service's error table to the document.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::service::{ApiError, Operation, Row, Schema};

/// Adds the errors of every operation to its responses. Adds the responses to other methods and
/// other paths to the components.
///
/// Moves the descriptions of the statuses out of the template.
pub(super) fn add(document: &mut Value, rate_limited: bool) {
    let descriptions = document
        .as_object_mut()
        .and_then(|members| members.remove("x-error-descriptions"))
        .unwrap_or_default();
    let of = |asked| responses(asked, rate_limited, &descriptions);

    for item in members_mut(&mut document["paths"]) {
        for operation in members_mut(item) {
            let Some(asked) = operation["operationId"].as_str().and_then(operation_of) else {
                continue;
            };
            let is_head = operation["operationId"] == "headAsset";
            for (status, mut response) in of(asked) {
                if is_head && let Value::Object(members) = &mut response {
                    members.remove("content");
                }
                operation["responses"][status] = response;
            }
        }
    }
    let components = &mut document["components"];
    components["responses"] = json!({
        "MethodNotAllowed": of(Operation::OtherMethod).get("405"),
        "PathNotFound": of(Operation::OtherPath).get("404"),
    });
}

fn members_mut(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    let members = value.as_object_mut().into_iter();
    members.flat_map(Map::values_mut)
}

fn operation_of(id: &str) -> Option<Operation> {
    match id {
        "createAssetUpload" => Some(Operation::Create),
        "retrieveAsset" | "headAsset" => Some(Operation::Retrieve),
        "completeAsset" => Some(Operation::Complete),
        "deleteAsset" => Some(Operation::Delete),
        "optionsOfAssets" | "optionsOfAsset" => Some(Operation::Options),
        _ => None,
    }
}

/// Returns the response objects of an operation's errors, by status.
fn responses(asked: Operation, rate_limited: bool, descriptions: &Value) -> Map<String, Value> {
    let mut by_status = BTreeMap::<_, Vec<_>>::new();
    for row in ApiError::ROWS {
        let is_answered = rate_limited || row.schema != Schema::RateLimited;
        if is_answered && row.operations.contains(&asked) {
            let status = row.status.as_str().to_owned();
            by_status.entry(status).or_default().push(row);
        }
    }
    let responses = by_status.into_iter().map(|(status, rows)| {
        let response = response(&rows, &descriptions[&status]);
        (status, response)
    });
    responses.collect()
}

fn response(rows: &[&Row], description: &Value) -> Value {
    let mut codes = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        let codes = codes.entry(schema_name(row.schema)).or_default();
        if !codes.contains(&row.code) {
            codes.push(row.code);
        }
    }
    let shapes = codes.into_iter().map(|(schema, codes)| {
        json!({
            "allOf": [{"$ref": format!("#/components/schemas/{schema}")}],
            "properties": {"code": {"enum": codes}},
        })
    });
    let mut shapes: Vec<_> = shapes.collect();
    let schema = if shapes.len() == 1 {
        shapes.remove(0)
    } else {
        json!({"anyOf": shapes})
    };
    let headers = rows.iter().filter_map(|row| row.header);
    let headers = headers.chain([
        "Cache-Control",
        "X-RateLimit-Remaining",
        "X-RateLimit-Reset",
    ]);
    let headers = headers.map(|name| {
        let place = format!("#/components/headers/{name}");
        (name.to_owned(), json!({"$ref": place}))
    });
    json!({
        "description": description,
        "headers": headers.collect::<Map<_, _>>(),
        "content": {"application/json": {"schema": schema}},
    })
}

fn schema_name(schema: Schema) -> &'static str {
    match schema {
        Schema::RequestFault(_) => "RequestFault",
        Schema::Fault => "Fault",
        Schema::AuthFault => "AuthFault",
        Schema::Duplicate => "Duplicate",
        Schema::RateLimited => "RateLimited",
    }
}

#[cfg(test)]
mod tests {
    use super::super::template;
    use super::*;

    #[test]
    fn every_error_is_documented_for_its_operations() {
        let mut document = template::template();
        add(&mut document, true);
        let mut responses = Vec::new();
        for operation in members_mut(&mut document["paths"]).flat_map(members_mut) {
            if let Some(asked) = operation["operationId"].as_str().and_then(operation_of) {
                responses.push((asked, operation["responses"].take()));
            }
        }
        assert_eq!(responses.len(), 7, "one an operation");
        let beside = document["components"]["responses"].take();
        let other_method = json!({"405": beside["MethodNotAllowed"]});
        responses.push((Operation::OtherMethod, other_method));
        responses.push((Operation::OtherPath, json!({"404": beside["PathNotFound"]})));

        for row in ApiError::ROWS {
            assert!(!row.operations.is_empty(), "{row:?}");
            for asked in row.operations {
                for (_, responses) in responses.iter().filter(|(of, _)| of == asked) {
                    let response = &responses[row.status.as_str()];
                    assert!(response["description"].is_string(), "{row:?}");
                    let has_no_body = response.get("content").is_none();
                    let code = format!("\"{}\"", row.code);
                    assert!(
                        has_no_body || response.to_string().contains(&code),
                        "{row:?} to {asked:?}"
                    );
                }
            }
        }
    }
}
