//! The compact codec: numbers, text and bytes as postcard writes them, and around them what shows that both sides mean the same.
//!
//! - Each value has a byte at least, so no few bytes stand for many values.
//! - A sequence, a map, and the fields of a struct begin with a number that says which of these it is, and how many follow.
//! - Fields go in order, with a fingerprint of their names behind them, and by name where there is one only. If a derive leaves one out, the whole value is written once more, with
//!   all fields by name.
//! - A variant goes by name, since serde counts variants in two ways: with those that are skipped, and without.
//! - A name is sent once, and called by the number of its slot after that.

use super::fault::Fault;
use super::names::Fingerprint;
use super::write::{Content, Write, Written};

/// Where the bytes go.
pub(crate) trait Output {
    fn push(&mut self, byte: u8) -> Written;
    fn extend(&mut self, bytes: &[u8]) -> Written;
}

impl<O: Output> Output for &mut O {
    #[inline]
    fn push(&mut self, byte: u8) -> Written {
        (**self).push(byte)
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Written {
        (**self).extend(bytes)
    }
}

/// The kind of the parts, in the low bits of their head.
pub(super) const SEQUENCE: u8 = 0;
pub(super) const MAP: u8 = 1;
pub(super) const FIELDS: u8 = 2;
pub(super) const NAMED_FIELDS: u8 = 3;
pub(super) const KIND_BITS: u32 = 2;

/// How many names are remembered.
pub(super) const SLOTS: usize = 8;

/// In place of a slot's number: the name follows, and is put in the next slot.
pub(super) const NEW: u8 = 16;

/// Where the content of a variant stands beside its name.
pub(super) const CONTENT_SHIFT: u32 = 5;

/// Set in a byte of a number if another byte follows.
pub(super) const MORE: u8 = 0x80;

/// Names that were sent, by slot. Made for the first one.
pub(super) struct Names<'a> {
    slots: Option<[&'a str; SLOTS]>,
    sent: usize,
}

impl<'a> Names<'a> {
    pub(super) const fn new() -> Self {
        Self { slots: None, sent: 0 }
    }

    pub(super) fn put(&mut self, name: &'a str) {
        self.slots.get_or_insert([""; SLOTS])[self.sent % SLOTS] = name;
        self.sent += 1;
    }

    pub(super) fn get(&self, slot: u8) -> Option<&'a str> {
        let slot = usize::from(slot);
        self.slots.as_ref().filter(|_| slot < self.sent)?.get(slot).copied()
    }

    /// By address: one that is found in another place is sent once more.
    fn slot_of(&self, name: &'a str) -> Option<u8> {
        let slots = &self.slots.as_ref()?[..SLOTS.min(self.sent)];
        slots.iter().position(|sent| std::ptr::eq(*sent, name)).and_then(|slot| u8::try_from(slot).ok())
    }
}

pub(super) struct Compact<O> {
    out: O,
    names: Names<'static>,
    /// Whether all fields go by name.
    by_name: bool,
    wants_names: bool,
}

impl<O: Output> Compact<O> {
    pub(super) fn new(out: O, by_name: bool) -> Self {
        Self { out, names: Names::new(), by_name, wants_names: false }
    }

    /// Whether what was written is of no use, because a field was left out.
    pub(super) fn wants_names(&self) -> bool {
        self.wants_names
    }

    #[inline]
    fn number(&mut self, mut value: u64) -> Written {
        while value >= u64::from(MORE) {
            self.out.push(low(value) | MORE)?;
            value >>= 7;
        }
        self.out.push(low(value))
    }

    #[inline]
    fn head(&mut self, kind: u8, len: usize) -> Written {
        let len = u64::try_from(len).ok().filter(|len| len >> (u64::BITS - KIND_BITS) == 0).ok_or_else(too_long)?;
        self.number(len << KIND_BITS | u64::from(kind))
    }

    #[inline]
    fn known(&mut self, kind: u8, len: Option<usize>) -> Written {
        self.head(kind, len.ok_or_else(unknown)?)
    }

