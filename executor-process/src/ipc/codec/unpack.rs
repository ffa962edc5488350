//! Reads what [`pack`](super::pack) wrote.

use serde::Deserializer;
use serde::de::{DeserializeSeed, Visitor};
use serde::forward_to_deserialize_any;

use super::depth::Depth;
use super::fault::Unread;
use super::pack::{
    ARRAY_16, BIN_8, EXTENSION, F32, F64, FALSE, FIX_ARRAY, FIX_MAP, FIX_STR, I8, MAP_16, NIL, SOME, STR_8, TRUE, U8,
};
use super::read::{Bytes, From, Source, check_variant, differs};
use super::variant::Variant;

pub(super) struct Unpack<'de> {
    bytes: Bytes<'de>,
    /// The `Some`s around a nil that was read and comes next.
    nil: Option<u8>,
}

/// The beginning of a value.
enum Word<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    F32(f32),
    F64(f64),
    Text(&'de str),
    Bytes(&'de [u8]),
    Sequence(usize),
    Map(usize),
    /// The number of nested `Some`s.
    Some(u8),
}

impl<'de> Unpack<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { bytes: Bytes::new(bytes), nil: None }
    }

    /// How many bytes are not read.
    pub(super) fn rest(&self) -> usize {
        self.bytes.rest()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.peek()
    }

    /// A length of one, two or four bytes: `two_to_the` says.
    fn len(&mut self, two_to_the: u8) -> Result<usize, Unread> {
        Ok(match two_to_the {
            0 => self.bytes.byte()?.into(),
            1 => u16::from_be_bytes(self.bytes.array()?).into(),
            _ => u32::from_be_bytes(self.bytes.array()?) as usize,
        })
    }

    fn sequence(&mut self, len: usize) -> Result<Word<'de>, Unread> {
        self.bytes.claim(len)?;
        Ok(Word::Sequence(len))
    }

    fn map(&mut self, len: usize) -> Result<Word<'de>, Unread> {
        self.bytes.claim(len)?;
        Ok(Word::Map(len))
    }

    fn text(&mut self, len: usize) -> Result<Word<'de>, Unread> {
        self.bytes.text(len).map(Word::Text)
    }

    fn word(&mut self) -> Result<Word<'de>, Unread> {
        if let Some(somes) = self.nil.take() {
            return Ok(if somes == 0 { Word::Nil } else { Word::Some(somes) });
        }
        let first = self.bytes.byte()?;
        match first {
            0..FIX_MAP => Ok(Word::Unsigned(first.into())),
            FIX_MAP..FIX_ARRAY => self.map((first - FIX_MAP).into()),
            FIX_ARRAY..FIX_STR => self.sequence((first - FIX_ARRAY).into()),
            FIX_STR..NIL => self.text((first - FIX_STR).into()),
            0xe0.. => Ok(Word::Signed(first.cast_signed().into())),
            other => self.long_word(other),
        }
    }

    fn long_word(&mut self, first: u8) -> Result<Word<'de>, Unread> {
        const I64: u8 = I8 + 3;
        const U64: u8 = U8 + 3;
        Ok(match first {
            NIL => Word::Nil,
            FALSE | TRUE => Word::Bool(first == TRUE),
            BIN_8..0xc7 => {
                let len = self.len(first - BIN_8)?;
                Word::Bytes(self.bytes.take(len)?)
            }
            F32 => Word::F32(f32::from_bits(u32::from_be_bytes(self.bytes.array()?))),
            F64 => Word::F64(f64::from_bits(u64::from_be_bytes(self.bytes.array()?))),
            U8 => Word::Unsigned(self.bytes.byte()?.into()),
            0xcd => Word::Unsigned(u16::from_be_bytes(self.bytes.array()?).into()),
            0xce => Word::Unsigned(u32::from_be_bytes(self.bytes.array()?).into()),
            U64 => Word::Unsigned(u64::from_be_bytes(self.bytes.array()?)),
            I8 => Word::Signed(self.bytes.byte()?.cast_signed().into()),
            0xd1 => Word::Signed(i16::from_be_bytes(self.bytes.array()?).into()),
            0xd2 => Word::Signed(i32::from_be_bytes(self.bytes.array()?).into()),
            I64 => Word::Signed(i64::from_be_bytes(self.bytes.array()?)),
            EXTENSION => match self.bytes.array()? {
                [SOME, somes] if somes > 0 => Word::Some(somes),
                _ => return Err(unknown(first)),
            },
            STR_8..ARRAY_16 => {
                let len = self.len(first - STR_8)?;
                self.text(len)?
            }
            ARRAY_16..MAP_16 => {
                let len = self.len(first - ARRAY_16 + 1)?;
                self.sequence(len)?
            }
            MAP_16..0xe0 => {
                let len = self.len(first - MAP_16 + 1)?;
                self.map(len)?
            }
            _ => return Err(unknown(first)),
        })
    }
}

