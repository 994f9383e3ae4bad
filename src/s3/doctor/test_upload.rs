//! One upload as a client sends it, with methods to forge it.

use bytes::Bytes;
use http::Method as HttpMethod;
use time::Duration;

use super::access::changed_signature;
use super::answer::Answer;
use super::checkup::{Checkup, Created};
use crate::asset::{Checksum, ExpiresIn, MediaType, ObjectKey, UploadSize};
use crate::ports::{UploadData, UploadIntent, UploadMethod, UploadSigner};
use crate::s3::rules::Condition;
use crate::s3::{S3PostSigner, S3PutSigner};

/// The file that is announced.
pub(super) const FILE: &str = "Written by tower-asset-upload's doctor, to be deleted at once.\n";
/// The type that is announced.
pub(super) const TYPE: &str = "text/plain";

const BOUNDARY: &str = "tower-asset-upload-doctor-5e1fd1bd";

/// Options of signing a test upload.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SignOptions {
    /// How long ago the upload is signed. It expires after one hour.
    pub(super) ago: Duration,
    /// The announced SHA-256. The checks pass the one of another file.
    pub(super) checksum: Option<Checksum>,
    /// Whether a URL is signed with the single-use condition, even if the object store is not known
    /// to enforce it.
    pub(super) single_use: bool,
}

#[derive(Clone)]
pub(super) struct TestUpload {
    /// The key that the upload was signed for.
    key: String,
    /// The key that the upload is sent to.
    sent_to: String,
    method: UploadMethod,
    url: String,
    /// A form's fields, or a request's headers except `Content-Length`.
    pairs: Vec<(String, String)>,
    body: Vec<u8>,
}

impl TestUpload {
    /// Signs an upload of [`FILE`], as the service does.
    pub(super) async fn sign(
        checkup: &Checkup<'_>,
        name: &str,
        options: &SignOptions,
    ) -> Result<Self, String> {
        let text = checkup.key(name);
        let key = ObjectKey::new(&*text).map_err(|fault| fault.to_string())?;
        let media_type: MediaType = TYPE.parse().map_err(|_| format!("no type: {TYPE}"))?;
        let size = u64::try_from(FILE.len())
            .ok()
            .and_then(|bytes| UploadSize::new(bytes).ok());
        let size = size.ok_or("no file")?;
        let mut intent = UploadIntent::new(&key, &media_type, size);
        intent.checksum = options.checksum.as_ref();
        let now = checkup
            .now()
            .checked_sub(options.ago)
            .unwrap_or(checkup.now());

        let (mut bucket, credentials) = (checkup.bucket.clone(), checkup.credentials.clone());
        if options.single_use {
            bucket = bucket
                .single_use_puts()
                .map_err(|fault| fault.to_string())?;
        }
        let lifetime = ExpiresIn::default();
        let signed = match checkup.method() {
            UploadMethod::Post => {
                let signer = S3PostSigner::new(bucket, credentials).expires_in(lifetime);
                let signer = signer.fields(checkup.options.fields.clone());
                let signer = signer.map_err(|fault| fault.to_string())?;
                signer.sign_upload(&intent, now).await
            }
            UploadMethod::Put => {
                let signer = S3PutSigner::new(bucket, credentials).expires_in(lifetime);
                signer.sign_upload(&intent, now).await
            }
        };
        let data = signed.map_err(|fault| fault.to_string())?;
        Ok(Self::of(text, &data))
    }

