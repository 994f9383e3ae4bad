//! A `multipart/form-data` body of known length that contains a file (RFC 7578).

use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::exact::{Exact, SourceFault};
use crate::asset::Pairs;

/// A form with its fields in order and the file last: S3 ignores all fields after the file (AWS,
/// "POST Object").
pub(super) struct Form {
    head: Option<Bytes>,
    file: Exact,
    tail: Option<Bytes>,
}

impl Form {
    /// Creates a form. `boundary` must not occur in the file, so pass a random one.
    pub(super) fn new(fields: &Pairs, boundary: &str, file: Exact) -> Self {
        let mut head = String::with_capacity(4096);
        for (name, value) in fields.iter() {
            part(&mut head, boundary, &escaped(name), "");
            head.push_str(value);
            head.push_str("\r\n");
        }
        // Some object stores treat a part without a file name as another field. They ignore the
        // name itself, as the form has the key.
        let name = "file\"; filename=\"file";
        let media_type = fields.iter().find_map(|(name, value)| {
            let found = name.eq_ignore_ascii_case("content-type")
                // Here the value is part of a header, so a line break in it would start another
                // header.
                && !value.contains(['\r', '\n']);
            found.then(|| format!("Content-Type: {value}\r\n"))
        });
        part(&mut head, boundary, name, &media_type.unwrap_or_default());
        Self {
            head: Some(head.into()),
            file,
            tail: Some(format!("\r\n--{boundary}--\r\n").into()),
        }
    }
}

/// Appends the head of a part.
fn part(text: &mut String, boundary: &str, name: &str, more: &str) {
    // Writing to a string can't fail.
    _ = write!(
        text,
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n{more}\r\n"
    );
}

/// Escapes a field name as browsers do (WHATWG, "Multipart form data").
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

impl Body for Form {
    type Data = Bytes;
    type Error = SourceFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SourceFault>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        if self.tail.is_some()
            && let Some(frame) = ready!(Pin::new(&mut self.file).poll_frame(context))
        {
            return Poll::Ready(Some(frame));
        }
        Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len) as u64;
        let file = self.file.size_hint().lower();
        let around = length(&self.head).saturating_add(length(&self.tail));
        SizeHint::with_exact(around.saturating_add(file))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::super::progress::{Listener, Meter};
    use super::*;

    fn exact(file: &'static str, said: u64) -> Exact {
        let body = Full::new(Bytes::from(file)).map_err(|never| match never {});
        let meter = Meter::new(None, 1, Listener::default());
        Exact::new(Box::pin(body), said, meter)
    }

    #[tokio::test]
    async fn a_form_has_its_announced_length() {
        let fields: Pairs = [
            ("key", "a/b"),
            ("Content-Type", "image/png"),
            ("x\"\r\ny", "1"),
        ]
        .into_iter()
        .collect();
        let form = Form::new(&fields, "B", exact("FILE", 4));
        let length = form.size_hint().exact().unwrap();
        let body = form.collect().await.unwrap().to_bytes();
        assert_eq!(body.len() as u64, length);
        let expected = "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na/b\r\n\
            --B\r\nContent-Disposition: form-data; name=\"Content-Type\"\r\n\r\nimage/png\r\n\
            --B\r\nContent-Disposition: form-data; name=\"x%22%0D%0Ay\"\r\n\r\n1\r\n\
            --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n\
            Content-Type: image/png\r\n\r\nFILE\r\n--B--\r\n";
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_file_of_another_size_is_an_error() {
        for said in [3, 5] {
            let form = Form::new(&Pairs::new(), "B", exact("FILE", said));
            assert!(form.collect().await.is_err(), "{said}");
        }
    }
}
