//! `asset-upload presign`, run as its users run it, under a fixed time and with the access key of
//! AWS's documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../../tests/support/process.rs"]
mod process;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const NOW: &str = "2026-05-19T10:11:12Z";
/// Everything that a shell, a page or JSON could take for its own.
const HOSTILE: &str = "it's \"$HOME\" $(id) `id` \\ ;&|<>*?[a]{b,c} !x ~ %41 +é🎉'; </script>&amp;";

/// What came of it.
struct Ran {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let ran = Self {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        for said in [&ran.stdout, &ran.stderr] {
            assert!(!said.contains(SECRET), "the secret: {said}");
            assert!(!said.contains("panicked"), "{said}");
        }
        ran
    }

    #[track_caller]
    fn out(self) -> String {
        assert!(
            self.status == Some(0) && self.stderr.is_empty(),
            "{}",
            self.stderr
        );
        self.stdout
    }

    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.out()).unwrap()
    }

    /// The one sentence of a refusal of the command line or the environment.
    #[track_caller]
    fn refusal(self) -> String {
        assert_eq!(self.status, Some(2), "{}", self.stderr);
        assert_eq!(self.stdout, "");
        let sentence = self.stderr.strip_prefix("asset-upload presign: ").unwrap();
        let sentence = sentence.strip_suffix('\n').unwrap();
        assert!(!sentence.contains('\n'), "{sentence}");
        sentence.to_owned()
    }
}

fn command(environment: &[(&str, &str)]) -> Command {
    let mut command = process::subcommand("presign");
    command
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null());
    command
}

fn run_with<A: AsRef<OsStr>>(environment: &[(&str, &str)], arguments: &[A]) -> Ran {
    Ran::of(command(environment).args(arguments).output().unwrap())
}

const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", ID), ("AWS_SECRET_ACCESS_KEY", SECRET)];

fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Ran {
    run_with(&CREDENTIALS, arguments)
}

/// Those of an action that are nearly always the same, and some more.
fn run_for(action: &str, key: &str, more: &[&str]) -> Ran {
    let same = [
        action,
        "--bucket",
        "uploads",
        "--region",
        "us-east-1",
        "--now",
        NOW,
        "--key",
        key,
    ];
    run(&[&same, more].concat())
}

fn run_lines(arguments: &[&str], lines: &[u8]) -> Ran {
    let mut child = command(&CREDENTIALS)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Few enough for the pipe.
    child.stdin.take().unwrap().write_all(lines).unwrap();
    Ran::of(child.wait_with_output().unwrap())
}

/// The words that a shell makes of a line.
fn words(line: &str) -> Vec<String> {
    for flags in [&["-n", "-c"][..], &["-c"]] {
        let script = format!("curl() {{ printf '%s\\0' curl \"$@\"; }}\n{line}");
        let output = Command::new("bash")
            .args(flags)
            .arg(script)
            .output()
            .unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{line}: {output:?}"
        );
        if flags.len() == 1 {
            let words = String::from_utf8(output.stdout).unwrap();
            let words = words.strip_suffix('\0').unwrap();
            return words.split('\0').map(str::to_owned).collect();
        }
    }
    unreachable!("the second one returns")
}

fn pairs(object: &Value) -> Vec<(&str, &str)> {
    let members = object.as_object().unwrap().iter();
    members
        .map(|(name, value)| (&**name, value.as_str().unwrap()))
        .collect()
}

