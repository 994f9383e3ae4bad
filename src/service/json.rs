//! JSON read strictly: one object, no member twice, no deep nests.
//!
//! Which of two equal members wins differs from parser to parser, and that is how filters get
//! bypassed; so two are refused, at every depth.
//!
//! `serde_json`'s features belong to the whole tree of a host: with `arbitrary_precision` it presents
//! numbers as objects, and with `float_roundtrip` it rounds them otherwise. So it only delimits values
//! here ([`RawValue`]), and numbers are read by the standard library.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep arrays and objects may nest, the outermost object included.
const MAX_DEPTH: usize = 32;

/// The value of a member, as far as this API cares.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Member<'a> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Integer(u64),
    /// A number that is no `u64`: negative, fractional or huge.
    Number(f64),
    Text(Cow<'a, str>),
    /// An array or an object.
    Compound,
}

/// Why a body was not understood: one sentence.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

/// Reads one object and gives the members of these names, in the order of the names.
pub(crate) fn read_object<'a, const N: usize>(
    body: &'a [u8],
    names: [&'static str; N],
) -> Result<[Member<'a>; N], Malformed> {
    let text = std::str::from_utf8(body).map_err(|fault| {
        Malformed(format!(
            "The body is not UTF-8: see byte {}.",
            fault.valid_up_to() + 1
        ))
    })?;
    let mut members = [const { Member::Absent }; N];
    // Filled in place: so many members are more than is good to hand through layers of results.
    let object = Object {
        names,
        members: &mut members,
    };
    match object.read(text) {
        Ok(()) => Ok(members),
        Err(fault) => Err(Malformed(format!(
            "The body must be one JSON object without duplicate members: {fault}."
        ))),
    }
}

struct Object<'m, 'de, const N: usize> {
    names: [&'static str; N],
    members: &'m mut [Member<'de>; N],
}

impl<'de, const N: usize> Object<'_, 'de, N> {
    fn read(self, text: &'de str) -> Result<(), serde_json::Error> {
        let inner = text.trim_start_matches([' ', '\t', '\n', '\r']);
        if !inner.is_empty() && !inner.starts_with('{') {
            let before = &text[..text.len() - inner.len()];
            let line = before.matches('\n').count() + 1;
            let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1) + 1;
            let fault = format_args!("expected `{{` at line {line} column {column}");
            return Err(serde_json::Error::custom(fault));
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        reader.deserialize_map(self)?;
        reader.end()
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<'_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut others = HashSet::new();
        while let Some(Name(name)) = map.next_key()? {
            let Some(position) = self.names.iter().position(|known| *known == name) else {
                remember(&mut others, name)?;
                map.next_value_seed(Value { depth: 1 })?;
                continue;
            };
            if self.members[position] != Member::Absent {
                return Err(duplicate(&name));
            }
            self.members[position] = map.next_value_seed(Value { depth: 1 })?;
        }
        Ok(())
    }
}

/// Takes a name that must be a new one.
fn remember<'de, E: Error>(
    names: &mut HashSet<Cow<'de, str>>,
    name: Cow<'de, str>,
) -> Result<(), E> {
    if names.contains(&name) {
        return Err(duplicate(&name));
    }
    names.insert(name);
    Ok(())
}

fn duplicate<E: Error>(name: &str) -> E {
    let shown: String = name.chars().take(40).collect();
    E::custom(format_args!("the member {shown:?} is given twice"))
}

/// A member's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any value at a given depth. What is inside arrays and objects is checked and let go.
#[derive(Clone, Copy)]
struct Value {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Member<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?;
        let read = self.read(value.get());
        // Its place is one in the value, not in the body, so the reader of the body adds its own.
        read.map_err(|fault| match fault.to_string().rsplit_once(" at line ") {
            Some((fault, _)) => Error::custom(fault),
            None => Error::custom(fault),
        })
    }
}

impl Value {
    /// Reads a value that is sound JSON but for its numbers' ranges and its strings' surrogates.
    fn read(self, text: &str) -> Result<Member<'_>, serde_json::Error> {
        match text.as_bytes().first() {
            Some(b'n') => Ok(Member::Null),
            Some(b't') => Ok(Member::Bool(true)),
            Some(b'f') => Ok(Member::Bool(false)),
            Some(b'"') => string(text).map(Member::Text),
            Some(b'[' | b'{') => self.compound(text),
            _ => number(text),
        }
    }

    fn compound(self, text: &str) -> Result<Member<'_>, serde_json::Error> {
        if self.depth >= MAX_DEPTH {
            return Err(Error::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )));
        }
        let inner = Self {
            depth: self.depth + 1,
        };
        serde_json::Deserializer::from_str(text).deserialize_any(Contents(inner))?;
        Ok(Member::Compound)
    }
}

