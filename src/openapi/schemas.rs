//! The bodies: what is sent, exactly as it is checked, and what is answered.

use serde_json::{Value, json};

use super::digits;
use super::settings::Settings;
use crate::asset::{DisplayName, ExternalLabel, MediaType, Oversize};

/// Something is left of it once it is cleaned: behind the last slash or backslash stands a character
/// that is no dot, no white space and none of those that are dropped (`ObjectName::clean`).
const NAME: &str = concat!(
    r"[^\u0000-\u0020./\\\u007f-\u00a0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000]",
    r"[^/\\]*$"
);

/// `Checksum`'s two spellings. 32 bytes leave two bits of the last base64 digit unused, which are 0.
const SHA_256: &str = "^(?:|[0-9A-Fa-f]{64}|[0-9A-Za-z+/]{42}[048AEIMQUYcgkosw]=)$";

/// No control characters.
const LABEL: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

pub(super) fn schemas(settings: &Settings) -> Value {
    json!({
        "UploadRequest": upload_request(settings),
        "CompletionRequest": completion_request(),
        "Upload": upload(),
        "UploadData": upload_data(),
        "Asset": asset(),
        "Duplicate": duplicate(),
        "RequestFault": request_fault(),
        "Fault": fault("error", "What is wrong, in one sentence."),
        "AuthFault": fault("detail", "What is wrong, in one sentence."),
        "RateLimited": rate_limited(),
    })
}

fn upload_request(settings: &Settings) -> Value {
    let rules = &settings.rules;
    let most = rules.max_size.bytes();
    let (taken, beyond) = match rules.oversize {
        Oversize::Refuse => (most, format!("at most {most}")),
        Oversize::Clamp => (
            u64::MAX,
            format!("for more than {most} a form for {most} is signed"),
        ),
    };
    let label = |what: &str| {
        json!({
            "type": ["string", "null"],
            "maxLength": ExternalLabel::MAX_CHARS,
            "pattern": LABEL,
            "description": format!("{what} Null, empty and absent alike."),
        })
    };
    json!({
        "type": "object",
        "description": "A file to be uploaded. Members that are not listed are ignored.",
        "required": ["name", "size"],
        "properties": {
            "name": {
                "type": "string",
                "maxLength": DisplayName::MAX_CHARS,
                "pattern": NAME,
                "description": "The file's name. Only what follows the last slash or backslash \
                    counts; something of it has to be left when control characters, `..`, and \
                    leading dots and spaces are gone.",
            },
            "size": {
                "description": format!("The file's size in bytes; {beyond}."),
                "anyOf": [
                    {"type": "integer", "format": "int64", "minimum": 1, "maximum": taken},
                    {
                        "type": "string",
                        "pattern": digits::up_to(taken),
                        "description": "The same in decimal digits.",
                    },
                ],
            },
            "type": media_type(settings),
            "project_id": {
                "description": "A live project of the workspace. Null, empty and absent alike.",
                "anyOf": [
                    {"type": "string", "format": "uuid"},
                    {"type": "string", "maxLength": 0},
                    {"type": "null"},
                ],
            },
            "external_id": label(
                "How the other system knows the file. With `external_source`, no two living assets \
                 of a workspace have the same.",
            ),
            "external_source": label("The other system, such as `github`."),
            "checksum_sha256": {
                "type": ["string", "null"],
                "pattern": SHA_256,
                "description": "The file's SHA-256 in base64 or hexadecimal, which is then demanded \
                    of the upload. Null, empty and absent alike.",
            },
        },
    })
}

fn media_type(settings: &Settings) -> Value {
    let meant = "The file's media type; its case doesn't matter, and parameters are dropped. Null, \
        empty or absent, it is derived from the extension of `name`, and has to be allowed too.";
    match settings.rules.allowed_types.list() {
        Some(types) => {
            let types = types.into_iter().map(|allowed| json!(allowed));
            let blank = [json!(""), Value::Null];
            let types: Vec<_> = types.chain(blank).collect();
            json!({"enum": types, "description": meant})
        }
        None => json!({
            "type": ["string", "null"],
            "maxLength": MediaType::MAX_BYTES,
            // RFC 6838, section 4.2.
            "pattern": "^(?:|[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]*/[0-9A-Za-z][0-9A-Za-z!#$&^_.+-]*)$",
            "description": meant,
        }),
    }
}