/// Fields in the order in which they are printed; a `Value` would sort them.
fn names_in_order(json: &str) -> Vec<String> {
    let fields = json
        .split("\"fields\": {")
        .nth(1)
        .unwrap()
        .split('}')
        .next()
        .unwrap();
    let names = fields
        .lines()
        .filter_map(|line| line.trim().split("\": \"").next());
    names
        .filter(|name| !name.is_empty())
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

// ---------------------------------------------------------------- Known results

/// AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)", its example.
/// Its address is the global one, which here is an endpoint of one's own.
#[test]
fn the_published_get() {
    let url = include_str!("../../tests/vectors/aws-get-example/url").trim_end();
    let signed = run(&[
        "get",
        "--bucket=examplebucket",
        "--key=test.txt",
        "--region=us-east-1",
        "--endpoint=https://s3.amazonaws.com",
        "--virtual-hosted",
        "--now=2013-05-24T00:00:00Z",
        "--expires-in=86400",
    ])
    .json();
    let expected = json!({
        "method": "GET",
        "url": url,
        "fields": {},
        "headers": {},
        "expires_at": "2013-05-25T00:00:00Z",
    });
    assert_eq!(signed, expected);
}

#[test]
fn botocore_s_form() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/vectors/botocore-post.json")).unwrap();
    let case = &vectors["cases"][0];
    assert_eq!(case["id"], "basic");
    let input = |name: &str| case["input"][name].as_str().unwrap();
    let printed = run(&[
        "form",
        "--bucket",
        input("bucket"),
        "--key",
        input("key"),
        "--region",
        input("region"),
        "--now",
        input("time"),
        "--content-type",
        input("content_type"),
        "--min-size",
        "1",
        "--max-size",
        &case["input"]["content_length_max"].to_string(),
        "--expires-in",
        &case["input"]["expires_in"].to_string(),
    ])
    .out();
    let signed: Value = serde_json::from_str(&printed).unwrap();
    let theirs: Vec<(String, String)> =
        serde_json::from_value(case["output"]["fields"].clone()).unwrap();

    let names: Vec<_> = theirs.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names_in_order(&printed), names);
    for (name, value) in &theirs {
        let ours = signed["fields"][name].as_str().unwrap();
        match name.as_str() {
            "policy" => assert_eq!(meaning(ours), meaning(value)),
            // Of another spelling of the same document; `vectors.rs` checks those.
            "x-amz-signature" => assert_eq!(ours.len(), value.len()),
            _ => assert_eq!(ours, value, "{name}"),
        }
    }
    assert_eq!(signed["method"], "POST");
    assert_eq!(signed["expires_at"], "2026-05-19T11:11:12Z");
    assert_eq!(signed["url"], "https://uploads.s3.us-east-1.amazonaws.com/");
}

fn meaning(policy: &str) -> (String, BTreeSet<String>) {
    let document = base64_simd::STANDARD.decode_to_vec(policy).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    let conditions = document["conditions"].as_array().unwrap().iter();
    (
        document["expiration"].to_string(),
        conditions.map(ToString::to_string).collect(),
    )
}

#[test]
fn botocore_s_urls() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/vectors/botocore-get.json")).unwrap();
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let input = |name: &str| case["input"][name].as_str();
        let theirs = case["output"]["url"].as_str().unwrap();
        let (Some(region), Some(endpoint)) = (input("region"), input("endpoint_url")) else {
            continue;
        };
        let mut environment = vec![
            ("AWS_ACCESS_KEY_ID", input("access_key").unwrap()),
            ("AWS_SECRET_ACCESS_KEY", input("secret_key").unwrap()),
        ];
        environment.extend(input("session_token").map(|token| ("AWS_SESSION_TOKEN", token)));
        if region.is_empty() {
            continue;
        }
        let signed = run_with(
            &environment,
            &[
                "get",
                "--bucket",
                input("bucket").unwrap(),
                "--key",
                input("key").unwrap(),
                "--region",
                region,
                "--endpoint",
                endpoint,
                "--now",
                input("time").unwrap(),
                "--expires-in",
                &case["input"]["expires_in"].to_string(),
                "--response-content-disposition",
                input("content_disposition").unwrap(),
            ],
        );
        // botocore signs the host that clients send, and leaves the endpoint as it was given.
        let (origin, path) = theirs.split_at(theirs[8..].find('/').unwrap() + 8);
        let origin = url::Url::parse(origin).unwrap().origin();
        let theirs = format!("{}{path}", origin.ascii_serialization());
        assert_eq!(signed.json()["url"], theirs, "{}", case["id"]);
        compared += 1;
    }
    assert!(compared > 0, "no case has an endpoint");
}

