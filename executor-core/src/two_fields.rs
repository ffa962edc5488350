//! Serde's traits for a struct of two fields. Written by hand, since serde's derive would bring syn to programs that only use threads.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_core::ser::SerializeStruct;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

/// The names of a struct and of its fields.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [&'static str; 2],
}

/// Writes `values` as the fields of a struct.
#[inline]
pub(crate) fn serialize<A, B, S>(names: Names, values: (&A, &B), to: S) -> Result<S::Ok, S::Error>
where
    A: Serialize + ?Sized,
    B: Serialize + ?Sized,
    S: Serializer,
{
    let mut fields = to.serialize_struct(names.name, names.fields.len())?;
    fields.serialize_field(names.fields[0], values.0)?;
    fields.serialize_field(names.fields[1], values.1)?;
    fields.end()
}

/// Reads the fields of a struct, by name or by position. As with serde's derive, unknown fields are ignored.
#[inline]
pub(crate) fn deserialize<'de, A, B, D>(names: Names, from: D) -> Result<(A, B), D::Error>
where
    A: Deserialize<'de>,
    B: Deserialize<'de>,
    D: Deserializer<'de>,
{
    from.deserialize_struct(names.name, names.fields, StructVisitor { names, types: PhantomData })
}

struct StructVisitor<A, B> {
    names: Names,
    types: PhantomData<(A, B)>,
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for StructVisitor<A, B> {
    type Value = (A, B);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "struct {}", self.names.name)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut from: S) -> Result<(A, B), S::Error> {
        let too_short = |len| {
            let expected = format!("struct {} with {} elements", self.names.name, self.names.fields.len());
            S::Error::invalid_length(len, &expected.as_str())
        };
        let first = from.next_element()?.ok_or_else(|| too_short(0))?;
        let second = from.next_element()?.ok_or_else(|| too_short(1))?;
        Ok((first, second))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut from: M) -> Result<(A, B), M::Error> {
        let [first_name, second_name] = *self.names.fields;
        let (mut first, mut second) = (None, None);
        while let Some(field) = from.next_key_seed(FieldVisitor(self.names))? {
            match field {
                Field::First if first.is_some() => return Err(M::Error::duplicate_field(first_name)),
                Field::Second if second.is_some() => return Err(M::Error::duplicate_field(second_name)),
                Field::First => first = Some(from.next_value()?),
                Field::Second => second = Some(from.next_value()?),
                Field::Unknown => drop(from.next_value::<IgnoredAny>()?),
            }
        }
        let first = first.ok_or_else(|| M::Error::missing_field(first_name))?;
        let second = second.ok_or_else(|| M::Error::missing_field(second_name))?;
        Ok((first, second))
    }
}

enum Field {
    First,
    Second,
    Unknown,
}

struct FieldVisitor(Names);

impl<'de> DeserializeSeed<'de> for FieldVisitor {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Field, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for FieldVisitor {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("field identifier")
    }

    fn visit_u64<E: Error>(self, index: u64) -> Result<Field, E> {
        Ok(match index {
            0 => Field::First,
            1 => Field::Second,
            _ => Field::Unknown,
        })
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Field, E> {
        self.visit_bytes(name.as_bytes())
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<Field, E> {
        let index = self.0.fields.iter().position(|field| field.as_bytes() == name);
        self.visit_u64(index.map_or(u64::MAX, |index| index as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names { name: "Pair", fields: &["left", "right"] };

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Pair {
        left: u8,
        right: String,
    }

    #[derive(PartialEq, Debug)]
    struct ByHand(u8, String);

    impl Serialize for ByHand {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            serialize(NAMES, (&self.0, &self.1), to)
        }
    }

    impl<'de> Deserialize<'de> for ByHand {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            deserialize(NAMES, from).map(|(left, right)| Self(left, right))
        }
    }

    #[test]
    fn bytes_and_text_equal_those_of_the_derive() {
        let (derived, by_hand) = (Pair { left: 7, right: "r".into() }, ByHand(7, "r".into()));
        let text = serde_json::to_string(&derived).unwrap();
        assert_eq!(serde_json::to_string(&by_hand).unwrap(), text);
        assert_eq!(serde_json::from_str::<ByHand>(&text).unwrap(), by_hand);
        let bytes = postcard::to_stdvec(&derived).unwrap();
        assert_eq!(postcard::to_stdvec(&by_hand).unwrap(), bytes);
        assert_eq!(postcard::from_bytes::<ByHand>(&bytes), Ok(by_hand));
    }

    #[test]
    fn errors_equal_those_of_the_derive() {
        for text in [
            r#"{"right":"r","other":[{}],"left":7}"#,
            r#"[7,"r"]"#,
            r#"{"left":7}"#,
            r#"{"right":"r"}"#,
            r#"{"left":7,"left":8,"right":"r"}"#,
            r#"{"right":"r","right":"r"}"#,
            r#"{"left":300,"right":"r"}"#,
            "[7]",
            "[]",
            "7",
        ] {
            let derived = serde_json::from_str::<Pair>(text).map(|pair| (pair.left, pair.right));
            let by_hand = serde_json::from_str::<ByHand>(text).map(|pair| (pair.0, pair.1));
            let show = |result: Result<_, serde_json::Error>| result.map_err(|error| error.to_string());
            assert_eq!(show(by_hand), show(derived), "{text}");
        }
    }
}
