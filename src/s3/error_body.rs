//! The body of an object store's error (AWS, "Error responses").

use roxmltree::Document;

/// A parsed S3 error: `<Error><Code>NoSuchKey</Code>…</Error>`.
pub(super) struct ErrorBody<'a>(Document<'a>);

impl<'a> ErrorBody<'a> {
    /// Returns `None` if the body is not an S3 error, such as a proxy's page. A body with a
    /// document type is refused too, because its entities could expand without limit.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let document = Document::parse(std::str::from_utf8(body).ok()?).ok()?;
        let is_error = document.root_element().tag_name().name() == "Error";
        is_error.then_some(Self(document))
    }

    /// Returns the text of an element directly below `Error`. Only the element counts: the message
    /// and the key may contain any code as text.
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
    fn the_code_is_read_from_its_element() {
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
    fn other_bodies_have_no_code() {
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