#[test]
fn a_put_says_what_has_to_be_sent() {
    let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let flags = [
        "--content-type",
        "image/png",
        "--size",
        "5",
        "--checksum-sha256",
        sum,
    ];
    let signed = run_for("put", "a/b c.png", &flags).json();
    assert_eq!(signed["method"], "PUT");
    let headers = json!({
        "content-type": "image/png",
        "content-length": "5",
        "x-amz-checksum-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    });
    assert_eq!(signed["headers"], headers);
    let url = signed["url"].as_str().unwrap();
    assert!(url.starts_with("https://uploads.s3.us-east-1.amazonaws.com/a/b%20c.png?X-Amz-"));
    let names = "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost%3Bx-amz-checksum-sha256&";
    assert!(url.contains(names), "{url}");
}

#[test]
fn a_put_for_one_upload() {
    let flags = ["--size", "5", "--single-use"];
    let signed = run_for("put", "k", &flags).json();
    let headers = json!({"content-length": "5", "if-none-match": "*"});
    assert_eq!(signed["headers"], headers);
    let url = signed["url"].as_str().unwrap();
    let names = "X-Amz-SignedHeaders=content-length%3Bhost%3Bif-none-match&";
    assert!(url.contains(names), "{url}");
    let line = run_for("put", "k", &[&flags[..], &["--curl"]].concat()).out();
    assert!(line.contains("'if-none-match: *'"), "{line}");

    let google = ["put", "--google", "--single-use", "--bucket", "uploads"];
    let signed = run(&[&google[..], &["--key", "k", "--now", NOW]].concat()).json();
    let headers = json!({"x-goog-if-generation-match": "0"});
    assert_eq!(signed["headers"], headers);
}

#[test]
fn google_s_dialect() {
    let common = [
        "--google", "--bucket", "uploads", "--key", "k", "--now", NOW,
    ];
    let signed = run(&[&["delete"], &common[..]].concat()).json();
    let url = signed["url"].as_str().unwrap();
    assert!(
        url.starts_with("https://storage.googleapis.com/uploads/k?X-Goog-Algorithm="),
        "{url}"
    );
    assert!(url.contains("%2Fauto%2Fstorage%2Fgoog4_request&"), "{url}");
    let form = run(&[&["form", "--virtual-hosted"], &common[..]].concat()).json();
    assert_eq!(form["url"], "https://uploads.storage.googleapis.com/");
    assert!(form["fields"]["x-goog-signature"].is_string());
    let refusal = run(&[&["form", "--storage-class", "X"], &common[..]].concat()).refusal();
    assert_eq!(refusal, "this dialect has no field `storage-class`");
}

// ---------------------------------------------------------------- curl and HTML

#[test]
fn a_form_for_curl() {
    let flags = ["--meta", &format!("note={HOSTILE}"), "--max-size", "9"];
    let key = format!("-{HOSTILE}\n2");
    let fields = run_for("form", &key, &flags).json()["fields"].clone();
    let line = run_for("form", &key, &[&flags[..], &["--curl"]].concat()).out();
    let words = words(&line);
    assert_eq!(
        words[..4],
        ["curl", "--globoff", "--path-as-is", "--fail-with-body"]
    );
    let sent: BTreeSet<(&str, &str)> = words[4..words.len() - 3]
        .chunks(2)
        .map(|flag| {
            assert_eq!(flag[0], "--form-string");
            flag[1].split_once('=').unwrap()
        })
        .collect();
    assert_eq!(sent, pairs(&fields).into_iter().collect());
    assert_eq!(
        words[words.len() - 3..],
        [
            "--form",
            "file=@-",
            "https://uploads.s3.us-east-1.amazonaws.com/"
        ]
    );
}

#[test]
fn urls_for_curl() {
    for (action, flags, expected) in [
        ("get", &[][..], &[][..]),
        ("head", &[], &["--head"]),
        ("delete", &[], &["--request", "DELETE"]),
        (
            "put",
            &["--size", "3"],
            &[
                "--request",
                "PUT",
                "--data-binary",
                "@-",
                "--header",
                "content-type:",
            ],
        ),
        (
            "put",
            &["--content-type", "text/plain; a='b'"],
            &[
                "--request",
                "PUT",
                "--data-binary",
                "@-",
                "--header",
                "content-type: text/plain; a='b'",
            ],
        ),
    ] {
        let url = run_for(action, HOSTILE, flags).json()["url"].clone();
        let line = run_for(action, HOSTILE, &[flags, &["--curl"]].concat()).out();
        let words = words(&line);
        assert_eq!(words[4..words.len() - 1], *expected, "{line}");
        assert_eq!(url, **words.last().unwrap());
    }
}

#[test]
fn a_page_with_the_form() {
    let flags = [
        "--meta",
        &format!("note={HOSTILE}"),
        "--content-type",
        "image/png",
    ];
    let key = format!("\"><script>alert(1)</script>{HOSTILE}");
    let signed = run_for("form", &key, &flags).json();
    let page = run_for("form", &key, &[&flags[..], &["--html"]].concat()).out();
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">"));
    assert!(
        !page.contains("<script") && !page.contains("</script"),
        "{page}"
    );

    let read = |text: &str| {
        let quotes = [
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#39;", "'"),
            ("&amp;", "&"),
        ];
        quotes
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let hidden: Vec<(String, String)> = page
        .lines()
        .filter_map(|line| line.trim().strip_prefix("<input type=\"hidden\" name=\""))
        .map(|line| {
            let (name, value) = line
                .strip_suffix("\">")
                .unwrap()
                .split_once("\" value=\"")
                .unwrap();
            assert!(!value.contains(['"', '<', '>']), "{value}");
            (read(name), read(value))
        })
        .collect();
    let hidden: BTreeSet<_> = hidden.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(hidden, pairs(&signed["fields"]).into_iter().collect());

    let form_at = page
        .find("<form method=\"post\" enctype=\"multipart/form-data\"")
        .unwrap();
    let file_at = page.find("<input type=\"file\" name=\"file\"").unwrap();
    assert!(
        form_at < file_at && file_at > page.rfind("type=\"hidden\"").unwrap(),
        "the file is last"
    );
    let action = format!("action=\"{}\"", signed["url"].as_str().unwrap());
    assert!(page.contains(&action));

    for key in ["a\nb", "a\rb"] {
        let refusal = run_for("form", key, &["--html"]).refusal();
        assert!(refusal.contains("would change a line break"), "{refusal}");
    }
}

// ---------------------------------------------------------------- Lines

#[test]
fn a_line_an_answer_and_a_bad_one_harms_no_other() {
    let lines = [
        &br#"{"action":"get","bucket":"uploads","key":"a b"}"#[..],
        br#"{"action":"put","bucket":"uploads","key":"k","acl":"private"}"#,
        br#"{"action":"form","bucket":"uploads","key":"k","meta":{"a":"b"},"max_size":9}"#,
        b"nonsense",
        br#"["get"]"#,
        b"",
        b"\xff\xfe",
        br#"{"action":"post","bucket":"uploads","key":"k"}"#,
        br#"{"bucket":"uploads","key":"k"}"#,
        br#"{"action":"get","bucket":"uploads"}"#,
        br#"{"action":"get","bucket":"uploads","key":"k","expires_in":"60"}"#,
        br#"{"action":"get","bucket":"uploads","key":"k","expires_in":604801}"#,
        br#"{"action":"get","bucket":"uploads","key":"k","expires-in":60}"#,
        br#"{"action":"form","bucket":"uploads","key":"k","meta":{"a":1}}"#,
        br#"{"action":"get","bucket":"uploads","key":"k","google":"yes"}"#,
        br#"{"action":"get","bucket":"uploads","key":"\u0000k","region":"eu-central-1"}"#,
    ]
    .join(&b'\n');
    let flags = ["--stdin", "--region", "us-east-1", "--now", NOW];
    let ran = run_lines(&flags, &lines);
    assert_eq!(ran.status, Some(1));
    assert_eq!(
        ran.stderr,
        "asset-upload presign: 13 of 16 requests were not signed\n"
    );
    let answers: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 16);
    assert_eq!(answers[0], run_for("get", "a b", &[]).json());
    assert_eq!(
        answers[2],
        run_for("form", "k", &["--meta", "a=b", "--max-size", "9"]).json()
    );
    let last = answers[15]["url"].as_str().unwrap();
    assert!(
        last.starts_with("https://uploads.s3.eu-central-1.amazonaws.com/%00k?"),
        "{last}"
    );
    for (at, error) in [
        (1, "acl goes with form only, not with put"),
        (3, "the line is no JSON object"),
        (4, "the line is no JSON object"),
        (5, "the line is no JSON object"),
        (6, "the line is no JSON object"),
        (7, "say what to sign: form, get, put, head or delete"),
        (8, "say what to sign: form, get, put, head or delete"),
        (9, "key is missing"),
        (10, "expires_in must be a whole number"),
        (11, "expires_in must be 1 to 604800 seconds"),
        (12, "\"expires-in\" is no member"),
        (13, "meta must be an object of texts"),
        (14, "google must be true or false"),
    ] {
        let said = answers[at]["error"].as_str().unwrap();
        assert!(said.starts_with(error), "{at}: {said}");
        assert_eq!(answers[at].as_object().unwrap().len(), 1);
    }

    let good = run_lines(
        &[&flags[..], &["get", "--bucket", "uploads"]].concat(),
        b"{\"key\":\"a b\"}\n",
    );
    assert_eq!(good.json(), run_for("get", "a b", &[]).json());
    assert_eq!(run_lines(&flags, b"").out(), "");
}

