//! JSON read strictly: one object, no member twice, no deep nests.
//!
//! Which of two equal members wins differs from parser to parser, and that is how filters get
//! bypassed; so two are refused, at every depth.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

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
    let mut reader = serde_json::Deserializer::from_str(text);
    // Filled in place: so many members are more than is good to hand through layers of results.
    let read = Object {
        names,
        members: &mut members,
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match read {
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

impl<'de, const N: usize> DeserializeSeed<'de> for Object<'_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<'_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        // Not in serde's words, which repeat all of it.
        Err(E::custom("invalid type: string, expected an object"))
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
fn remember<'de, E: serde::de::Error>(
    names: &mut HashSet<Cow<'de, str>>,
    name: Cow<'de, str>,
) -> Result<(), E> {
    if names.contains(&name) {
        return Err(duplicate(&name));
    }
    names.insert(name);
    Ok(())
}

fn duplicate<E: serde::de::Error>(name: &str) -> E {
    let shown: String = name.chars().take(40).collect();
    E::custom(format_args!("the member {shown:?} is given twice"))
}

/// A member's name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Any value at a given depth. What is inside arrays and objects is checked and let go.
struct Value {
    depth: usize,
}

impl Value {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH {
            Ok(self.depth + 1)
        } else {
            Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            )))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Member<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Member<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Member::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Member::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Member::Integer(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "only its sign is looked at")]
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(value).map_or(Member::Number(value as f64), Member::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Member::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Member::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Value { depth })?.is_some() {}
        Ok(Member::Compound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let depth = self.deeper()?;
        let mut names = HashSet::new();
        while let Some(Name(name)) = map.next_key()? {
            remember(&mut names, name)?;
            map.next_value_seed(Value { depth })?;
        }
        Ok(Member::Compound)
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
            "{\"a\":\"\\ud800\"}",
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
