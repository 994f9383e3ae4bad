//! Parses the answers of the server and of the object store.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use time::OffsetDateTime;
use uuid::Uuid;

use super::error::{ClientError, Peer, Refusal};
use super::retry::retry_after;
use super::transport::Reply;
use crate::asset::{AssetId, Pairs};
use crate::ports::UploadData;

/// The longest message that is kept from an answer, in characters.
const MESSAGE: usize = 500;

/// Result of announcing a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Announced {
    /// A new asset was created. Its file has to be uploaded.
    New(Ticket),
    /// An asset with the same external reference exists and is pending. Its file has to be
    /// uploaded.
    Pending(Ticket),
    /// An asset with the same external reference exists and is uploaded. Nothing is left to do.
    Uploaded {
        /// The asset.
        asset_id: AssetId,
        /// The path of the asset in the application (`asset_url`).
        asset_url: String,
    },
}

/// Upload data for one file, and its asset. `Debug` hides form fields and signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticket {
    /// The asset.
    pub asset_id: AssetId,
    /// The path of the asset in the application (`asset_url`).
    pub asset_url: String,
    /// How to send the file.
    pub upload: UploadData,
}

/// A download URL for an uploaded file. `Debug` hides the URL's signature, which gives access to
/// the file.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Located {
    /// The asset.
    pub asset_id: AssetId,
    /// A signed URL to download it from.
    pub url: String,
    /// The file's name as its uploader gave it, for display. To use it as a file name, see
    /// [`ObjectName::clean`](crate::asset::ObjectName::clean).
    pub name: String,
    /// The file's media type.
    pub media_type: String,
}

impl fmt::Debug for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Located")
            .field("asset_id", &self.asset_id)
            .field("url", &self.url.split('?').next())
            .field("name", &self.name)
            .field("media_type", &self.media_type)
            .finish()
    }
}

/// The body of the answer to an announcement: of a 200, or of a 409.
#[derive(Deserialize)]
struct AnnouncedBody {
    asset_id: Uuid,
    #[serde(default)]
    asset_url: String,
    upload_data: Option<UploadBody>,
    code: Option<String>,
}

#[derive(Deserialize)]
struct UploadBody {
    method: Method,
    url: String,
    #[serde(default)]
    fields: Ordered,
    #[serde(default)]
    headers: Ordered,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    Post,
    Put,
}

#[derive(Deserialize)]
struct LocatedBody {
    #[serde(rename = "asset_id")]
    id: Uuid,
    #[serde(rename = "asset_url")]
    url: String,
    #[serde(rename = "asset_name", default)]
    name: String,
    #[serde(rename = "asset_type", default)]
    media_type: String,
}

#[derive(Default, Deserialize)]
struct RefusalBody {
    code: Option<String>,
    field: Option<String>,
    error: Option<String>,
    detail: Option<String>,
    message: Option<String>,
    error_message: Option<String>,
}

/// The members of a JSON object, in their order.
#[derive(Default)]
struct Ordered(Pairs);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut pairs = Pairs::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    pairs.push(&name, &value);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

impl From<UploadBody> for UploadData {
    fn from(body: UploadBody) -> Self {
        match body.method {
            Method::Post => Self::post(body.url.into(), body.fields.0),
            Method::Put => Self::put(body.url.into(), body.headers.0),
        }
    }
}

pub(super) fn announced(reply: &Reply, now: OffsetDateTime) -> Result<Announced, ClientError> {
    let created = reply.status.is_success();
    if !created && reply.status != http::StatusCode::CONFLICT {
        return Err(refused(Peer::Server, reply, now));
    }
    let body = match read::<AnnouncedBody>(reply) {
        Err(_) if !created => return Err(refused(Peer::Server, reply, now)),
        body => body?,
    };
    let (asset_id, asset_url) = (body.asset_id.into(), body.asset_url);
    match body.upload_data {
        Some(upload) => {
            let ticket = Ticket {
                asset_id,
                asset_url,
                upload: upload.into(),
            };
            Ok(if created {
                Announced::New(ticket)
            } else {
                Announced::Pending(ticket)
            })
        }
        None if created => Err(ClientError::Answer("`upload_data` is missing".to_owned())),
        // Plane sends no `code`, and doesn't say whether the asset was uploaded.
        None if body.code.as_deref() == Some("asset_exists") => Ok(Announced::Uploaded {
            asset_id,
            asset_url,
        }),
        None => Err(refused(Peer::Server, reply, now)),
    }
}

pub(super) fn located(reply: &Reply, now: OffsetDateTime) -> Result<Located, ClientError> {
    done(Peer::Server, reply, now)?;
    let body: LocatedBody = read(reply)?;
    Ok(Located {
        asset_id: body.id.into(),
        url: body.url,
        name: body.name,
        media_type: body.media_type,
    })
}

