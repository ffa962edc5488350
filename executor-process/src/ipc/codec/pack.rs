//! `MessagePack`, which describes itself: structs are maps with names, and a variant is its name, or a map from that to its content.
//!
//! Where a `Some` holds what would read as `None` (`Some(None)`, `Some(())`), an extension stands in place of nil, with the number of `Some`s
//! around it.

use super::compact::Output;
use super::fault::Fault;
use super::names::Fingerprint;
use super::write::{Content, Write, Written};

/// A fixed extension of one byte, and its type: the byte counts the `Some`s around nil.
pub(super) const EXTENSION: u8 = 0xd4;
pub(super) const SOME: u8 = 0x53;

pub(super) const NIL: u8 = 0xc0;
pub(super) const FALSE: u8 = 0xc2;
pub(super) const TRUE: u8 = 0xc3;
pub(super) const BIN_8: u8 = 0xc4;
pub(super) const F32: u8 = 0xca;
pub(super) const F64: u8 = 0xcb;
pub(super) const U8: u8 = 0xcc;
pub(super) const I8: u8 = 0xd0;
pub(super) const STR_8: u8 = 0xd9;
pub(super) const ARRAY_16: u8 = 0xdc;
pub(super) const MAP_16: u8 = 0xde;
/// Short ones have their length in the same byte.
pub(super) const FIX_MAP: u8 = 0x80;
pub(super) const FIX_ARRAY: u8 = 0x90;
pub(super) const FIX_STR: u8 = 0xa0;

pub(super) struct Pack<O> {
    out: O,
    /// The `Some`s just before what is written next.
    somes: u8,
    /// The elements of lists and maps whose length is not known yet, the innermost last.
    held: Vec<Vec<u8>>,
}

