//! A variant of an enum: its content, once its name was read.

use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};

use super::super::fault::Unread;
use super::super::read::{From, differs};
use super::Expand;

/// A variant whose name was read.
pub(super) struct Variant<'a, 'de> {
    pub(super) from: From<'a, Expand<'de>>,
    pub(super) owner: &'static str,
    pub(super) name: &'de str,
    pub(super) content: u8,
}

impl Variant<'_, '_> {
    #[inline]
    fn expect(&self, content: u8) -> Result<(), Unread> {
        const CONTENTS: [&str; 4] =
            ["a variant without content", "a variant with a value", "a variant with a tuple", "a variant with fields"];
        if self.content == content {
            return Ok(());
        }
        let of = |content: u8| CONTENTS[usize::from(content) % CONTENTS.len()];
        Err(differs(of(self.content), of(content)))
    }
}

impl<'de> EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;
    type Variant = Self;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Unread> {
        let name: BorrowedStrDeserializer<'de, Unread> = BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Unread;

    #[inline]
    fn unit_variant(self) -> Result<(), Unread> {
        self.expect(0)
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unread> {
        self.expect(1)?;
        seed.deserialize(self.from.within()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        self.expect(2)?;
        self.from.deserialize_tuple_struct(self.owner, len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Unread> {
        self.expect(3)?;
        self.from.deserialize_struct(self.owner, fields, visitor)
    }
}
