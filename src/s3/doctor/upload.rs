//! Checks a correct upload, from the signature to the download.

use http::StatusCode;

use super::answer::{Answer, causes, plain};
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::test_upload::{FILE, SignOptions, TYPE, TestUpload};
use crate::asset::{ObjectKey, ObjectName};
use crate::ports::{DownloadIntent, ObjectStore, ObjectStoreError, UploadMethod, UploadSigner};
use crate::s3::{S3Objects, S3PostSigner};

/// The name of the correct upload's object.
const NAME_OF_OBJECT: &str = "correct";

/// Sends the correct upload. Returns the object store's answer if it accepted the file.
pub(super) async fn upload(checkup: &mut Checkup<'_>) -> (DoctorCheck, Option<Answer>) {
    const NAME: &str = "upload";
    let method = checkup.method().as_str();
    let sent = match TestUpload::sign(checkup, NAME_OF_OBJECT, &SignOptions::default()).await {
        Ok(upload) => upload.send(checkup).await,
        Err(fault) => Err(format!("the upload could not be signed, {fault}")),
    };
    match sent {
        Ok(answer) if answer.is_success() => {
            let says = format!("The object store accepted a {method} as clients send it.");
            (DoctorCheck::passed(NAME, says), Some(answer))
        }
        Ok(answer) => (DoctorCheck::failed(NAME, refusal(checkup, &answer)), None),
        Err(fault) => {
            let url = &checkup.bucket.public().origin;
            let says = format!("The {method} to {url} got no answer: {fault}.");
            (DoctorCheck::failed(NAME, says), None)
        }
    }
}

fn refusal(checkup: &Checkup<'_>, answer: &Answer) -> String {
    let (method, summary) = (checkup.method().as_str(), answer.summary());
    let unknown = answer.status == StatusCode::NOT_IMPLEMENTED || answer.code() == "NotImplemented";
    let advice = match (checkup.method(), answer.status) {
        // OpenStack Swift answers 412.
        (
            UploadMethod::Post,
            StatusCode::NOT_IMPLEMENTED
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::PRECONDITION_FAILED,
        ) => "It has no POST Object, like Cloudflare R2 and Backblaze B2: sign with PUT.",
        (UploadMethod::Put, _) if unknown && checkup.bucket.has_single_use_puts() => {
            "It doesn't support the header If-None-Match, which makes a URL valid for one upload: \
             describe the bucket without `single_use_puts`, or with `reusable_puts`."
        }
        (_, StatusCode::FORBIDDEN) => {
            "The credentials need s3:PutObject, the bucket's policy must not deny it, and no proxy \
             may change the request."
        }
        (_, status) if status.is_redirection() => {
            "It redirects clients, but a browser can't repeat an upload after a redirect: use the \
             endpoint in the redirect."
        }
        _ => "Check the form's fields and the object store's log.",
    };
    format!("The object store refused a {method} as clients send it ({summary}). {advice}")
}

/// Checks that `S3Objects` finds the uploaded object with its size and type.
pub(super) async fn verify(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "verify";
    let Ok(key) = ObjectKey::new(checkup.key(NAME_OF_OBJECT)) else {
        return DoctorCheck::failed(NAME, "The object's key is invalid.");
    };
    let found = S3Objects::new(checkup.bucket.clone(), checkup.credentials.clone())
        .timeout(checkup.options.timeout)
        .trust_roots(&checkup.options.roots)
        .clock(crate::asset::FixedClock(checkup.now()))
        .head(&key)
        .await;
    let failed = |says: String| DoctorCheck::failed(NAME, says);
    match found {
        Ok(Some(object)) => {
            let content_type = object.content_type.as_deref().unwrap_or("none");
            if usize::try_from(object.size) == Ok(FILE.len()) && content_type == TYPE {
                let says = "S3Objects finds the object with the signed size and type.";
                return DoctorCheck::passed(NAME, says);
            }
            failed(format!(
                "S3Objects finds {} bytes of type {}, but {} bytes of type {TYPE} were sent: no upload \
                 could be completed.",
                object.size,
                plain(content_type),
                FILE.len()
            ))
        }
        Ok(None) => failed(
            "S3Objects doesn't find the uploaded object. Check that the internal and the public \
             endpoint belong to the same object store."
                .to_owned(),
        ),
        Err(ObjectStoreError::Unavailable(fault)) => {
            failed(format!("S3Objects got no answer ({}).", causes(&fault)))
        }
        Err(fault) => failed(format!(
            "S3Objects can't read the object: {}. Without s3:GetObject no upload can be verified.",
            plain(&fault.to_string())
        )),
    }
}

/// Checks that a download URL returns the uploaded file, to be saved under its name.
pub(super) async fn download(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "download";
    let answer = match signed_download(checkup).await {
        Ok(url) => checkup.get(&url).await,
        Err(fault) => Err(fault),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => {
            return DoctorCheck::failed(NAME, format!("The download got no answer: {fault}."));
        }
    };
    if !answer.is_success() {
        return DoctorCheck::failed(
            NAME,
            format!(
                "The object store refused a download as clients request it ({}). The credentials need s3:GetObject.",
                answer.summary()
            ),
        );
    }
    if answer.body != FILE {
        let says =
            "The downloaded file differs from the uploaded one: look for a cache or a proxy.";
        return DoctorCheck::failed(NAME, says);
    }
    let disposition = answer.header("content-disposition").unwrap_or_default();
    if !disposition.starts_with("attachment") {
        return DoctorCheck::warned(
            NAME,
            "The object store ignores response-content-disposition: browsers show files that can carry \
             scripts (SVG, HTML) instead of saving them. Serve downloads from an origin of their own.",
        );
    }
    DoctorCheck::passed(
        NAME,
        "A download URL returns the file, to be saved under its own name.",
    )
}

async fn signed_download(checkup: &Checkup<'_>) -> Result<String, String> {
    let signer = S3PostSigner::new(checkup.bucket.clone(), checkup.credentials.clone());
    let key = ObjectKey::new(checkup.key(NAME_OF_OBJECT)).map_err(|fault| fault.to_string())?;
    let media_type = TYPE.parse().map_err(|_| format!("no type: {TYPE}"))?;
    let name = ObjectName::clean("doctor.txt").map_err(|fault| fault.to_string())?;
    let mut intent = DownloadIntent::new(&key, &media_type, &name);
    intent.inline = false;
    let url = signer.sign_download(&intent, checkup.now()).await;
    url.map_err(|fault| fault.to_string())
}

/// Checks that the file can't be downloaded without a signature.
pub(super) async fn private(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "private";
    let public = checkup.bucket.public();
    let url = format!(
        "{}{}{}",
        public.origin,
        public.prefix,
        checkup.key(NAME_OF_OBJECT)
    );
    match checkup.get(&url).await {
        Ok(answer) if answer.is_success() => DoctorCheck::warned(
            NAME,
            "The object store gives the file to anyone, without a signature: anyone who learns a key can \
             download the file forever. Unless this is intended, remove the bucket's public access.",
        ),
        Ok(answer) => DoctorCheck::passed(
            NAME,
            format!(
                "The file can't be downloaded without a signature ({}).",
                answer.status
            ),
        ),
        Err(fault) => DoctorCheck::skipped(
            NAME,
            format!("A download without a signature got no answer: {fault}."),
        ),
    }
}
