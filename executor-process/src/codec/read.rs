//! From the words of a codec to a value: the one place that decodes. It counts how deep the value is nested, and takes no claim for true
//! that the bytes do not bear out: they may come from a worker that is broken.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::depth::Depth;
use super::fault::{Fault, Step};

/// The words of a codec.
pub(super) trait Source<'de>: Sized {
    fn read<S: DeserializeSeed<'de>>(&mut self, depth: Depth, seed: S) -> Result<S::Value, Fault>;

    /// The name of the field that comes next, if that is what comes next.
    fn field(&mut self) -> Result<Option<&'de str>, Fault>;
}

/// What is there to be read. What is read moves one number: to write a slice and load it whole again takes longer than to read a
/// short value.
pub(super) struct Bytes<'de> {
    all: &'de [u8],
    at: usize,
    /// How many elements may still be announced: each has a byte at least, and those of lists in lists have bytes of their own.
    claims: usize,
}

impl<'de> Bytes<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { all: bytes, at: 0, claims: bytes.len() }
    }

    /// How many bytes are not read.
    #[inline]
    pub(super) fn rest(&self) -> usize {
        self.all.len() - self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.all.get(self.at).copied()
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let Some(byte) = self.all.get(self.at) else { return Err(ended()) };
        self.at += 1;
        Ok(*byte)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'de [u8], Fault> {
        let there = self.rest();
        if len > there {
            return Err(claimed(len, "bytes", there));
        }
        let taken = &self.all[self.at..][..len];
        self.at += len;
        Ok(taken)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some(taken) = self.all.get(self.at..).and_then(<[u8]>::first_chunk) else { return Err(ended()) };
        self.at += N;
        Ok(*taken)
    }

    pub(super) fn text(&mut self, len: usize) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.take(len)?).map_err(|error| Fault::new(format!("a text is not UTF-8: {error}")))
    }

    /// So many elements are announced.
    #[inline]
    pub(super) fn claim(&mut self, len: usize) -> Result<(), Fault> {
        if len > self.rest() || len > self.claims {
            return Err(claimed(len, "elements", self.rest()));
        }
        self.claims -= len;
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn ended() -> Fault {
    Fault::new("the bytes end before the value does: `Deserialize` reads more than `Serialize` wrote")
}

#[cold]
#[inline(never)]
fn claimed(len: usize, of: &str, there: usize) -> Fault {
    Fault::new(format!("it claims to have {len} {of}, and {there} bytes are there"))
}

/// Where a value is read from.
pub(super) struct From<'a, S> {
    pub(super) from: &'a mut S,
    pub(super) depth: Depth,
}

impl<S> From<'_, S> {
    /// One level further in.
    #[inline]
    pub(super) fn within(self) -> Result<Self, Fault> {
        Ok(Self { from: self.from, depth: self.depth.within()? })
    }
}

/// The parts of a value, one after the other.
struct Parts<'a, 'de, S> {
    from: &'a mut S,
    depth: Depth,
    left: usize,
    taken: usize,
    /// More were asked for than there are.
    is_short: bool,
    of: Of,
    /// The last field.
    name: Option<&'de str>,
}

#[derive(Clone, Copy)]
enum Of {
    Sequence,
    Tuple,
    Map,
    /// By place, with their names where these are known.
    Fields {
        owner: &'static str,
        names: &'static [&'static str],
    },
    NamedFields {
        owner: &'static str,
    },
}

impl<'a, 'de, S: Source<'de>> From<'a, S> {
    #[inline]
    fn parts(self, left: usize, of: Of) -> Result<Parts<'a, 'de, S>, Fault> {
        let depth = self.depth.within()?;
        Ok(Parts { from: self.from, depth, left, taken: 0, is_short: false, of, name: None })
    }