    #[inline(never)]
    fn name(&mut self, name: &'static str, content: u8) -> Written {
        if let Some(slot) = self.names.slot_of(name) {
            return self.out.push(slot | content << CONTENT_SHIFT);
        }
        self.names.put(name);
        self.out.push(NEW | content << CONTENT_SHIFT)?;
        self.str(name)
    }
}

/// The low byte of a number.
#[inline]
fn low(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The sign goes to the lowest bit, so that numbers near zero are short.
#[inline]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> (i64::BITS - 1)).cast_unsigned()
}

#[cold]
fn too_long() -> Fault {
    Fault::new("its `Serialize` announced more parts than there can be")
}

#[cold]
fn unknown() -> Fault {
    Fault::new(
        "a list or map does not know its length before it is written (`#[serde(flatten)]`, or an iterator that \
         filters); use `Codec::MessagePack`, or collect it into a `Vec` first",
    )
}

impl<O: Output> Write for Compact<O> {
    #[inline]
    fn bool(&mut self, value: bool) -> Written {
        self.out.push(value.into())
    }

    #[inline]
    fn i8(&mut self, value: i8) -> Written {
        self.out.push(value.cast_unsigned())
    }

    #[inline]
    fn u8(&mut self, value: u8) -> Written {
        self.out.push(value)
    }

    #[inline]
    fn signed(&mut self, value: i64) -> Written {
        self.number(zigzag(value))
    }

    #[inline]
    fn unsigned(&mut self, value: u64) -> Written {
        self.number(value)
    }

    fn i128(&mut self, value: i128) -> Written {
        self.out.extend(&value.to_le_bytes())
    }

    fn u128(&mut self, value: u128) -> Written {
        self.out.extend(&value.to_le_bytes())
    }

    #[inline]
    fn f32(&mut self, value: f32) -> Written {
        self.out.extend(&value.to_bits().to_le_bytes())
    }

    #[inline]
    fn f64(&mut self, value: f64) -> Written {
        self.out.extend(&value.to_bits().to_le_bytes())
    }

    #[inline]
    fn str(&mut self, value: &str) -> Written {
        self.bytes(value.as_bytes())
    }

    #[inline]
    fn bytes(&mut self, value: &[u8]) -> Written {
        self.number(value.len() as u64)?;
        self.out.extend(value)
    }

    #[inline]
    fn none(&mut self) -> Written {
        self.out.push(0)
    }

    #[inline]
    fn some(&mut self) -> Written {
        self.out.push(1)
    }

    #[inline]
    fn unit(&mut self) -> Written {
        self.out.push(0)
    }

    #[inline]
    fn unit_struct(&mut self) -> Written {
        self.out.push(0)
    }

    #[inline]
    fn sequence(&mut self, len: Option<usize>) -> Written {
        self.known(SEQUENCE, len)
    }

    #[inline]
    fn map(&mut self, len: Option<usize>) -> Written {
        self.known(MAP, len)
    }

    fn end_unknown(&mut self, _: usize, _: bool) -> Written {
        Err(unknown())
    }

    #[inline]
    fn tuple(&mut self, len: usize) -> Written {
        if len == 0 { self.unit() } else { Ok(()) }
    }

    #[inline]
    fn tuple_struct(&mut self, len: usize) -> Written {
        self.head(FIELDS, len)
    }

    #[inline]
    fn fields(&mut self, len: usize) -> Result<bool, Fault> {
        let by_name = self.by_name || len == 1;
        self.head(if by_name { NAMED_FIELDS } else { FIELDS }, len)?;
        Ok(by_name)
    }

    #[inline(never)]
    fn field(&mut self, name: &'static str) -> Written {
        self.name(name, 0)
    }

    #[inline]
    fn end_fields(&mut self, names: Fingerprint) -> Written {
        self.out.extend(&names.bytes())
    }

    fn skipped(&mut self) -> Written {
        self.wants_names = true;
        Err(Fault::new("it is left out, and the others do not go by name"))
    }

    #[inline]
    fn variant(&mut self, name: &'static str, content: Content) -> Written {
        let content = match content {
            Content::Nothing => 0,
            Content::Value => 1,
            Content::Tuple => 2,
            Content::Fields => 3,
        };
        self.name(name, content)
    }
}
