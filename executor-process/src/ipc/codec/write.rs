//! From a value to the words of a codec: the one place that encodes. It counts how deep the value is nested, keeps what the types say
//! of what they refuse, and refuses lengths that are not true.

use std::any::type_name;

use serde::{Serialize, Serializer};

use super::depth::Depth;
use super::fault::Fault;
use super::names::Fingerprint;
use super::parts::{Of, Parts};
use crate::ipc::foreign;

pub(super) type Written = Result<(), Fault>;

/// The words of a codec.
pub(super) trait Write {
    fn bool(&mut self, value: bool) -> Written;
    fn i8(&mut self, value: i8) -> Written;
    fn u8(&mut self, value: u8) -> Written;
    fn signed(&mut self, value: i64) -> Written;
    fn unsigned(&mut self, value: u64) -> Written;
    fn i128(&mut self, value: i128) -> Written;
    fn u128(&mut self, value: u128) -> Written;
    fn f32(&mut self, value: f32) -> Written;
    fn f64(&mut self, value: f64) -> Written;
    fn str(&mut self, value: &str) -> Written;
    fn bytes(&mut self, value: &[u8]) -> Written;
    fn none(&mut self) -> Written;
    /// The value follows.
    fn some(&mut self) -> Written;
    fn unit(&mut self) -> Written;
    fn unit_struct(&mut self) -> Written;
    /// The elements follow. If their number is not known, [`end_unknown`](Write::end_unknown) tells.
    fn sequence(&mut self, len: Option<usize>) -> Written;
    fn map(&mut self, len: Option<usize>) -> Written;
    /// Likewise of keys and values.
    fn end_unknown(&mut self, count: usize, is_map: bool) -> Written;
    fn tuple(&mut self, len: usize) -> Written;
    /// A tuple with a name, whose fields its derives may leave out.
    fn tuple_struct(&mut self, len: usize) -> Written;
    /// Whether the fields that follow go by name.
    fn fields(&mut self, len: usize) -> Result<bool, Fault>;
    fn field(&mut self, name: &'static str) -> Written;
    /// Behind fields that do not go by name.
    fn end_fields(&mut self, names: Fingerprint) -> Written;
    /// A field is left out of those that do not go by name.
    fn skipped(&mut self) -> Written;
    fn variant(&mut self, name: &'static str, content: Content) -> Written;
}

/// Of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Nothing,
    Value,
    Tuple,
    Fields,
}

/// Where a value is written to.
pub(super) struct To<'a, W> {
    words: &'a mut W,
    depth: Depth,
    /// The name of the value's type.
    name: fn() -> &'static str,
}

impl<'a, W: Write> To<'a, W> {
    /// For the whole of `value`.
    #[inline]
    pub(super) fn new<T: ?Sized>(to: &'a mut W, value: &T) -> Self {
        Self::within(to, Depth::new(), value)
    }

    /// For `value` at some depth.
    #[inline]
    pub(super) fn within<T: ?Sized>(to: &'a mut W, depth: Depth, _: &T) -> Self {
        Self { words: to, depth, name: type_name::<T> }
    }

    #[inline]
    fn parts(self, depth: Depth, len: Option<usize>, of: Of) -> Parts<'a, W> {
        Parts::new(self.words, depth, len, of)
    }
}

/// Values that are one word.
macro_rules! words {
    ($($name:ident $word:ident $type:ty,)*) => {$(
        #[inline]
        fn $name(self, value: $type) -> Written {
            self.words.$word(value.into())
        }
    )*};
}

impl<'a, W: Write> Serializer for To<'a, W> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Parts<'a, W>;
    type SerializeTuple = Parts<'a, W>;
    type SerializeTupleStruct = Parts<'a, W>;
    type SerializeTupleVariant = Parts<'a, W>;
    type SerializeMap = Parts<'a, W>;
    type SerializeStruct = Parts<'a, W>;
    type SerializeStructVariant = Parts<'a, W>;

    #[inline]
    fn is_human_readable(&self) -> bool {
        false
    }

    words! {
        serialize_bool bool bool,
        serialize_i8 i8 i8,
        serialize_i16 signed i16,
        serialize_i32 signed i32,
        serialize_i64 signed i64,
        serialize_i128 i128 i128,
        serialize_u8 u8 u8,
        serialize_u16 unsigned u16,
        serialize_u32 unsigned u32,
        serialize_u128 u128 u128,
        serialize_f32 f32 f32,
        serialize_f64 f64 f64,
        serialize_str str &str,
        serialize_bytes bytes &[u8],
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Written {
        if value == 0 {
            foreign::wrote_zero(self.name);
        }
        self.words.unsigned(value)
    }

    #[inline]
    fn serialize_char(self, value: char) -> Written {
        self.words.str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_none(self) -> Written {
        self.words.none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        let depth = self.depth.within()?;
        self.words.some()?;
        value.serialize(To::within(self.words, depth, value))
    }

    #[inline]
    fn serialize_unit(self) -> Written {
        self.words.unit()
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.words.unit_struct()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.words.variant(variant, Content::Nothing)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Written {
        value.serialize(To::within(self.words, self.depth.within()?, value))
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let depth = self.depth.within()?;
        self.words.variant(variant, Content::Value)?;
        let to = To::within(self.words, depth, value);
        match value.serialize(to) {
            Ok(()) => Ok(()),
            Err(fault) => Err(fault.at_variant(name, variant)),
        }
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.sequence(len)?;
        Ok(self.parts(depth, len, Of::Sequence))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.tuple(len)?;
        Ok(self.parts(depth, Some(len), Of::Tuple))
    }

    #[inline]
    fn serialize_tuple_struct(self, owner: &'static str, len: usize) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.tuple_struct(len)?;
        Ok(self.parts(depth, Some(len), Of::Fields { owner, by_name: false }))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        owner: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.variant(variant, Content::Tuple)?;
        self.words.tuple_struct(len)?;
        Ok(self.parts(depth, Some(len), Of::Fields { owner, by_name: false }))
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.map(len)?;
        // Of each pair, both are counted.
        Ok(self.parts(depth, len.map(|len| len.saturating_mul(2)), Of::Map))
    }

    #[inline]
    fn serialize_struct(self, owner: &'static str, len: usize) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        let by_name = self.words.fields(len)?;
        Ok(self.parts(depth, Some(len), Of::Fields { owner, by_name }))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        owner: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Parts<'a, W>, Fault> {
        let depth = self.depth.within()?;
        self.words.variant(variant, Content::Fields)?;
        let by_name = self.words.fields(len)?;
        Ok(self.parts(depth, Some(len), Of::Fields { owner, by_name }))
    }
}