    fn of(key: String, data: &UploadData) -> Self {
        let pairs = data.fields().iter().chain(data.headers().iter());
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            sent_to: key.clone(),
            key,
            method: data.method(),
            url: data.url().to_owned(),
            // The HTTP client sets the length of the sent body.
            pairs: owned
                .filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
                .collect(),
            body: FILE.into(),
        }
    }

    /// Returns the key that the upload is sent to.
    pub(super) fn sent_to(&self) -> &str {
        &self.sent_to
    }

    pub(super) fn set_file(&mut self, file: impl Into<Vec<u8>>) {
        self.body = file.into();
    }

    pub(super) fn set_content_type(&mut self, media_type: &str) {
        self.set("Content-Type", media_type);
    }

    /// Changes the key without a new signature.
    pub(super) fn send_to_key(&mut self, key: &str) {
        key.clone_into(&mut self.sent_to);
        match self.method {
            UploadMethod::Post => self.set("key", key),
            UploadMethod::Put => self.url = self.url.replacen(&self.key, key, 1),
        }
    }

    /// Adds an unsigned form field, or an unsigned header that S3 requires to be signed.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_owned(), value.to_owned()));
    }

    /// Removes the header that makes the URL valid for one upload only.
    pub(super) fn remove_condition(&mut self) {
        let conditions = [Condition::IfNoneMatch, Condition::GenerationMatch];
        self.pairs
            .retain(|(name, _)| conditions.iter().all(|c| c.header().0 != name));
    }

    pub(super) fn change_signature(&mut self) {
        match self.method {
            UploadMethod::Post => {
                for (name, value) in &mut self.pairs {
                    if name.to_ascii_lowercase().ends_with("-signature") {
                        *value = changed_signature(value);
                    }
                }
            }
            UploadMethod::Put => self.url = changed_signature(&self.url),
        }
    }

    /// Removes the signature and the credential.
    pub(super) fn remove_signature(&mut self) {
        match self.method {
            UploadMethod::Post => {
                let kept = ["key", "content-type"];
                self.pairs
                    .retain(|(name, _)| kept.contains(&&*name.to_ascii_lowercase()));
            }
            UploadMethod::Put => {
                let query = self.url.find('?').unwrap_or(self.url.len());
                self.url.truncate(query);
            }
        }
    }

    /// Extends the lifetime but keeps the signature.
    pub(super) fn extend_expiry(&mut self) {
        match self.method {
            UploadMethod::Post => {
                for (name, value) in &mut self.pairs {
                    if name == "policy" {
                        *value = later(value);
                    }
                }
            }
            UploadMethod::Put => {
                self.url = self.url.replacen("-Expires=", "-Expires=1", 1);
            }
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        for (other, old) in &mut self.pairs {
            if other.eq_ignore_ascii_case(name) {
                value.clone_into(old);
            }
        }
    }

    /// Sends the upload, as a page of the configured origin if there is one.
    pub(super) async fn send(&self, checkup: &mut Checkup<'_>) -> Result<Answer, String> {
        let mut headers = Vec::new();
        if let Some(origin) = &checkup.options.origin {
            headers.push(("origin", &**origin));
        }
        let form_type = format!("multipart/form-data; boundary={BOUNDARY}");
        let (method, body) = match self.method {
            UploadMethod::Post => {
                headers.push(("content-type", &*form_type));
                (HttpMethod::POST, self.form())
            }
            UploadMethod::Put => {
                headers.extend(self.pairs.iter().map(|(name, value)| (&**name, &**value)));
                (HttpMethod::PUT, self.body.clone().into())
            }
        };
        let answer = checkup.send(method, &self.url, &headers, body).await;
        let accepted = answer.as_ref().is_ok_and(Answer::is_success);
        checkup.created.push(Created {
            key: self.sent_to.clone(),
            accepted,
        });
        // An object store may store the file under the signed key.
        if self.key != self.sent_to {
            checkup.created.push(Created {
                key: self.key.clone(),
                accepted: false,
            });
        }
        answer
    }

    /// Returns the fields in order and the file last (RFC 7578).
    fn form(&self) -> Bytes {
        let mut form = Vec::new();
        for (name, value) in &self.pairs {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            form.extend_from_slice(part.as_bytes());
        }
        let file = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"doctor.txt\"\r\n\
             Content-Type: {TYPE}\r\n\r\n"
        );
        form.extend_from_slice(file.as_bytes());
        form.extend_from_slice(&self.body);
        form.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        form.into()
    }
}

/// Returns the policy with a later year of expiry.
fn later(policy: &str) -> String {
    let decoded = base64_simd::STANDARD.decode_to_vec(policy);
    let document = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let document = document.unwrap_or_default();
    let changed = document.replacen("\"expiration\":\"2", "\"expiration\":\"3", 1);
    base64_simd::STANDARD.encode_to_string(changed)
}
