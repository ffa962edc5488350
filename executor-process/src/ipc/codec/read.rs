//! From the words of a codec to a value: the one place that decodes. It counts how deep the value is nested, and takes no claim for true
//! that the bytes do not bear out: they may come from a worker that is broken.

use std::slice;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::depth::Depth;
use super::fault::{Step, Unread};

/// The words of a codec.
pub(super) trait Source<'de>: Sized {
    fn read<S: DeserializeSeed<'de>>(&mut self, depth: Depth, seed: S) -> Result<S::Value, Unread>;

    /// The name of the field that comes next, if that is what comes next.
    fn field(&mut self) -> Result<Option<&'de str>, Unread>;

    /// Behind `len` fields by place, where they have names: whether these are the same as when they were written.
    fn agree(&mut self, names: &'static [&'static str], len: usize) -> bool;

    /// Checks that a variant was written with the content that is read: nothing (0), a value (1), a tuple (2) or fields (3).
    fn check_content(written: u8, read: u8) -> Result<(), Unread>;
}

/// The bytes to read. An iterator, since reading then moves one pointer: storing a slice and loading it again takes longer
/// than reading a short value.
pub(super) struct Bytes<'de> {
    rest: slice::Iter<'de, u8>,
    /// How many elements may still be announced: each has a byte at least, and those of lists in lists have bytes of their own.
    claims: usize,
}

impl<'de> Bytes<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes.iter(), claims: bytes.len() }
    }

    /// How many bytes are not read.
    #[inline]
    pub(super) fn rest(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.as_slice().first().copied()
    }

    /// Whether `byte` comes next, which is read then.
    #[inline]
    pub(super) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.rest.next();
        }
        is_next
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, Unread> {
        self.rest.next().copied().ok_or(Unread::ENDED)
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'de [u8], Unread> {
        let Some((taken, rest)) = self.rest.as_slice().split_at_checked(len) else {
            return Err(claimed(len, "bytes", self.rest()));
        };
        self.rest = rest.iter();
        Ok(taken)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unread> {
        let Some(taken) = self.rest.as_slice().first_chunk() else { return Err(Unread::ENDED) };
        self.rest.nth(N - 1);
        Ok(*taken)
    }

    pub(super) fn text(&mut self, len: usize) -> Result<&'de str, Unread> {
        std::str::from_utf8(self.take(len)?).map_err(|error| Unread::new(format!("a text is not UTF-8: {error}")))
    }

    /// Checks an announced number of elements.
    #[inline]
    pub(super) fn claim(&mut self, len: usize) -> Result<(), Unread> {
        if len > self.rest() || len > self.claims {
            return Err(claimed(len, "elements", self.rest()));
        }
        self.claims -= len;
        Ok(())
    }
}

#[cold]
#[inline(never)]
fn claimed(len: usize, of: &str, there: usize) -> Unread {
    Unread::new(format!("it claims to have {len} {of}, and {there} bytes are there"))
}

/// Where a value is read from.
pub(super) struct From<'a, S> {
    pub(super) from: &'a mut S,
    pub(super) depth: Depth,
}

impl<S> From<'_, S> {
    /// One level further in.
    #[inline]
    pub(super) fn within(self) -> Result<Self, Unread> {
        Ok(Self { from: self.from, depth: self.depth.within()? })
    }
}

/// The parts of a value, one after the other.
struct Parts<'a, 'de, S> {
    from: &'a mut S,
    depth: Depth,
    len: usize,
    left: usize,
    of: Of,
    /// The struct whose fields go by name, and the last of them.
    owner: &'static str,
    name: Option<&'de str>,
    stop: Stop,
}

#[derive(Clone, Copy)]
enum Of {
    Sequence,
    Tuple,
    Map,
    /// By place.
    Fields,
    NamedFields,
}

/// Why the visitor got no further part.
#[derive(Clone, Copy)]
enum Stop {
    No,
    /// It asked for more than there are.
    Short,
    /// The one that was taken last cannot be read.
    Part,
    Key,
}

impl<'a, 'de, S: Source<'de>> From<'a, S> {
    #[inline]
    fn parts(self, len: usize, of: Of) -> Result<Parts<'a, 'de, S>, Unread> {
        let depth = self.depth.within()?;
        Ok(Parts { from: self.from, depth, len, left: len, of, owner: "", name: None, stop: Stop::No })
    }

    #[inline]
    pub(super) fn sequence<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        let mut parts = self.parts(len, Of::Sequence)?;
        let read = visitor.visit_seq(&mut parts);
        parts.end(read)
    }

    #[inline]
    pub(super) fn tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        let mut parts = self.parts(len, Of::Tuple)?;
        let read = visitor.visit_seq(&mut parts);
        parts.end(read)
    }

    #[inline]
    pub(super) fn map<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Unread> {
        let mut parts = self.parts(len, Of::Map)?;
        let read = visitor.visit_map(&mut parts);
        parts.end(read)
    }

    #[inline]
    pub(super) fn named_fields<V: Visitor<'de>>(
        self,
        owner: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let mut parts = Parts { owner, ..self.parts(len, Of::NamedFields)? };
        let read = visitor.visit_map(&mut parts);
        parts.end(read)
    }

    /// By place: as many as were written, no more and no less.
    #[inline]
    pub(super) fn fields<V: Visitor<'de>>(
        self,
        owner: &'static str,
        names: Option<&'static [&'static str]>,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        let mut parts = self.parts(len, Of::Fields)?;
        let read = visitor.visit_seq(&mut parts);
        match (read, parts.stop) {
            (Ok(value), Stop::No) if parts.left == 0 && names.is_none_or(|names| parts.from.agree(names, len)) => {
                Ok(value)
            }
            (Err(fault), Stop::Part) => Err(in_field(fault, owner, names.unwrap_or_default(), len - parts.left)),
            (Err(fault), Stop::No) => Err(fault),
            (Ok(_), Stop::No) if parts.left == 0 => Err(names_differ(owner)),
            _ => Err(fields_differ(owner, len)),
        }
    }
}

