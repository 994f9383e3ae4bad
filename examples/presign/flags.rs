//! The flags, which are also the members of a line of JSON.

use std::fmt::Write;

use lexopt::Arg::{Long, Short, Value as Positional};
use serde_json::{Map, Value};

use crate::Failure;
use crate::request::Action;

/// One thing that a request may say.
pub(crate) struct Flag {
    /// As a member of JSON; with hyphens it is the flag.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// What it makes sense for.
    pub(crate) actions: &'static [Action],
    help: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A text, and what stands for it in the help.
    Text(&'static str),
    Number(&'static str),
    Switch,
    /// Names and values; a flag that may be repeated.
    Pairs,
}

impl Kind {
    /// What has to be written, for the one who wrote something else.
    pub(crate) fn accepted(self) -> &'static str {
        match self {
            Self::Text(_) => "must be a text",
            Self::Number(_) => "must be a whole number, 0 or more",
            Self::Switch => "must be true or false",
            Self::Pairs => "must be an object of texts",
        }
    }

    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text(_) => value.is_string(),
            Self::Number(_) => value.is_u64(),
            Self::Switch => value.is_boolean(),
            Self::Pairs => value
                .as_object()
                .is_some_and(|pairs| pairs.values().all(Value::is_string)),
        }
    }
}

const ALL: &[Action] = &[
    Action::Form,
    Action::Get,
    Action::Put,
    Action::Head,
    Action::Delete,
];
const FORM: &[Action] = &[Action::Form];
const UPLOADS: &[Action] = &[Action::Form, Action::Put];
const DOWNLOADS: &[Action] = &[Action::Get, Action::Head];

#[rustfmt::skip]
pub(crate) const FLAGS: &[Flag] = &[
    Flag { name: "bucket", kind: Kind::Text("NAME"), actions: ALL, help: "" },
    Flag { name: "key", kind: Kind::Text("KEY"), actions: ALL, help: "the object" },
    Flag { name: "region", kind: Kind::Text("REGION"), actions: ALL, help: "as in us-east-1; auto with --google" },
    Flag { name: "endpoint", kind: Kind::Text("URL"), actions: ALL, help: "a store other than AWS" },
    Flag { name: "virtual_hosted", kind: Kind::Switch, actions: ALL, help: "the bucket in the host's name, not in the path" },
    Flag { name: "google", kind: Kind::Switch, actions: ALL, help: "Google Cloud Storage, with an HMAC key" },
    Flag { name: "expires_in", kind: Kind::Number("SECONDS"), actions: ALL, help: "1 to 604800 [3600]" },
    Flag { name: "now", kind: Kind::Text("TIME"), actions: ALL, help: "sign as of then: 2026-05-19T10:11:12Z" },
    Flag { name: "content_type", kind: Kind::Text("TYPE"), actions: UPLOADS, help: "demanded of the upload" },
    Flag { name: "checksum_sha256", kind: Kind::Text("SHA256"), actions: UPLOADS, help: "of the file, in base64 or hexadecimal" },
    Flag { name: "size", kind: Kind::Number("BYTES"), actions: &[Action::Put], help: "of the file, exactly" },
    Flag { name: "single_use", kind: Kind::Switch, actions: &[Action::Put], help: "refused where there is an object already" },
    Flag { name: "min_size", kind: Kind::Number("BYTES"), actions: FORM, help: "of the file [0]" },
    Flag { name: "max_size", kind: Kind::Number("BYTES"), actions: FORM, help: "of the file" },
    Flag { name: "meta", kind: Kind::Pairs, actions: FORM, help: "metadata; may be repeated" },
    Flag { name: "acl", kind: Kind::Text("ACL"), actions: FORM, help: "a canned one, such as private" },
    Flag { name: "cache_control", kind: Kind::Text("VALUE"), actions: FORM, help: "of the object" },
    Flag { name: "content_disposition", kind: Kind::Text("VALUE"), actions: FORM, help: "of the object" },
    Flag { name: "content_encoding", kind: Kind::Text("VALUE"), actions: FORM, help: "of the object" },
    Flag { name: "storage_class", kind: Kind::Text("CLASS"), actions: FORM, help: "such as STANDARD_IA" },
    Flag { name: "success_action_status", kind: Kind::Number("STATUS"), actions: FORM, help: "200, 201 or 204" },
    Flag { name: "success_action_redirect", kind: Kind::Text("URL"), actions: FORM, help: "where the browser goes afterwards" },
    Flag { name: "response_content_disposition", kind: Kind::Text("VALUE"), actions: DOWNLOADS, help: "what the store answers with" },
    Flag { name: "response_content_type", kind: Kind::Text("TYPE"), actions: DOWNLOADS, help: "what the store answers with" },
];

