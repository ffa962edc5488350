//! A variant of an enum: its content, once its name was read.

use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, EnumAccess, VariantAccess, Visitor};

use super::fault::Unread;
use super::read::{From, Source};

/// A variant whose name was read.
pub(super) struct Variant<'a, 'de, S> {
    pub(super) from: From<'a, S>,
    pub(super) owner: &'static str,
    pub(super) name: &'de str,
    pub(super) content: u8,
}

impl<'a, 'de, S: Source<'de>> EnumAccess<'de> for Variant<'a, 'de, S>
where
    From<'a, S>: Deserializer<'de, Error = Unread>,
{
    type Error = Unread;
    type Variant = Self;

    #[inline]
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Unread> {
        let name: BorrowedStrDeserializer<'de, Unread> = BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'a, 'de, S: Source<'de>> VariantAccess<'de> for Variant<'a, 'de, S>
where
    From<'a, S>: Deserializer<'de, Error = Unread>,
{
    type Error = Unread;

    #[inline]
    fn unit_variant(self) -> Result<(), Unread> {
        S::check_content(self.content, 0)
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Unread> {
        S::check_content(self.content, 1)?;
        seed.deserialize(self.from.within()?)
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        S::check_content(self.content, 2)?;
        self.from.deserialize_tuple_struct(self.owner, len, visitor)
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Unread> {
        S::check_content(self.content, 3)?;
        self.from.deserialize_struct(self.owner, fields, visitor)
    }
}