/// Fails unless the status is a success (2xx).
pub(super) fn done(peer: Peer, reply: &Reply, now: OffsetDateTime) -> Result<(), ClientError> {
    if reply.status.is_success() {
        Ok(())
    } else {
        Err(refused(peer, reply, now))
    }
}

fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, ClientError> {
    // The parser's own message could quote a form field.
    serde_json::from_slice(&reply.body).map_err(|fault| {
        let (line, column) = (fault.line(), fault.column());
        let status = reply.status.as_u16();
        ClientError::Answer(format!(
            "the body of a {status} differs from the API's description at line {line}, column {column}"
        ))
    })
}

pub(super) fn refused(peer: Peer, reply: &Reply, now: OffsetDateTime) -> ClientError {
    let body = match peer {
        Peer::Server => serde_json::from_slice(&reply.body).unwrap_or_default(),
        Peer::ObjectStore => store_refusal(&reply.body),
    };
    let message = [body.error, body.detail, body.message, body.error_message]
        .into_iter()
        .flatten()
        .next();
    ClientError::Refused(Box::new(Refusal {
        peer,
        status: reply.status,
        code: body.code.map(|code| printable(&code)),
        field: body.field.map(|field| printable(&field)),
        message: printable(&message.unwrap_or_default()),
        retry_after: retry_after(&reply.headers, now),
    }))
}

/// Parses S3's errors, which are a flat XML document (AWS, "Error responses").
fn store_refusal(body: &[u8]) -> RefusalBody {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.to_owned())
    };
    RefusalBody {
        code: element("Code"),
        message: element("Message"),
        ..RefusalBody::default()
    }
}

/// Makes the peer's text safe for a terminal: removes control characters and limits its length.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MESSAGE)
        .collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    fn announce(status: u16, body: &str) -> Result<Announced, ClientError> {
        let body = body.replace("ID", ID);
        announced(&reply(status, &body), OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn announcing_is_new_pending_or_uploaded() {
        let form = r#""asset_id":"ID","asset_url":"/a","upload_data":{"method":"POST","url":"http://s/b","fields":{"z":"1","a":"SECRET"}}"#;
        let Announced::New(ticket) = announce(200, &format!("{{{form}}}")).unwrap() else {
            panic!("not new");
        };
        let fields: Vec<_> = ticket.upload.fields().iter().collect();
        assert_eq!(fields, [("z", "1"), ("a", "SECRET")], "in their order");
        assert!(!format!("{ticket:?}").contains("SECRET"));
        let pending = announce(409, &format!("{{{form},\"code\":\"asset_exists\"}}"));
        assert!(matches!(pending, Ok(Announced::Pending(_))));
        let there = announce(409, r#"{"asset_id":"ID","code":"asset_exists"}"#);
        assert!(matches!(there, Ok(Announced::Uploaded { .. })));
    }

    #[test]
    fn an_unusable_answer_is_an_error() {
        // Plane's own 409 doesn't say whether the asset was uploaded.
        let error = announce(409, r#"{"asset_id":"ID","message":"exists"}"#).unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::CONFLICT));
        for body in ["", "{}", "[]", r#"{"asset_id":"ID"}"#, r#"{"asset_id":7}"#] {
            let error = announce(200, body).unwrap_err();
            assert!(matches!(error, ClientError::Answer(_)), "{body}: {error}");
        }
        let odd = r#"{"asset_id":"ID","upload_data":{"method":"SECRET","url":"x"}}"#;
        assert!(
            !announce(200, odd)
                .unwrap_err()
                .to_string()
                .contains("SECRET")
        );
    }

    #[test]
    fn errors_of_server_and_object_store_are_parsed() {
        let body = r#"{"error":"Too\u001b large.","code":"size_too_large","field":"size"}"#;
        let error = refused(Peer::Server, &reply(400, body), OffsetDateTime::UNIX_EPOCH);
        assert_eq!(
            error.to_string(),
            "the server answered 400 size_too_large: Too large."
        );
        let body = "<?xml?><Error><Code>EntityTooLarge</Code><Message>No.</Message></Error>";
        let error = refused(
            Peer::ObjectStore,
            &reply(400, body),
            OffsetDateTime::UNIX_EPOCH,
        );
        assert_eq!(error.code(), Some("EntityTooLarge"));
        let page = refused(
            Peer::Server,
            &reply(502, "<html>"),
            OffsetDateTime::UNIX_EPOCH,
        );
        assert_eq!(page.to_string(), "the server answered 502");
    }
}