fn completion_request() -> Value {
    json!({
        "type": "object",
        "description": "Members that are not listed are ignored.",
        "properties": {
            "is_uploaded": {
                "type": "boolean",
                "default": true,
                "description": "Whether the file was uploaded; `false` takes it back.",
            },
        },
    })
}

fn asset_id() -> Value {
    json!({"type": "string", "format": "uuid", "description": "The asset's id."})
}

/// Where Plane's own API serves an attachment; the host may give another.
fn asset_path() -> Value {
    json!({
        "type": "string",
        "format": "uri-reference",
        "description": "Where the host serves the asset to people.",
    })
}

fn upload() -> Value {
    json!({
        "type": "object",
        "required": ["asset_id", "asset_url", "upload_data"],
        "properties": {
            "asset_id": asset_id(),
            "asset_url": asset_path(),
            "upload_data": {"$ref": "#/components/schemas/UploadData"},
        },
    })
}

fn upload_data() -> Value {
    let texts = |meant: &str| {
        json!({
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": meant,
        })
    };
    json!({
        "type": "object",
        "description": "The request that uploads the file to the object store, as Uppy's \
            `getUploadParameters` takes it. Good for this file only, and for a limited time.",
        "required": ["method", "url", "fields"],
        "properties": {
            "method": {
                "enum": ["POST", "PUT"],
                "description": "`POST` sends a multipart form, `PUT` the file itself.",
            },
            "url": {
                "type": "string",
                "format": "uri",
                "description": "Where to send it.",
            },
            "fields": texts(
                "The form's fields, to be sent in their order and before the file. Empty with `PUT`.",
            ),
            "headers": texts("The headers to send. Absent with `POST`."),
        },
    })
}

fn asset() -> Value {
    json!({
        "type": "object",
        "required": ["asset_id", "asset_url", "asset_name", "asset_type"],
        "properties": {
            "asset_id": asset_id(),
            "asset_url": {
                "type": "string",
                "format": "uri",
                "description": "Where the object store serves the file, for a limited time.",
            },
            "asset_name": {
                "type": "string",
                "description": "The file's name as it was announced, without control characters.",
            },
            "asset_type": {"type": "string", "description": "The media type that was signed."},
        },
    })
}

fn code() -> Value {
    json!({
        "type": "string",
        "description": "What is wrong, in one word for programs. It does not change.",
    })
}

fn duplicate() -> Value {
    json!({
        "type": "object",
        "description": "The asset that has the same `external_id` and `external_source`.",
        "required": ["message", "code", "asset_id", "asset_url"],
        "properties": {
            "message": {"type": "string"},
            "code": code(),
            "asset_id": asset_id(),
            "asset_url": asset_path(),
            "upload_data": {
                "description": "Only if that asset still waits for its upload: signed anew, for the \
                    name, type and size that were announced the first time.",
                "$ref": "#/components/schemas/UploadData",
            },
        },
    })
}

fn fault(sentence: &str, meant: &str) -> Value {
    json!({
        "type": "object",
        "required": [sentence, "code"],
        "properties": {
            sentence: {"type": "string", "description": meant},
            "code": code(),
        },
    })
}

fn request_fault() -> Value {
    json!({
        "type": "object",
        "required": ["error", "status", "code"],
        "properties": {
            "error": {
                "type": "string",
                "description": "What is wrong and what is accepted, in one sentence.",
            },
            "status": {"const": false},
            "code": code(),
            "field": {
                "type": "string",
                "description": "The member that is at fault, if it is one.",
            },
        },
    })
}

fn rate_limited() -> Value {
    json!({
        "type": "object",
        "required": ["error_code", "error_message", "code"],
        "properties": {
            "error_code": {"const": 5900},
            "error_message": {"const": "RATE_LIMIT_EXCEEDED"},
            "code": code(),
        },
    })
}
