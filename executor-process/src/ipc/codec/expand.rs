//! Reads what [`compact`](super::compact) wrote.

mod fields;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Visitor};

use super::compact::{CONTENT_SHIFT, KIND_BITS, MAP, MORE, NAMED_FIELDS, NEW, Names, SEQUENCE};
use super::depth::Depth;
use super::fault::Unread;
use super::names::Known;
use super::read::{Bytes, From, Source, check_variant, differs};
use super::variant::Variant;
use crate::ipc::large_pages::{LARGE, copied};

pub(super) struct Expand<'de> {
    bytes: Bytes<'de>,
    names: Names<'de>,
    known: Known,
}

impl<'de> Expand<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes: Bytes::new(bytes), names: Names::new(), known: Known::new() }
    }

    /// How many bytes are not read.
    pub(super) fn rest(&self) -> usize {
        self.bytes.rest()
    }

    #[inline]
    fn number(&mut self) -> Result<u64, Unread> {
        let first = self.bytes.byte()?;
        if first < MORE { Ok(first.into()) } else { self.long_number(first) }
    }

    #[inline]
    fn long_number(&mut self, first: u8) -> Result<u64, Unread> {
        let mut number = u64::from(first & !MORE);
        let mut shift = 7;
        loop {
            let byte = self.bytes.byte()?;
            let bits = u64::from(byte & !MORE);
            if shift > 63 || (shift == 63 && bits > 1) {
                return Err(malformed("a number has too many bytes"));
            }
            number |= bits << shift;
            if byte < MORE {
                return Ok(number);
            }
            shift += 7;
        }
    }

    #[inline]
    fn signed(&mut self) -> Result<i64, Unread> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    #[inline]
    fn len(&mut self) -> Result<usize, Unread> {
        usize::try_from(self.number()?).map_err(|_| malformed("a length is too large for this machine"))
    }

    /// The kind of what follows, and how many parts it has.
    #[inline]
    fn head(&mut self) -> Result<(u8, usize), Unread> {
        let number = self.number()?;
        let len =
            usize::try_from(number >> KIND_BITS).map_err(|_| malformed("a length is too large for this machine"))?;
        self.bytes.claim(len)?;
        Ok((number.to_le_bytes()[0] & ((1 << KIND_BITS) - 1), len))
    }

    /// Whether such a head of one byte is there, which is read then.
    #[inline]
    fn begins(&mut self, kind: u8, len: usize) -> bool {
        len < usize::from(MORE >> KIND_BITS) && self.bytes.skip(len.to_le_bytes()[0] << KIND_BITS | kind)
    }

    fn text(&mut self) -> Result<&'de str, Unread> {
        let len = self.len()?;
        self.bytes.text(len)
    }

    /// A name, and what content a variant of that name has.
    #[inline]
    fn name(&mut self) -> Result<(&'de str, u8), Unread> {
        let byte = self.bytes.byte()?;
        let (slot, content) = (byte & ((1 << CONTENT_SHIFT) - 1), byte >> CONTENT_SHIFT);
        if slot == NEW {
            let name = self.text()?;
            self.names.put(name);
            return Ok((name, content));
        }
        let name = self.names.get(slot).ok_or_else(|| malformed("a name was not sent before"))?;
        Ok((name, content))
    }

    #[inline]
    fn unit(&mut self) -> Result<(), Unread> {
        match self.bytes.byte()? {
            0 => Ok(()),
            _ => Err(malformed("a unit is not zero")),
        }
    }
}

#[cold]
#[inline(never)]
fn malformed(what: &str) -> Unread {
    Unread::new(format!("{what}: `Serialize` wrote something else than `Deserialize` reads, or the bytes are damaged"))
}

#[cold]
fn asks(for_what: &str) -> Unread {
    Unread::new(format!(
        "its `Deserialize` needs a self-describing format, to learn {for_what} (`serde_json::Value`, \
         `#[serde(untagged)]`, `flatten`, `tag`, or a field that is written but not read); use `Codec::MessagePack`"
    ))
}

fn kind(kind: u8) -> &'static str {
    match kind {
        SEQUENCE => "a list",
        MAP => "a map",
        _ => "a struct",
    }
}