impl Flag {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FLAGS.iter().find(|flag| flag.name == name)
    }

    fn read(&self, args: &mut lexopt::Parser) -> Result<Value, Failure> {
        let shown = dashed(self.name);
        let mut text = || {
            let value = args.value().map_err(|fault| fault.to_string())?;
            value
                .into_string()
                .map_err(|_| format!("{shown} must be UTF-8"))
        };
        Ok(match self.kind {
            Kind::Text(_) => text()?.into(),
            Kind::Switch => true.into(),
            Kind::Number(_) => {
                let number: u64 = text()?
                    .parse()
                    .map_err(|_| format!("{shown} {}", self.kind.accepted()))?;
                number.into()
            }
            Kind::Pairs => {
                let pair = text()?;
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("{shown} must be name=value"))?;
                Map::from_iter([(name.to_owned(), value.into())]).into()
            }
        })
    }
}

/// A member's name as the flag's.
pub(crate) fn dashed(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

/// How to print what was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Json,
    Curl,
    Html,
}

/// What was asked for.
pub(crate) struct CommandLine {
    pub(crate) request: Map<String, Value>,
    pub(crate) stdin: bool,
    pub(crate) output: Output,
}

impl CommandLine {
    /// `None` when help was asked for.
    pub(crate) fn from_args() -> Result<Option<Self>, Failure> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut args: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut line = Self {
            request: Map::new(),
            stdin: false,
            output: Output::Json,
        };
        while let Some(arg) = args.next().map_err(|fault| fault.to_string())? {
            match arg {
                Long("help") | Short('h') => return Ok(None),
                Long("stdin") => line.stdin = true,
                Long("curl") => line.print_as(Output::Curl)?,
                Long("html") => line.print_as(Output::Html)?,
                Long(name) => {
                    let flag = FLAGS
                        .iter()
                        .find(|flag| dashed(flag.name)[2..] == *name)
                        .ok_or_else(|| format!("--{name} is no flag; --help lists them"))?;
                    let value = flag.read(&mut args)?;
                    line.add(flag.name, value)?;
                }
                Short(name) => return Err(format!("-{name} is no flag; --help lists them")),
                Positional(action) => {
                    let action = action.to_string_lossy().into_owned();
                    if line
                        .request
                        .insert("action".to_owned(), action.into())
                        .is_some()
                    {
                        return Err("give one of form, get, put, head and delete".to_owned());
                    }
                }
            }
        }
        if line.stdin && line.output != Output::Json {
            return Err("--stdin answers JSON: leave --curl and --html away".to_owned());
        }
        Ok(Some(line))
    }

    fn print_as(&mut self, output: Output) -> Result<(), Failure> {
        if self.output != Output::Json && self.output != output {
            return Err("give one of --curl and --html".to_owned());
        }
        self.output = output;
        Ok(())
    }

    fn add(&mut self, name: &'static str, value: Value) -> Result<(), Failure> {
        let twice = match self.request.get_mut(name) {
            None => {
                self.request.insert(name.to_owned(), value);
                false
            }
            Some(Value::Object(pairs)) => match value {
                Value::Object(more) => {
                    let before = pairs.len() + more.len();
                    pairs.extend(more);
                    pairs.len() < before
                }
                _ => true,
            },
            Some(_) => true,
        };
        if twice {
            Err(format!("{} is given twice", dashed(name)))
        } else {
            Ok(())
        }
    }
}

pub(crate) fn help() -> String {
    let mut help = "\
Signs a form or a URL for an object store.

  presign form|get|put|head|delete --bucket NAME --key KEY --region REGION [FLAGS]
  presign [FLAGS] --stdin < REQUESTS.jsonl

"
    .to_owned();
    let mut row = |flag: &str, text: &str| {
        // Writing to a string can't fail.
        let _ = writeln!(help, "{}", format!("  {flag:<38} {text}").trim_end());
    };
    for flag in FLAGS {
        let name = dashed(flag.name);
        let shown = match flag.kind {
            Kind::Text(value) | Kind::Number(value) => format!("{name} {value}"),
            Kind::Switch => name,
            Kind::Pairs => format!("{name} NAME=VALUE"),
        };
        let only: Vec<_> = flag.actions.iter().map(|action| action.name()).collect();
        match only.len() {
            5 => row(&shown, flag.help),
            _ => row(&shown, &format!("{} ({})", flag.help, only.join(", "))),
        }
    }
    row(
        "--curl",
        "print a curl command; uploads read standard input",
    );
    row("--html", "print a page with the form");
    row(
        "--stdin",
        "sign a JSON object a line, the flags as defaults:",
    );
    row("", r#"{"action":"get","bucket":"uploads","key":"a.png"}"#);
    help.push_str(
        "\n\
Prints JSON: method, url, fields, headers, expires_at.
Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
",
    );
    help
}