#[cold]
fn unknown(first: u8) -> Unread {
    Unread::new(format!("no value begins with the byte {first:#x}: the bytes are damaged"))
}

impl<'de> Source<'de> for Unpack<'de> {
    fn read<S: DeserializeSeed<'de>>(&mut self, depth: Depth, seed: S) -> Result<S::Value, Unread> {
        seed.deserialize(From { from: self, depth })
    }

    fn field(&mut self) -> Result<Option<&'de str>, Unread> {
        match self.peek() {
            Some(FIX_STR..NIL | STR_8..ARRAY_16) => match self.word()? {
                Word::Text(name) => Ok(Some(name)),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn agree(&mut self, _: &'static [&'static str], _: usize) -> bool {
        true
    }

    /// `MessagePack` tells only whether there is content.
    fn check_content(written: u8, read: u8) -> Result<(), Unread> {
        let of = |content: u8| if content > 0 { "a variant with content" } else { "a variant without content" };
        if (written > 0) == (read > 0) { Ok(()) } else { Err(differs(of(written), of(read))) }
    }
}

impl<'de> From<'_, Unpack<'de>> {
    fn visit<V: Visitor<'de>>(self, word: Word<'de>, visitor: V) -> Result<V::Value, Unread> {
        match word {
            Word::Nil => visitor.visit_unit(),
            Word::Bool(value) => visitor.visit_bool(value),
            Word::Unsigned(value) => visitor.visit_u64(value),
            Word::Signed(value) => visitor.visit_i64(value),
            Word::F32(value) => visitor.visit_f32(value),
            Word::F64(value) => visitor.visit_f64(value),
            Word::Text(value) => visitor.visit_borrowed_str(value),
            Word::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Word::Sequence(len) => self.sequence(len, visitor),
            Word::Map(len) => self.map(len, visitor),
            Word::Some(somes) => {
                self.from.nil = Some(somes - 1);
                visitor.visit_some(self.within()?)
            }
        }
    }

    /// Reads any value. Its `Deserialize` reports a wrong type.
    fn any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let word = self.from.word()?;
        self.visit(word, visitor)
    }
}

macro_rules! numbers {
    ($($name:ident $visit:ident $type:ty,)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
            let word = self.from.word()?;
            let number = match word {
                Word::Unsigned(number) => <$type>::try_from(number).ok(),
                Word::Signed(number) => <$type>::try_from(number).ok(),
                _ => None,
            };
            match number {
                Some(number) => visitor.$visit(number),
                None => self.visit(word, visitor),
            }
        }
    )*};
}

macro_rules! long_numbers {
    ($($name:ident $visit:ident $type:ty,)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
            let word = self.from.word()?;
            match word {
                Word::Bytes(bytes) => match bytes.try_into() {
                    Ok(bytes) => visitor.$visit(<$type>::from_be_bytes(bytes)),
                    Err(_) => Err(differs("bytes", "a number")),
                },
                other => self.visit(other, visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for From<'_, Unpack<'de>> {
    type Error = Unread;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.any(visitor)
    }

    forward_to_deserialize_any! {
        bool f32 char str string bytes byte_buf unit seq map identifier ignored_any
    }

    numbers! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    long_numbers! {
        deserialize_i128 visit_i128 i128,
        deserialize_u128 visit_u128 u128,
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.from.word()? {
            Word::F64(value) => visitor.visit_f64(value),
            other => self.visit(other, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unread> {
        let is_nil = match self.from.nil {
            Some(somes) => somes == 0,
            None => self.from.peek() == Some(NIL),
        };
        if is_nil {
            self.from.word()?;
            return visitor.visit_none();
        }
        if self.from.nil.is_some() || self.from.peek() == Some(EXTENSION) {
            // Which takes one of its `Some`s off.
            return self.any(visitor);
        }
        visitor.visit_some(self.within()?)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        match self.from.word()? {
            Word::Sequence(0) => visitor.visit_unit(),
            other => self.visit(other, visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_newtype_struct(self.within()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unread> {
        match self.from.word()? {
            Word::Sequence(len) => self.tuple(len, visitor),
            other => self.visit(other, visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        match self.from.word()? {
            Word::Sequence(len) => self.fields(name, None, len, visitor),
            other => self.visit(other, visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        match self.from.word()? {
            Word::Map(len) => self.named_fields(name, len, visitor),
            other => self.visit(other, visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        owner: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let (word, content) = match self.from.word()? {
            Word::Map(1) => (self.from.word()?, 1),
            other => (other, 0),
        };
        let Word::Text(name) = word else { return Err(differs("something else", "a variant")) };
        check_variant(owner, name, variants)?;
        let variant = Variant { from: self, owner, name, content };
        visitor.visit_enum(variant).map_err(|fault| fault.at_variant(owner, name))
    }
}
