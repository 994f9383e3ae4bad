//! Whether an honest upload works, from the signature to the download.

use http::StatusCode;

use super::answer::{Answer, causes, plain};
use super::checkup::Checkup;
use super::report::DoctorCheck;
use super::sending::{FILE, Sending, TYPE, Wanted};
use crate::asset::{ObjectKey, ObjectName};
use crate::ports::{DownloadIntent, ObjectStore, ObjectStoreError, UploadMethod, UploadSigner};
use crate::s3::{S3Objects, S3PostSigner};

/// The name of the honest upload.
const HONEST: &str = "honest";

/// The answer is the store's, when it took the file.
pub(super) async fn upload(checkup: &mut Checkup<'_>) -> (DoctorCheck, Option<Answer>) {
    const NAME: &str = "upload";
    let method = checkup.method().as_str();
    let sent = match Sending::sign(checkup, HONEST, &Wanted::default()).await {
        Ok(sending) => sending.send(checkup).await,
        Err(fault) => Err(format!("nothing could be signed, {fault}")),
    };
    match sent {
        Ok(answer) if answer.is_yes() => {
            let says = format!("The store took a {method} as clients send it.");
            (DoctorCheck::passed(NAME, says), Some(answer))
        }
        Ok(answer) => (DoctorCheck::failed(NAME, refusal(checkup, &answer)), None),
        Err(fault) => {
            let url = &checkup.bucket.public().origin;
            let says = format!("The {method} to {url} came to nothing: {fault}.");
            (DoctorCheck::failed(NAME, says), None)
        }
    }
}

fn refusal(checkup: &Checkup<'_>, answer: &Answer) -> String {
    let (method, told) = (checkup.method().as_str(), answer.told());
    let unknown = answer.status == StatusCode::NOT_IMPLEMENTED || answer.code() == "NotImplemented";
    let advice = match (checkup.method(), answer.status) {
        // OpenStack Swift answers 412.
        (
            UploadMethod::Post,
            StatusCode::NOT_IMPLEMENTED
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::PRECONDITION_FAILED,
        ) => "It has no POST Object, as Cloudflare R2 and Backblaze B2 have none: sign with PUT.",
        (UploadMethod::Put, _) if unknown && checkup.bucket.has_single_use_puts() => {
            "It doesn't know the header If-None-Match, which makes a URL good for one upload: describe \
             the bucket without `single_use_puts`, or with `reusable_puts`."
        }
        (_, StatusCode::FORBIDDEN) => {
            "The credentials need s3:PutObject, the bucket's policy must not deny it, and a proxy must \
             leave the request as it is."
        }
        (_, status) if status.is_redirection() => {
            "It sends clients elsewhere, where a browser can't follow with a file: use the endpoint that \
             it names."
        }
        _ => "Look at the form's fields and at the store's log.",
    };
    format!("The store refused a {method} as clients send it ({told}). {advice}")
}

/// Whether the verifier sees what was sent.
pub(super) async fn verify(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "verify";
    let Ok(key) = ObjectKey::new(checkup.key(HONEST)) else {
        return DoctorCheck::failed(NAME, "The object's key is none.");
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
                let says = "S3Objects sees the object with the size and the type that were signed.";
                return DoctorCheck::passed(NAME, says);
            }
            failed(format!(
                "S3Objects sees {} bytes of type {}, and {} bytes of type {TYPE} were sent: no upload \
                 would count as complete.",
                object.size,
                plain(content_type),
                FILE.len()
            ))
        }
        Ok(None) => failed(
            "S3Objects doesn't see the object that was just sent. Check that the internal and the public \
             endpoint are the same store's."
                .to_owned(),
        ),
        Err(ObjectStoreError::Unavailable(fault)) => {
            failed(format!("S3Objects got no answer ({}).", causes(&fault)))
        }
        Err(fault) => failed(format!(
            "S3Objects can't look: {}. Without s3:GetObject no upload can be verified.",
            plain(&fault.to_string())
        )),
    }
}

/// Whether a download link gives back what was sent, saved under its name.
pub(super) async fn download(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "download";
    let answer = match signed_download(checkup).await {
        Ok(url) => checkup.get(&url).await,
        Err(fault) => Err(fault),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(fault) => {
            return DoctorCheck::failed(NAME, format!("A download came to nothing: {fault}."));
        }
    };
    if !answer.is_yes() {
        return DoctorCheck::failed(
            NAME,
            format!(
                "The store refused a download as clients ask for it ({}). The credentials need s3:GetObject.",
                answer.told()
            ),
        );
    }
    if answer.body != FILE {
        let says =
            "A download brought something else than what was sent: look for a cache or a proxy.";
        return DoctorCheck::failed(NAME, says);
    }
    let disposition = answer.header("content-disposition").unwrap_or_default();
    if !disposition.starts_with("attachment") {
        return DoctorCheck::warned(
            NAME,
            "The store ignores response-content-disposition: files that can carry script (SVG, HTML) are \
             shown in place instead of saved. Serve downloads from an origin of their own.",
        );
    }
    DoctorCheck::passed(
        NAME,
        "A download link gives the file back, to be saved under its own name.",
    )
}

async fn signed_download(checkup: &Checkup<'_>) -> Result<String, String> {
    let signer = S3PostSigner::new(checkup.bucket.clone(), checkup.credentials.clone());
    let key = ObjectKey::new(checkup.key(HONEST)).map_err(|fault| fault.to_string())?;
    let media_type = TYPE.parse().map_err(|_| format!("no type: {TYPE}"))?;
    let name = ObjectName::clean("doctor.txt").map_err(|fault| fault.to_string())?;
    let mut intent = DownloadIntent::new(&key, &media_type, &name);
    intent.inline = false;
    let url = signer.sign_download(&intent, checkup.now()).await;
    url.map_err(|fault| fault.to_string())
}

/// Whether nobody gets the file without a signature.
pub(super) async fn private(checkup: &Checkup<'_>) -> DoctorCheck {
    const NAME: &str = "private";
    let public = checkup.bucket.public();
    let url = format!("{}{}{}", public.origin, public.prefix, checkup.key(HONEST));
    match checkup.get(&url).await {
        Ok(answer) if answer.is_yes() => DoctorCheck::warned(
            NAME,
            "The store gives the file to anyone, without a signature: whoever learns a key can download \
             for ever. Unless that is meant, take the bucket's public access away.",
        ),
        Ok(answer) => DoctorCheck::passed(
            NAME,
            format!(
                "Without a signature nobody gets the file ({}).",
                answer.status
            ),
        ),
        Err(fault) => {
            DoctorCheck::skipped(NAME, format!("No answer without a signature: {fault}."))
        }
    }
}
