//! The flags, which are also the members of a line of JSON.

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use serde_json::{Map, Value};

use super::action::Action;
use crate::size;

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
    /// A number of bytes; as a flag it may have a unit.
    Size,
    Switch,
    /// Names and values; a flag that may be repeated.
    Pairs,
}

impl Kind {
    /// What has to be written, for the one who wrote something else.
    pub(crate) fn accepted(self) -> &'static str {
        match self {
            Self::Text(_) => "must be a text",
            Self::Number(_) | Self::Size => "must be a whole number, 0 or more",
            Self::Switch => "must be true or false",
            Self::Pairs => "must be an object of texts",
        }
    }

    pub(crate) fn accepts(self, value: &Value) -> bool {
        match self {
            Self::Text(_) => value.is_string(),
            Self::Number(_) | Self::Size => value.is_u64(),
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
    Flag { name: "bucket", kind: Kind::Text("NAME"), actions: ALL, help: "The bucket" },
    Flag { name: "key", kind: Kind::Text("KEY"), actions: ALL, help: "The object" },
    Flag { name: "region", kind: Kind::Text("REGION"), actions: ALL, help: "As in us-east-1; auto with --google" },
    Flag { name: "endpoint", kind: Kind::Text("URL"), actions: ALL, help: "A store other than AWS" },
    Flag { name: "virtual_hosted", kind: Kind::Switch, actions: ALL, help: "The bucket in the host's name, not in the path" },
    Flag { name: "google", kind: Kind::Switch, actions: ALL, help: "Google Cloud Storage, with an HMAC key" },
    Flag { name: "expires_in", kind: Kind::Number("SECONDS"), actions: ALL, help: "1 to 604800 [default: 3600]" },
    Flag { name: "now", kind: Kind::Text("TIME"), actions: ALL, help: "Sign as of then: 2026-05-19T10:11:12Z" },
    Flag { name: "content_type", kind: Kind::Text("TYPE"), actions: UPLOADS, help: "Demanded of the upload" },
    Flag { name: "checksum_sha256", kind: Kind::Text("SHA256"), actions: UPLOADS, help: "Of the file, in base64 or hexadecimal" },
    Flag { name: "size", kind: Kind::Size, actions: &[Action::Put], help: "Of the file, exactly" },
    Flag { name: "single_use", kind: Kind::Switch, actions: &[Action::Put], help: "Refused where there is an object already" },
    Flag { name: "min_size", kind: Kind::Size, actions: FORM, help: "Of the file [default: 0]" },
    Flag { name: "max_size", kind: Kind::Size, actions: FORM, help: "Of the file" },
    Flag { name: "meta", kind: Kind::Pairs, actions: FORM, help: "Metadata; may be repeated" },
    Flag { name: "acl", kind: Kind::Text("ACL"), actions: FORM, help: "A canned one, such as private" },
    Flag { name: "cache_control", kind: Kind::Text("VALUE"), actions: FORM, help: "Of the object" },
    Flag { name: "content_disposition", kind: Kind::Text("VALUE"), actions: FORM, help: "Of the object" },
    Flag { name: "content_encoding", kind: Kind::Text("VALUE"), actions: FORM, help: "Of the object" },
    Flag { name: "storage_class", kind: Kind::Text("CLASS"), actions: FORM, help: "Such as STANDARD_IA" },
    Flag { name: "success_action_status", kind: Kind::Number("STATUS"), actions: FORM, help: "200, 201 or 204" },
    Flag { name: "success_action_redirect", kind: Kind::Text("URL"), actions: FORM, help: "Where the browser goes afterwards" },
    Flag { name: "response_content_disposition", kind: Kind::Text("VALUE"), actions: DOWNLOADS, help: "What the store answers with" },
    Flag { name: "response_content_type", kind: Kind::Text("TYPE"), actions: DOWNLOADS, help: "What the store answers with" },
];

impl Flag {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FLAGS.iter().find(|flag| flag.name == name)
    }

    fn arg(&self) -> Arg {
        let only: Vec<_> = self.actions.iter().map(|action| action.name()).collect();
        let help = if self.actions.len() == ALL.len() {
            self.help.to_owned()
        } else {
            format!("{} ({})", self.help, only.join(", "))
        };
        let arg = Arg::new(self.name)
            .long(dashed(self.name)[2..].to_owned())
            .help(help);
        match self.kind {
            Kind::Text(name) => arg.value_name(name).allow_hyphen_values(true),
            Kind::Number(name) => arg
                .value_name(name)
                .value_parser(number)
                .allow_hyphen_values(true),
            Kind::Size => arg
                .value_name("SIZE")
                .value_parser(size::parse)
                .allow_hyphen_values(true),
            Kind::Switch => arg.action(ArgAction::SetTrue),
            Kind::Pairs => arg
                .value_name("NAME=VALUE")
                .value_parser(pair)
                .action(ArgAction::Append),
        }
    }

    /// The value that the command line has for this flag.
    fn read(&self, matches: &ArgMatches) -> Result<Option<Value>, clap::Error> {
        Ok(match self.kind {
            Kind::Text(_) => matches
                .get_one::<String>(self.name)
                .map(|text| text.clone().into()),
            Kind::Number(_) | Kind::Size => matches
                .get_one::<u64>(self.name)
                .map(|number| (*number).into()),
            Kind::Switch => matches.get_flag(self.name).then(|| true.into()),
            Kind::Pairs => {
                let mut pairs = Map::new();
                let given = matches.get_many::<(String, String)>(self.name);
                for (name, value) in given.into_iter().flatten() {
                    if pairs.insert(name.clone(), value.clone().into()).is_some() {
                        let text = format!("{} gives {name} twice\n", dashed(self.name));
                        return Err(clap::Error::raw(ErrorKind::ArgumentConflict, text));
                    }
                }
                (!pairs.is_empty()).then(|| pairs.into())
            }
        })
    }
}