impl<O: Output> Pack<O> {
    pub(super) fn new(out: O) -> Self {
        Self { out, somes: 0, held: Vec::new() }
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Written {
        match self.held.last_mut() {
            None => self.out.extend(bytes),
            Some(held) => {
                held.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Begins a value.
    #[inline]
    fn mark(&mut self, byte: u8) -> Written {
        self.somes = 0;
        match self.held.last_mut() {
            None => self.out.push(byte),
            Some(held) => {
                held.push(byte);
                Ok(())
            }
        }
    }

    /// Begins a value, whose other bytes these are.
    #[inline]
    fn put(&mut self, mark: u8, bytes: &[u8]) -> Written {
        self.mark(mark)?;
        self.extend(bytes)
    }

    fn nil(&mut self) -> Written {
        match self.somes {
            0 => self.mark(NIL),
            somes => self.put(EXTENSION, &[SOME, somes]),
        }
    }

    /// A length, with the first of the bytes that say how many bytes it has. There may be one of a single byte.
    fn length(&mut self, len: usize, of_16: u8, of_8: Option<u8>) -> Written {
        let len = u32::try_from(len).map_err(|_| {
            Fault::new("it has more than 4,294,967,295 parts or bytes, which is the most in MessagePack; use `Codec::Postcard`")
        })?;
        if let (Ok(len), Some(of_8)) = (u8::try_from(len), of_8) {
            self.put(of_8, &[len])
        } else if let Ok(len) = u16::try_from(len) {
            self.put(of_16, &len.to_be_bytes())
        } else {
            self.put(of_16 + 1, &len.to_be_bytes())
        }
    }

    /// A length that may be in the first byte, if it is less than `most`.
    #[inline]
    fn short_length(&mut self, len: usize, fixed: u8, most: u8, of_16: u8, of_8: Option<u8>) -> Written {
        match u8::try_from(len) {
            Ok(len) if len < most => self.mark(fixed | len),
            _ => self.length(len, of_16, of_8),
        }
    }

    fn parts(&mut self, len: usize, is_map: bool) -> Written {
        let (fixed, of_16) = if is_map { (FIX_MAP, MAP_16) } else { (FIX_ARRAY, ARRAY_16) };
        self.short_length(len, fixed, 16, of_16, None)
    }

    fn parts_or_hold(&mut self, len: Option<usize>, is_map: bool) -> Written {
        if let Some(len) = len {
            return self.parts(len, is_map);
        }
        self.somes = 0;
        self.held.push(Vec::new());
        Ok(())
    }
}

impl<O: Output> Write for Pack<O> {
    fn bool(&mut self, value: bool) -> Written {
        self.mark(if value { TRUE } else { FALSE })
    }

    fn i8(&mut self, value: i8) -> Written {
        self.signed(value.into())
    }

    fn u8(&mut self, value: u8) -> Written {
        self.unsigned(value.into())
    }

    fn signed(&mut self, value: i64) -> Written {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value)
        } else if value >= -32 {
            self.mark(value.to_le_bytes()[0])
        } else if let Ok(value) = i8::try_from(value) {
            self.put(I8, &value.to_be_bytes())
        } else if let Ok(value) = i16::try_from(value) {
            self.put(I8 + 1, &value.to_be_bytes())
        } else if let Ok(value) = i32::try_from(value) {
            self.put(I8 + 2, &value.to_be_bytes())
        } else {
            self.put(I8 + 3, &value.to_be_bytes())
        }
    }

    #[inline]
    fn unsigned(&mut self, value: u64) -> Written {
        if let Ok(value) = u8::try_from(value) {
            if value < 128 {
                return self.mark(value);
            }
            self.put(U8, &[value])
        } else if let Ok(value) = u16::try_from(value) {
            self.put(U8 + 1, &value.to_be_bytes())
        } else if let Ok(value) = u32::try_from(value) {
            self.put(U8 + 2, &value.to_be_bytes())
        } else {
            self.put(U8 + 3, &value.to_be_bytes())
        }
    }

    fn i128(&mut self, value: i128) -> Written {
        match i64::try_from(value) {
            Ok(value) => self.signed(value),
            Err(_) => self.bytes(&value.to_be_bytes()),
        }
    }

    fn u128(&mut self, value: u128) -> Written {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => self.bytes(&value.to_be_bytes()),
        }
    }

    fn f32(&mut self, value: f32) -> Written {
        self.put(F32, &value.to_bits().to_be_bytes())
    }

    #[inline]
    fn f64(&mut self, value: f64) -> Written {
        self.put(F64, &value.to_bits().to_be_bytes())
    }

    fn str(&mut self, value: &str) -> Written {
        self.short_length(value.len(), FIX_STR, 32, STR_8 + 1, Some(STR_8))?;
        self.extend(value.as_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> Written {
        self.length(value.len(), BIN_8 + 1, Some(BIN_8))?;
        self.extend(value)
    }

    fn none(&mut self) -> Written {
        self.nil()
    }

    fn some(&mut self) -> Written {
        self.somes = self.somes.checked_add(1).ok_or_else(|| Fault::new("it is a `Some` in more than 254 others"))?;
        Ok(())
    }

    fn unit(&mut self) -> Written {
        self.nil()
    }

    fn unit_struct(&mut self) -> Written {
        self.mark(FIX_ARRAY)
    }

    fn sequence(&mut self, len: Option<usize>) -> Written {
        self.parts_or_hold(len, false)
    }

    fn map(&mut self, len: Option<usize>) -> Written {
        self.parts_or_hold(len, true)
    }

    fn end_unknown(&mut self, count: usize, is_map: bool) -> Written {
        let held = self.held.pop().unwrap_or_default();
        if is_map && count % 2 == 1 {
            return Err(Fault::new("its `Serialize` wrote a key without a value"));
        }
        self.parts(if is_map { count / 2 } else { count }, is_map)?;
        self.extend(&held)
    }

    fn tuple(&mut self, len: usize) -> Written {
        self.parts(len, false)
    }

    fn tuple_struct(&mut self, len: usize) -> Written {
        self.parts(len, false)
    }

    fn fields(&mut self, len: usize) -> Result<bool, Fault> {
        self.parts(len, true)?;
        Ok(true)
    }

    fn field(&mut self, name: &'static str) -> Written {
        self.str(name)
    }

    fn end_fields(&mut self, _: Fingerprint) -> Written {
        Ok(())
    }

    fn skipped(&mut self) -> Written {
        Ok(())
    }

    fn variant(&mut self, name: &'static str, content: Content) -> Written {
        if content != Content::Nothing {
            self.parts(1, true)?;
        }
        self.str(name)
    }
}