fn string(text: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match text.get(1..text.len() - 1) {
        Some(plain) if !plain.contains('\\') => Ok(plain.into()),
        _ => serde_json::from_str(text).map(|Name(text)| text),
    }
}

fn number<'a>(text: &str) -> Result<Member<'a>, serde_json::Error> {
    if let Ok(number) = text.parse() {
        return Ok(Member::Integer(number));
    }
    match text.parse() {
        Ok(number) if f64::is_finite(number) => Ok(Member::Number(number)),
        _ => Err(Error::custom("number out of range")),
    }
}

/// The items of an array, or the members of an object.
struct Contents(Value);

impl<'de> Visitor<'de> for Contents {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.0)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(Name(name)) = map.next_key()? {
            remember(&mut names, name)?;
            map.next_value_seed(self.0)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<[Member<'_>; 2], Malformed> {
        read_object(body.as_bytes(), ["a", "b"])
    }

    #[test]
    fn members_are_found_whatever_stands_around_them() {
        let [a, b] = read(r#" {"x": {"a": [1, {"y": null}]}, "b": "\u0041", "a": 7} "#).unwrap();
        assert_eq!(a, Member::Integer(7));
        assert_eq!(b, Member::Text("A".into()));
        assert_eq!(read("{}").unwrap(), [Member::Absent, Member::Absent]);
        let [a, b] = read(r#"{"a": -0, "b": 1e3}"#).unwrap();
        assert_eq!((a, b), (Member::Number(-0.0), Member::Number(1000.0)));
        let [a, b] = read(r#"{"a": "\\\"", "b": ""}"#).unwrap();
        assert_eq!(
            (a, b),
            (Member::Text("\\\"".into()), Member::Text("".into()))
        );
    }

    #[test]
    fn no_member_comes_twice() {
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a":null,"a":null}"#,
            r#"{"z":1,"z":2}"#,
            r#"{"z":{"y":1,"y":2}}"#,
            r#"{"z":[{"y":1,"y":2}]}"#,
        ] {
            let Malformed(fault) = read(body).unwrap_err();
            assert!(fault.contains("is given twice"), "{body}: {fault}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        for body in [
            "",
            " ",
            "[]",
            "5",
            "null",
            "\"a\"",
            "{",
            "{}x",
            "{}{}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":NaN}",
            "{\"a\":1e400}",
            "{\"x\":[-1e400]}",
            "{\"a\":\"\\ud800\"}",
            "{\"x\":{\"\\ud800\":1}}",
            "{\"x\":[\"\\ud800\"]}",
            "{\"a\":\"\n\"}",
        ] {
            let Malformed(fault) = read(body).unwrap_err();
            assert!(
                fault.contains("line 1 column") || fault.contains("line 2 column"),
                "{body:?}: {fault}"
            );
        }
        let long = format!("\"{}\"", "x".repeat(60_000));
        assert!(read(&long).unwrap_err().0.len() < 200);
        for (body, place) in [
            (" \n [1]", "line 2 column 2"),
            (
                "{\"a\":1,\n\"x\":[1,{\"y\":1,\"y\":2}]}",
                "line 2 column 22",
            ),
        ] {
            let Malformed(fault) = read(body).unwrap_err();
            assert_eq!(fault.matches("line").count(), 1, "{fault}");
            assert!(fault.contains(place), "{body:?}: {fault}");
        }
        let Malformed(fault) = read_object(b"{\"a\":\"\xff\"}", ["a"]).unwrap_err();
        assert_eq!(fault, "The body is not UTF-8: see byte 7.");
    }

    #[test]
    fn nests_are_bounded() {
        let nest = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nest(MAX_DEPTH - 1)).is_ok());
        for depth in [MAX_DEPTH, 10_000] {
            let Malformed(fault) = read(&nest(depth)).unwrap_err();
            assert!(fault.contains("nested deeper"), "{fault}");
        }
    }
}