// ---------------------------------------------------------------- Refusals

type Refusals<'a> = &'a [(&'a [&'a str], &'a str)];

/// Beside a bucket, a region and a key.
const BAD_FLAGS: Refusals<'static> = &[
    (&["get", "--nope"], "unexpected argument '--nope' found"),
    (
        &["get", "--secret-access-key", "x"],
        "unexpected argument '--secret-access-key' found",
    ),
    (
        &["get", "--min_size", "1"],
        "unexpected argument '--min_size' found; a similar argument exists: '--min-size'",
    ),
    (&["get", "-x"], "unexpected argument '-x' found"),
    (&[], "say what to sign: form, get, put, head or delete"),
    (
        &["post"],
        "invalid value 'post' for '[ACTION]' [possible values: form, get, put, head, delete]",
    ),
    (&["get", "put"], "unexpected argument 'put' found"),
    (
        &["get", "--key", "k"],
        "the argument '--key <KEY>' cannot be used multiple times",
    ),
    (
        &["form", "--meta", "a=b", "--meta", "a=c"],
        "--meta gives a twice",
    ),
    (
        &["form", "--meta", "a"],
        "invalid value 'a' for '--meta <NAME=VALUE>': must be name=value",
    ),
    (
        &["form", "--meta", "a b=c"],
        "`a b` is no metadata name: use letters",
    ),
    (
        &["form", "--meta", "A=1", "--meta", "a=2"],
        "the field `meta-a` is given twice",
    ),
    (&["form", "--acl", ""], "the value of `acl` is empty"),
    (
        &["form", "--cache-control", "a\r\nb: c"],
        "the value of `Cache-Control` holds a control",
    ),
    (
        &["form", "--content-type", "${x}"],
        "the value of `Content-Type` holds `${`",
    ),
    (
        &["form", "--success-action-status", "302"],
        "`success_action_status` must be 200, 201 or 204",
    ),
    (
        &["form", "--success-action-status", "65736"],
        "`success_action_status` must be 200, 201 or 204",
    ),
    (
        &["form", "--max-size", "1XB"],
        "invalid value '1XB' for '--max-size <SIZE>': is no size: write whole bytes",
    ),
    (
        &["form", "--max-size", "-1"],
        "invalid value '-1' for '--max-size <SIZE>': is no size: write whole bytes",
    ),
    (
        &["form", "--min-size", "1"],
        "--min-size needs the largest size beside it",
    ),
    (
        &["form", "--min-size", "2", "--max-size", "1"],
        "the content-length range is empty",
    ),
    (
        &["form", "--size", "1"],
        "--size goes with put only, not with form",
    ),
    (
        &["get", "--max-size", "1"],
        "--max-size goes with form only, not with get",
    ),
    (
        &["put", "--response-content-type", "x"],
        "--response-content-type goes with get and head only",
    ),
    (
        &["put", "--content-type", "a\nb"],
        "--content-type must be a media type, as in image/png",
    ),
    (
        &["put", "--checksum-sha256", "abc"],
        "--checksum-sha256 must be a SHA-256 in base64",
    ),
    (
        &["get", "--expires-in", "0"],
        "--expires-in must be 1 to 604800 seconds",
    ),
    (
        &["get", "--expires-in", "604801"],
        "--expires-in must be 1 to 604800 seconds",
    ),
    (
        &["get", "--expires-in", "99999999999999999999"],
        "invalid value '99999999999999999999' for '--expires-in <SECONDS>': must be a whole number",
    ),
    (
        &["get", "--now", "yesterday"],
        "--now must be a time as in 2026-05-19T10:11:12Z",
    ),
    (
        &["get", "--now", "1969-12-31T23:59:59Z"],
        "the time can't be written in a signature",
    ),
    (
        &["get", "--now", "9999-12-31T23:59:59Z"],
        "the time can't be written in a signature",
    ),
    (
        &["form", "--now", "9999-12-31T23:59:59Z"],
        "the time can't be written in a signature",
    ),
    (
        &["get", "--endpoint", "s3.example.com"],
        "`s3.example.com` is not an endpoint: write http://",
    ),
    (
        &["get", "--virtual-hosted"],
        "--virtual-hosted goes with an endpoint or Google",
    ),
    (&["get", "--html"], "--html goes with form only"),
    (
        &["form", "--html", "--curl"],
        "the argument '--html' cannot be used with '--curl'",
    ),
    (
        &["form", "--stdin", "--curl"],
        "the argument '--stdin' cannot be used with '--curl'",
    ),
    (
        &["get", "--google=yes"],
        "unexpected value 'yes' for '--google' found",
    ),
    (
        &["get", "--now"],
        "a value is required for '--now <TIME>' but none was supplied",
    ),
];