#[cold]
#[inline(never)]
fn fields_differ(owner: &str, written: usize) -> Unread {
    Unread::new(format!(
        "{written} fields of `{owner}` are written, but another number is read (`#[serde(skip_serializing)]`, \
         `skip_deserializing`, `tag`, or `skip_serializing_if` in a tuple); use `#[serde(skip)]`, or a struct and \
         `Codec::MessagePack`, where fields have names"
    ))
}

#[cold]
#[inline(never)]
fn names_differ(owner: &str) -> Unread {
    Unread::new(format!(
        "fields of `{owner}` are written and read under different names (`#[serde(skip_serializing)]` of one and `skip_deserializing` of another, \
         `rename` with two names, `into` and `from` of different structs); use `#[serde(skip)]` and one name both ways, or use `Codec::MessagePack`, where fields have names"
    ))
}

impl<'de, S: Source<'de>> Parts<'_, 'de, S> {
    /// The visitor's value. A fault gets its part here, in one place for all parts, so that the code that reads a part is short.
    #[inline]
    fn end<T>(self, read: Result<T, Unread>) -> Result<T, Unread> {
        match read {
            Ok(value) if self.left == 0 => Ok(value),
            Ok(_) => Err(left_over(self.left)),
            Err(fault) => Err(at_part(fault, self.of, self.len - self.left, self.owner, self.name, self.stop)),
        }
    }

    #[inline]
    fn part<T: DeserializeSeed<'de>>(&mut self, seed: T, stop: Stop) -> Result<T::Value, Unread> {
        let read = self.from.read(self.depth, seed);
        if read.is_err() {
            self.stop = stop;
        }
        read
    }
}

/// The same fault, of the part that was taken last. Takes copies, so that the parts can stay in registers.
#[cold]
#[inline(never)]
fn at_part(fault: Unread, of: Of, taken: usize, owner: &'static str, name: Option<&str>, stop: Stop) -> Unread {
    let step = match (stop, of) {
        (Stop::No | Stop::Short, _) => return fault,
        (_, Of::Sequence) => Step::Index(taken - 1),
        (_, Of::Tuple | Of::Fields) => Step::Place(taken - 1),
        (Stop::Key, Of::Map) => Step::Key,
        (Stop::Part, Of::Map) => Step::Value,
        (_, Of::NamedFields) => Step::Field(owner, name.unwrap_or("?").to_owned()),
    };
    fault.at(step)
}

/// Likewise, of the field that was taken last. The name is not known of each.
#[cold]
#[inline(never)]
fn in_field(fault: Unread, owner: &'static str, names: &[&str], taken: usize) -> Unread {
    let at = taken - 1;
    fault.at(Step::Field(owner, names.get(at).map_or_else(|| at.to_string(), |name| (*name).to_owned())))
}

#[cold]
#[inline(never)]
fn left_over(left: usize) -> Unread {
    Unread::new(format!("{left} parts were left over: `Serialize` wrote more than `Deserialize` reads"))
}

impl<'de, S: Source<'de>> SeqAccess<'de> for Parts<'_, 'de, S> {
    type Error = Unread;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if self.left == 0 {
            self.stop = Stop::Short;
            return Ok(None);
        }
        self.left -= 1;
        self.part(seed, Stop::Part).map(Some)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de, S: Source<'de>> MapAccess<'de> for Parts<'_, 'de, S> {
    type Error = Unread;

    #[inline]
    fn next_key_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Unread> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if let Of::NamedFields = self.of {
            self.name = self.from.field()?;
            if let Some(name) = self.name {
                return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
            }
        }
        self.part(seed, Stop::Key).map(Some)
    }

    #[inline]
    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unread> {
        self.part(seed, Stop::Part)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Refuses a variant that the type writes and does not read. Serde's `other` would take it for something else.
#[inline]
pub(super) fn check_variant(owner: &str, name: &str, variants: &[&str]) -> Result<(), Unread> {
    if variants.is_empty() || variants.contains(&name) { Ok(()) } else { Err(no_variant(owner, name)) }
}

#[cold]
#[inline(never)]
fn no_variant(owner: &str, name: &str) -> Unread {
    Unread::new(format!(
        "`{owner}` writes a variant `{name}`, but reads none of that name; give it one name (`#[serde(rename)]`), \
         and skip it both ways or not at all"
    ))
}

#[cold]
pub(super) fn differs(written: &str, read: &str) -> Unread {
    Unread::new(format!("`Serialize` wrote {written}, but `Deserialize` reads {read}; make both agree"))
}