impl<'de> Source<'de> for Expand<'de> {
    #[inline]
    fn read<S: DeserializeSeed<'de>>(&mut self, depth: Depth, seed: S) -> Result<S::Value, Unread> {
        seed.deserialize(From { from: self, depth })
    }

    fn field(&mut self) -> Result<Option<&'de str>, Unread> {
        Ok(Some(self.name()?.0))
    }

    #[inline]
    fn agree(&mut self, names: &'static [&'static str], len: usize) -> bool {
        len == 0 || self.bytes.array().is_ok_and(|sent| self.known.agree(names, len, sent))
    }

    #[inline]
    fn check_content(written: u8, read: u8) -> Result<(), Unread> {
        const CONTENTS: [&str; 4] =
            ["a variant without content", "a variant with a value", "a variant with a tuple", "a variant with fields"];
        if written == read {
            return Ok(());
        }
        let of = |content: u8| CONTENTS[usize::from(content) % CONTENTS.len()];
        Err(differs(of(written), of(read)))
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $number:ident $type:ty,)*) => {$(
        #[inline]
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
            let number = <$type>::try_from(self.from.$number()?).map_err(|_| malformed("a number is too large for its type"))?;
            visitor.$visit(number)
        }
    )*};
}

impl<'de> Deserializer<'de> for From<'_, Expand<'de>> {
    type Error = Unread;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        Err(asks("what a value is"))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Unread> {
        Err(asks("where a value ends"))
    }

    /// The tag of an enum with `#[serde(tag, content)]`.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.name()? {
            (name, 0) => visitor.visit_borrowed_str(name),
            _ => Err(differs("a variant with content", "its name")),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.bytes.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(malformed("a bool is neither 0 nor 1")),
        }
    }

    numbers! {
        deserialize_i16 visit_i16 signed i16,
        deserialize_i32 visit_i32 signed i32,
        deserialize_i64 visit_i64 signed i64,
        deserialize_u16 visit_u16 number u16,
        deserialize_u32 visit_u32 number u32,
        deserialize_u64 visit_u64 number u64,
    }

    #[inline]
    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_i8(self.from.bytes.byte()?.cast_signed())
    }

    #[inline]
    fn deserialize_u8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_u8(self.from.bytes.byte()?)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_i128(i128::from_le_bytes(self.from.bytes.array()?))
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_u128(u128::from_le_bytes(self.from.bytes.array()?))
    }

    #[inline]
    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_f32(f32::from_bits(u32::from_le_bytes(self.from.bytes.array()?)))
    }

    #[inline]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_f64(f64::from_bits(u64::from_le_bytes(self.from.bytes.array()?)))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let mut text = self.from.text()?.chars();
        match (text.next(), text.next()) {
            (Some(one), None) => visitor.visit_char(one),
            _ => Err(malformed("a char is not one character")),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_borrowed_str(self.from.text()?)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_str(visitor)
    }

    #[inline]
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let len = self.from.len()?;
        visitor.visit_borrowed_bytes(self.from.bytes.take(len)?)
    }

    #[inline]
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let len = self.from.len()?;
        let bytes = self.from.bytes.take(len)?;
        if len >= LARGE { visitor.visit_byte_buf(copied(bytes)) } else { visitor.visit_borrowed_bytes(bytes) }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.bytes.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self.within()?),
            _ => Err(malformed("an `Option` is neither `None` nor `Some`")),
        }
    }

    #[inline]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.from.unit()?;
        visitor.visit_unit()
    }

    #[inline]
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self.within()?)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.head()? {
            (SEQUENCE, len) => self.sequence(len, visitor),
            (other, _) => Err(differs(kind(other), "a list")),
        }
    }

    #[inline]
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        if len == 0 {
            self.from.unit()?;
        }
        self.tuple(len, visitor)
    }

    #[inline]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.fields_of(name, None, len, visitor)
    }

    #[inline]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.head()? {
            (MAP, len) => self.map(len, visitor),
            (NAMED_FIELDS, len) => self.named_fields("", len, visitor),
            (other, _) => Err(differs(kind(other), "a map")),
        }
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        self.fields_of(name, Some(fields), fields.len(), visitor)
    }

    #[inline]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        owner: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let (name, content) = self.from.name()?;
        check_variant(owner, name, variants)?;
        let variant = Variant { from: self, owner, name, content };
        match visitor.visit_enum(variant) {
            Ok(value) => Ok(value),
            Err(fault) => Err(fault.at_variant(owner, name)),
        }
    }
}