/// Alone.
const BAD_REQUESTS: Refusals<'static> = &[
    (
        &["get", "--key=k", "--region=us-east-1"],
        "--bucket is missing",
    ),
    (
        &["get", "--bucket=uploads", "--region=us-east-1"],
        "--key is missing",
    ),
    (
        &["get", "--bucket=uploads", "--key=k"],
        "--region is missing: give the bucket's",
    ),
    (
        &["get", "--bucket=uploads", "--key=k", "--region=us east"],
        "--region is none: a region has",
    ),
    (
        &["get", "--bucket=u", "--key=k", "--region=r"],
        "a bucket's name must have 3 to 255",
    ),
    (
        &["get", "--bucket=uploads", "--key=", "--region=r"],
        "--key must have 1 to 1,024 bytes",
    ),
    (
        &["form", "--bucket=uploads", "--key=", "--region=r"],
        "an object key has 1 to 1,024 bytes",
    ),
    (
        &[
            "form",
            "--bucket=uploads",
            "--key=${filename}",
            "--region=r",
        ],
        "the value of `key` holds `${`",
    ),
    (
        &[
            "get",
            "--bucket=my.bucket",
            "--key=k",
            "--region=r",
            "--endpoint=http://h",
            "--virtual-hosted",
        ],
        "`my.bucket` is not a DNS label",
    ),
];

