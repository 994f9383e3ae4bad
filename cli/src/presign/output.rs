//! What was signed, as a command or a page.

use std::borrow::Cow;

use super::request::{Fault, Signed};

/// A curl command. What it uploads it reads from standard input.
pub(crate) fn curl(signed: &Signed) -> Result<String, Fault> {
    // Without these curl reads brackets as patterns and takes dot segments out.
    let mut words = vec!["curl", "--globoff", "--path-as-is", "--fail-with-body"];
    let headers: Vec<String> = signed
        .headers
        .iter()
        // curl counts for itself.
        .filter(|(name, _)| *name != "content-length")
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let fields: Vec<String> = signed
        .fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    match signed.method {
        "HEAD" => words.push("--head"),
        "PUT" => {
            words.extend(["--request", "PUT", "--data-binary", "@-"]);
            if signed.headers.get("content-type").is_none() {
                // Not the type of a form, which curl would say.
                words.extend(["--header", "content-type:"]);
            }
        }
        "GET" | "POST" => {}
        method => words.extend(["--request", method]),
    }
    for header in &headers {
        words.extend(["--header", header]);
    }
    for field in &fields {
        words.extend(["--form-string", field]);
    }
    if signed.method == "POST" {
        words.extend(["--form", "file=@-"]);
    }
    words.push(&signed.url);
    if words.iter().any(|word| word.contains('\0')) {
        return Err(Fault::general("a command can't carry a NUL character"));
    }
    let quoted: Vec<_> = words.into_iter().map(quoted).collect();
    Ok(quoted.join(" "))
}

/// One word for a POSIX shell.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/:=@".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''")).into()
    }
}

/// A page that uploads a file of its reader's choice.
pub(crate) fn html(signed: &Signed) -> Result<String, Fault> {
    if signed.method != "POST" {
        return Err(Fault::general("--html goes with form only"));
    }
    let changed = |value: &str| value.contains(['\r', '\n', '\0']);
    if signed.fields.iter().any(|(_, value)| changed(value)) {
        let text = "a browser's form would change a line break or NUL in a value, and the signature would not fit";
        return Err(Fault::general(text));
    }
    let mut hidden = String::new();
    for (name, value) in signed.fields.iter() {
        let pieces = [
            "  <input type=\"hidden\" name=\"",
            &escaped(name),
            "\" value=\"",
            &escaped(value),
            "\">\n",
        ];
        hidden.extend(pieces);
    }
    Ok(format!(
        "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Upload</title>
<form method=\"post\" enctype=\"multipart/form-data\" accept-charset=\"utf-8\" action=\"{action}\">
{hidden}  <input type=\"file\" name=\"file\" aria-label=\"File\" required>
  <button>Upload</button>
</form>
</html>
",
        action = escaped(&signed.url)
    ))
}

/// Text of an attribute's value (WHATWG, "HTML", 13.1.2.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