    #[inline]
    pub(super) fn sequence<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut parts = self.parts(len, Of::Sequence)?;
        let value = visitor.visit_seq(&mut parts)?;
        parts.all_read(value)
    }

    #[inline]
    pub(super) fn tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut parts = self.parts(len, Of::Tuple)?;
        let value = visitor.visit_seq(&mut parts)?;
        parts.all_read(value)
    }

    #[inline]
    pub(super) fn map<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let mut parts = self.parts(len, Of::Map)?;
        let value = visitor.visit_map(&mut parts)?;
        parts.all_read(value)
    }

    #[inline]
    pub(super) fn named_fields<V: Visitor<'de>>(
        self,
        owner: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut parts = self.parts(len, Of::NamedFields { owner })?;
        let value = visitor.visit_map(&mut parts)?;
        parts.all_read(value)
    }

    /// By place: as many as were written, no more and no less.
    #[inline]
    pub(super) fn fields<V: Visitor<'de>>(
        self,
        owner: &'static str,
        names: &'static [&'static str],
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut parts = self.parts(len, Of::Fields { owner, names })?;
        let value = visitor.visit_seq(&mut parts);
        if parts.is_short || (value.is_ok() && parts.left > 0) {
            return Err(fields_differ(owner, len));
        }
        value
    }
}

#[cold]
#[inline(never)]
fn fields_differ(owner: &str, written: usize) -> Fault {
    Fault::new(format!(
        "{written} fields of `{owner}` are written, and another number is read (`#[serde(skip_serializing)]`, `skip_deserializing`, `tag`, or \
         `skip_serializing_if` in a tuple); use `#[serde(skip)]`, or a struct and `Codec::MessagePack`, where fields have names"
    ))
}

impl<'de, S: Source<'de>> Parts<'_, 'de, S> {
    #[inline]
    fn all_read<T>(self, value: T) -> Result<T, Fault> {
        if self.left == 0 { Ok(value) } else { Err(left_over(self.left)) }
    }
}

/// The same fault, of the part that was taken last. Takes copies, so that the parts can stay in registers.
#[cold]
#[inline(never)]
fn at_part(fault: Fault, of: Of, taken: usize, name: Option<&str>, in_key: bool) -> Fault {
    let at = taken - 1;
    fault.at(match of {
        Of::Sequence => Step::Index(at),
        Of::Tuple => Step::Place(at),
        Of::Map if in_key => Step::Key,
        Of::Map => Step::Value,
        Of::Fields { owner, names } => {
            Step::Field(owner, names.get(at).map_or_else(|| at.to_string(), |name| (*name).to_owned()))
        }
        Of::NamedFields { owner } => Step::Field(owner, name.unwrap_or("?").to_owned()),
    })
}

#[cold]
#[inline(never)]
fn left_over(left: usize) -> Fault {
    Fault::new(format!("{left} parts were left over: `Serialize` wrote more than `Deserialize` reads"))
}

impl<'de, S: Source<'de>> SeqAccess<'de> for Parts<'_, 'de, S> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.left == 0 {
            self.is_short = true;
            return Ok(None);
        }
        self.left -= 1;
        self.taken += 1;
        match self.from.read(self.depth, seed) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(at_part(fault, self.of, self.taken, self.name, false)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, S: Source<'de>> MapAccess<'de> for Parts<'_, 'de, S> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.taken += 1;
        if let Of::NamedFields { .. } = self.of {
            self.name = self.from.field()?;
            if let Some(name) = self.name {
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
        }
        match self.from.read(self.depth, seed) {
            Ok(key) => Ok(Some(key)),
            Err(fault) => Err(at_part(fault, self.of, self.taken, self.name, true)),
        }
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        match self.from.read(self.depth, seed) {
            Ok(value) => Ok(value),
            Err(fault) => Err(at_part(fault, self.of, self.taken, self.name, false)),
        }
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Refuses a variant that the type writes and does not read. Serde's `other` would take it for something else.
#[inline]
pub(super) fn check_variant(owner: &str, name: &str, variants: &[&str]) -> Result<(), Fault> {
    if variants.is_empty() || variants.contains(&name) { Ok(()) } else { Err(no_variant(owner, name)) }
}

#[cold]
#[inline(never)]
fn no_variant(owner: &str, name: &str) -> Fault {
    Fault::new(format!(
        "`{owner}` writes a variant `{name}`, and reads none of that name; give it one name (`#[serde(rename)]`), and skip it both ways or not \
         at all"
    ))
}

#[cold]
pub(super) fn differs(written: &str, read: &str) -> Fault {
    Fault::new(format!(
        "`Serialize` wrote {written}, and `Deserialize` reads {read}: what a type writes and reads must agree"
    ))
}
