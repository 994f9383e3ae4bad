//! The body of an object store's error (AWS, "Error responses").

use roxmltree::Document;

/// An error as S3 writes it: `<Error><Code>NoSuchKey</Code>…</Error>`.
pub(super) struct ErrorBody<'a>(Document<'a>);

impl<'a> ErrorBody<'a> {
    /// `None` for anything else, such as a proxy's page. A document type is refused, and with it
    /// entities that grow.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let document = Document::parse(std::str::from_utf8(body).ok()?).ok()?;
        let is_error = document.root_element().tag_name().name() == "Error";
        is_error.then_some(Self(document))
    }

    /// The text of an element directly below `Error`. The message, the key and the rest are others'
    /// words, and may hold any code's name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut elements = self.0.root_element().children();
        let element = elements.find(|element| element.tag_name().name() == name)?;
        element.text()
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.text("Code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> Option<String> {
        ErrorBody::parse(body.as_bytes())?.code().map(str::to_owned)
    }

    #[test]
    fn the_code_is_its_element() {
        for (body, wanted) in [
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey</Code>\
                 <Message>The specified key does not exist.</Message></Error>",
                "NoSuchKey",
            ),
            (
                "<Error><Key>w/NoSuchBucket.png</Key><Code>NoSuchKey</Code></Error>",
                "NoSuchKey",
            ),
            (
                "<Error><Key>&lt;Code&gt;NoSuchKey&lt;/Code&gt;</Key><Code>NoSuchBucket</Code></Error>",
                "NoSuchBucket",
            ),
            (
                "<Error><Details><Code>NoSuchKey</Code></Details><Code>AccessDenied</Code></Error>",
                "AccessDenied",
            ),
            (
                "<Error xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Code>NoSuchKey</Code></Error>",
                "NoSuchKey",
            ),
        ] {
            assert_eq!(code(body).as_deref(), Some(wanted), "{body}");
        }
    }

    #[test]
    fn what_is_no_error_has_no_code() {
        let deep = "<Error>".repeat(9000);
        for body in [
            "",
            "NoSuchKey",
            "<Code>NoSuchKey</Code>",
            "<html><body><Error><Code>NoSuchKey</Code></Error></body></html>",
            "<!DOCTYPE html><html><head><title>404</title></head></html>",
            "<!DOCTYPE e [<!ENTITY a \"NoSuchKey\">]><Error><Code>&a;</Code></Error>",
            "<Error><Code>NoSuchKey</Code>",
            "<Error><Code/></Error>",
            "<Error><!-- <Code>NoSuchKey</Code> --></Error>",
            "{\"Code\": \"NoSuchKey\"}",
            &deep,
        ] {
            assert_eq!(code(body), None, "{body:.80}");
        }
        assert!(ErrorBody::parse(b"\xff<Error><Code>NoSuchKey</Code></Error>").is_none());
    }
}