#[test]
fn bad_flags_are_told_what_is_accepted() {
    let common = ["--bucket", "uploads", "--region", "us-east-1", "--key", "k"];
    for (common, refusals) in [(&common[..], BAD_FLAGS), (&[], BAD_REQUESTS)] {
        for (flags, said) in refusals {
            let refusal = run(&[common, flags].concat()).refusal();
            assert!(refusal.starts_with(said), "{flags:?}: {refusal}");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;

    let flags = ["get", "--bucket", "uploads", "--key"].map(OsStr::new);
    let refusal = run(&[&flags[..], &[OsStr::from_bytes(b"\xff")]].concat()).refusal();
    assert_eq!(
        refusal,
        "invalid UTF-8 was detected in one or more arguments; --help says more"
    );
}

#[test]
fn credentials_come_from_the_environment_and_are_never_shown() {
    let flags = [
        "get",
        "--bucket=uploads",
        "--key=k",
        "--region=us-east-1",
        "--now",
        NOW,
    ];
    let [id, secret] = CREDENTIALS;
    let sources = "credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if they are temporary, AWS_SESSION_TOKEN";
    for (environment, said) in [
        (&[][..], "AWS_ACCESS_KEY_ID is not in the environment"),
        (&[id], "AWS_SECRET_ACCESS_KEY is not in the environment"),
        (
            &[("AWS_ACCESS_KEY_ID", "a b"), secret],
            "the access key id must be 1 to 128 visible ASCII",
        ),
        (
            &[id, secret, ("AWS_SESSION_TOKEN", "a b")],
            "the session token must be visible ASCII",
        ),
    ] {
        let refusal = run_with(environment, &flags).refusal();
        assert!(
            refusal.starts_with(said) && refusal.ends_with(sources),
            "{refusal}"
        );
    }
    let ended = [id, secret, ("AWS_CREDENTIAL_EXPIRATION", NOW)];
    assert_eq!(
        run_with(&ended, &flags).refusal(),
        "the credentials have expired"
    );

    let temporary = [id, secret, ("AWS_SESSION_TOKEN", "a/b+c=")];
    let signed = run_with(&temporary, &flags).json();
    assert!(
        signed["url"]
            .as_str()
            .unwrap()
            .contains("&X-Amz-Security-Token=a%2Fb%2Bc%3D&")
    );
}

#[test]
fn help_needs_no_credentials_and_names_every_flag() {
    let help = run_with(&[], &["--help"]).out();
    assert_eq!(run_with(&[], &["get", "-h"]).out(), help);
    for flag in [
        "bucket",
        "key",
        "region",
        "endpoint",
        "virtual-hosted",
        "content-type",
        "min-size",
        "max-size",
        "size",
        "expires-in",
        "checksum-sha256",
        "meta",
        "acl",
        "cache-control",
        "success-action-status",
        "response-content-disposition",
        "response-content-type",
        "google",
        "now",
        "stdin",
        "curl",
        "html",
    ] {
        assert!(help.contains(&format!("  --{flag}")), "{flag}: {help}");
    }
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
}
