//! The paths and what can be done there.

use serde_json::{Value, json};

use super::refusals::{self, Bodies, Refusal, header, headers, responses};
use super::settings::Settings;
use crate::asset::WorkspaceSlug;
use crate::auth::Scope;

const ASSET_ID: &str = "550e8400-e29b-41d4-a716-446655440000";
const JSON: &str = "application/json";

pub(super) fn paths(settings: &Settings) -> Value {
    let collection = format!("{}/workspaces/{{slug}}/assets/", settings.base_path);
    let item = format!("{collection}{{asset_id}}/");
    let slug = json!({"$ref": "#/components/parameters/slug"});
    let asset_id = json!({"$ref": "#/components/parameters/asset_id"});
    let mut paths = json!({
        (collection): {
            "parameters": [slug],
            "post": create(settings),
            "options": options(settings, "optionsOfAssets"),
        },
        (item.as_str()): {
            "parameters": [slug, asset_id],
            "get": retrieve(settings, Bodies::Shown),
            "head": retrieve(settings, Bodies::Left),
            "patch": complete(settings),
            "options": options_of_item(settings),
        },
    });
    if settings.deletes {
        paths[&item]["delete"] = delete(settings);
    }
    paths
}

pub(super) fn parameters() -> Value {
    json!({
        "slug": {
            "name": "slug",
            "in": "path",
            "required": true,
            "description": "The workspace's name in paths.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": WorkspaceSlug::MAX_BYTES,
            },
            "example": "my-workspace",
        },
        "asset_id": {
            "name": "asset_id",
            "in": "path",
            "required": true,
            "description": "The asset's id, hyphenated.",
            "schema": {"type": "string", "format": "uuid"},
            "example": ASSET_ID,
        },
    })
}

fn create(settings: &Settings) -> Value {
    let mut operation = operation(
        settings,
        "createAssetUpload",
        "Announce a file and get permission to upload it",
        Scope::AssetsWrite,
        refusals::CREATE,
        Bodies::Shown,
    );
    operation["requestBody"] = json!({
        "required": true,
        "content": {JSON: {
            "schema": {"$ref": "#/components/schemas/UploadRequest"},
            "example": {
                "name": "photo.png",
                "type": "image/png",
                "size": 1024,
                "external_id": "7",
                "external_source": "github",
            },
        }},
    });
    operation["responses"]["200"] = json!({
        "description": "The asset waits for its upload, which is a request of its own to the object \
            store. Say that it is done with PATCH.",
        "headers": headers(settings, 200),
        "content": {JSON: {
            "schema": {"$ref": "#/components/schemas/Upload"},
            "example": {
                "asset_id": ASSET_ID,
                "asset_url": format!("/api/assets/v2/workspaces/my-workspace/projects/None/issues\
                    /None/attachments/{ASSET_ID}/"),
                "upload_data": {
                    "method": "POST",
                    "url": "https://uploads.s3.eu-central-1.amazonaws.com/",
                    "fields": {
                        "Content-Type": "image/png",
                        "key": "e1c2a5b0-0000-4000-8000-000000000001/\
                            00000000000000000000000000000001-photo.png",
                        "x-amz-algorithm": "AWS4-HMAC-SHA256",
                        "x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20260519/eu-central-1/s3/\
                            aws4_request",
                        "x-amz-date": "20260519T101112Z",
                        "policy": "eyJleHBpcmF0aW9uIjoi...",
                        "x-amz-signature": "9a0f...",
                    },
                },
            },
        }},
        "links": links(settings),
    });
    operation
}

/// What can be done with an asset that was just made.
fn links(settings: &Settings) -> Value {
    let link = |operation: &str| {
        json!({
            "operationId": operation,
            "parameters": {
                "slug": "$request.path.slug",
                "asset_id": "$response.body#/asset_id",
            },
        })
    };
    let mut links = json!({
        "complete": link("completeAsset"),
        "retrieve": link("retrieveAsset"),
        "head": link("headAsset"),
    });
    if settings.deletes {
        links["delete"] = link("deleteAsset");
    }
    links
}

fn retrieve(settings: &Settings, bodies: Bodies) -> Value {
    let (id, summary) = match bodies {
        Bodies::Shown => ("retrieveAsset", "Get permission to download a file"),
        Bodies::Left => ("headAsset", "What GET would answer, without its body"),
    };
    let mut operation = operation(
        settings,
        id,
        summary,
        Scope::AssetsRead,
        refusals::RETRIEVE,
        bodies,
    );
    let mut found = json!({
        "description": "The file was uploaded and can be downloaded.",
        "headers": headers(settings, 200),
    });
    if bodies == Bodies::Shown {
        found["content"] = json!({JSON: {"schema": {"$ref": "#/components/schemas/Asset"}}});
    }
    operation["responses"]["200"] = found;
    operation
}

fn complete(settings: &Settings) -> Value {
    let mut operation = operation(
        settings,
        "completeAsset",
        "Say that a file was uploaded, or take that back",
        Scope::AssetsWrite,
        refusals::COMPLETE,
        Bodies::Shown,
    );
    operation["requestBody"] = json!({
        "required": false,
        "description": "No body counts as `{}`.",
        "content": {JSON: {
            "schema": {"$ref": "#/components/schemas/CompletionRequest"},
            "example": {"is_uploaded": true},
        }},
    });
    operation["responses"]["204"] = json!({
        "description": "So it is. Where the host has the object store asked, the file is there as it \
            was announced.",
        "headers": headers(settings, 204),
    });
    operation
}

fn delete(settings: &Settings) -> Value {
    let mut operation = operation(
        settings,
        "deleteAsset",
        "Delete an asset",
        Scope::AssetsWrite,
        refusals::DELETE,
        Bodies::Shown,
    );
    operation["responses"]["204"] = json!({
        "description": "It is gone. The object in the store goes later.",
        "headers": headers(settings, 204),
    });
    operation
}

fn options(settings: &Settings, id: &str) -> Value {
    let mut answers = responses(settings, refusals::OPTIONS, Bodies::Shown);
    let mut named = headers(settings, 204);
    let (name, allow) = header("Allow");
    named[name] = allow;
    answers.insert(
        "204".to_owned(),
        json!({"description": "The methods of this path.", "headers": named}),
    );
    json!({
        "operationId": id,
        "summary": "The methods of this path",
        "security": [],
        "responses": answers,
    })
}

/// Which asset it is doesn't matter, so whatever stands in its place is taken.
fn options_of_item(settings: &Settings) -> Value {
    let mut options = options(settings, "optionsOfAsset");
    options["parameters"] = json!([{
        "name": "asset_id",
        "in": "path",
        "required": true,
        "schema": {"type": "string", "minLength": 1},
        "example": ASSET_ID,
    }]);
    options
}

fn operation(
    settings: &Settings,
    id: &str,
    summary: &str,
    scope: Scope,
    refusals: &[Refusal],
    bodies: Bodies,
) -> Value {
    let scope = scope.as_str();
    let mut operation = json!({
        "operationId": id,
        "summary": summary,
        "description": format!("Needs the scope `{scope}`."),
        "responses": responses(settings, refusals, bodies),
    });
    if settings.header_credentials {
        operation["security"] = json!([{"apiKey": []}, {"bearer": [scope]}]);
    }
    operation
}
