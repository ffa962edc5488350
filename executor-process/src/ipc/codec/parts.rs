//! The parts of a value, one after the other.

use serde::{Serialize, ser};

use super::depth::Depth;
use super::fault::{Fault, Step};
use super::names::Fingerprint;
use super::write::{To, Write, Written};

/// A sequence, a map, a struct or a tuple that is being written.
pub(super) struct Parts<'a, W> {
    to: &'a mut W,
    depth: Depth,
    /// As announced. Keys and values of a map are two.
    len: Option<usize>,
    written: usize,
    of: Of,
    /// Of the fields that went by place.
    names: Fingerprint,
}

#[derive(Clone, Copy)]
pub(super) enum Of {
    Sequence,
    Map,
    Tuple,
    /// Of a struct, or a variant.
    Fields {
        owner: &'static str,
        by_name: bool,
    },
}

impl<'a, W: Write> Parts<'a, W> {
    #[inline]
    pub(super) fn new(to: &'a mut W, depth: Depth, len: Option<usize>, of: Of) -> Self {
        Self { to, depth, len, written: 0, of, names: Fingerprint::default() }
    }

    #[inline]
    fn part<T: Serialize + ?Sized>(&mut self, value: &T, name: &'static str) -> Written {
        self.written += 1;
        match value.serialize(To::within(&mut *self.to, self.depth, value)) {
            Ok(()) => Ok(()),
            Err(fault) => Err(at_part(fault, self.of, self.written, name)),
        }
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        let Of::Fields { by_name, .. } = self.of else { return Ok(()) };
        if by_name {
            self.to.field(name)?;
        } else {
            self.names = self.names.and(name);
        }
        self.part(value, name)
    }

    #[inline]
    fn finish_fields(self) -> Written {
        if matches!(self.of, Of::Fields { by_name: false, .. }) && self.written > 0 {
            self.to.end_fields(self.names)?;
        }
        self.finish()
    }

    fn skip(&mut self, name: &'static str) -> Written {
        let Of::Fields { owner, by_name } = self.of else { return Ok(()) };
        if by_name { Ok(()) } else { self.to.skipped().map_err(|fault| fault.at(Step::Field(owner, name.to_owned()))) }
    }

    #[inline]
    fn finish(self) -> Written {
        match self.len {
            Some(len) if len == self.written => Ok(()),
            Some(len) => Err(untrue(len, self.written)),
            None => self.to.end_unknown(self.written, matches!(self.of, Of::Map)),
        }
    }
}

/// The same fault, of the part that was written last. Takes copies, so that the parts can stay in registers.
#[cold]
#[inline(never)]
fn at_part(fault: Fault, of: Of, written: usize, name: &str) -> Fault {
    let at = written - 1;
    fault.at(match of {
        Of::Sequence => Step::Index(at),
        Of::Tuple => Step::Place(at),
        Of::Map if at.is_multiple_of(2) => Step::Key,
        Of::Map => Step::Value,
        Of::Fields { owner, .. } if name.is_empty() => Step::Field(owner, at.to_string()),
        Of::Fields { owner, .. } => Step::Field(owner, name.to_owned()),
    })
}

#[cold]
fn untrue(len: usize, written: usize) -> Fault {
    Fault::new(format!("its `Serialize` announced {len} parts and wrote {written}"))
}

/// Serde's traits for parts without a name.
macro_rules! unnamed {
    ($($kind:ident: $($method:ident)+,)*) => {$(
        impl<W: Write> ser::$kind for Parts<'_, W> {
            type Ok = ();
            type Error = Fault;

            $(
                #[inline]
                fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
                    self.part(value, "")
                }
            )+

            #[inline]
            fn end(self) -> Written {
                self.finish()
            }
        }
    )*};
}

unnamed! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
    SerializeMap: serialize_key serialize_value,
}

/// Serde's traits for fields with a name.
macro_rules! named {
    ($($kind:ident)*) => {$(
        impl<W: Write> ser::$kind for Parts<'_, W> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
                self.field(name, value)
            }

            fn skip_field(&mut self, name: &'static str) -> Written {
                self.skip(name)
            }

            #[inline]
            fn end(self) -> Written {
                self.finish_fields()
            }
        }
    )*};
}

named! { SerializeStruct SerializeStructVariant }