/// A member's name as the flag's.
pub(crate) fn dashed(name: &str) -> String {
    format!("--{}", name.replace('_', "-"))
}

fn number(text: &str) -> Result<u64, &'static str> {
    let wrong = |_| Kind::Number("").accepted();
    text.parse().map_err(wrong)
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("must be name=value")?;
    Ok((name.to_owned(), value.to_owned()))
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

const AFTER_HELP: &str = "\
Every action needs --bucket, --key and --region.
Prints JSON: method, url, fields, headers, expires_at. A line for --stdin is such an object:
  {\"action\":\"get\",\"bucket\":\"uploads\",\"key\":\"a.png\"}
Sizes are bytes, or have a unit, as in 20MB or 16MiB; in JSON they are bytes.
Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.";

impl Args for CommandLine {
    fn augment_args(command: Command) -> Command {
        let actions = ALL.iter().map(|action| action.name());
        let actions = Arg::new("action")
            .value_name("ACTION")
            .value_parser(PossibleValuesParser::new(actions))
            .help("What to sign");
        let switch = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .help(help)
                .action(ArgAction::SetTrue)
        };
        command
            .arg(actions)
            .args(FLAGS.iter().map(Flag::arg))
            .arg(
                switch("curl", "Print a curl command; uploads read standard input")
                    .conflicts_with("html"),
            )
            .arg(switch("html", "Print a page with the form"))
            .arg(
                switch("stdin", "Sign a JSON object a line, the flags as defaults")
                    .conflicts_with_all(["curl", "html"]),
            )
            .after_help(AFTER_HELP)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for CommandLine {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut request = Map::new();
        if let Some(action) = matches.get_one::<String>("action") {
            request.insert("action".to_owned(), action.clone().into());
        }
        for flag in FLAGS {
            if let Some(value) = flag.read(matches)? {
                request.insert(flag.name.to_owned(), value);
            }
        }
        let output = if matches.get_flag("curl") {
            Output::Curl
        } else if matches.get_flag("html") {
            Output::Html
        } else {
            Output::Json
        };
        Ok(Self {
            request,
            stdin: matches.get_flag("stdin"),
            output,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
