//! A `Vec` of numbers as a list of blocks of bytes: the numbers of a block are converted where the CPU's cache holds them, and each block
//! is copied as a whole. The reader takes blocks of any length.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use serde_core::de::{DeserializeSeed, Error, SeqAccess, Visitor};
use serde_core::ser::SerializeSeq;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Bytes, MEMORY};

/// The bytes of a block, but for the last.
pub(super) const BLOCK: usize = 16 * 1024;

/// The same, where no number is converted. Formats limit the length of bytes.
const WHOLE_BLOCK: usize = 64 << 20;

/// A number of a fixed size, as little-endian bytes.
pub(super) trait Number: Copy + 'static {
    const SIZE: usize = size_of::<Self>();

    /// Writes to a slice of [`SIZE`](Number::SIZE).
    fn write(self, to: &mut [u8]);

    /// Reads from a slice of [`SIZE`](Number::SIZE).
    fn read(from: &[u8]) -> Self;
}

/// For each number type: its bytes, and a case in [`serialize`] and [`deserialize`].
macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Number for $number {
            #[inline]
            fn write(self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn read(from: &[u8]) -> Self {
                Self::from_le_bytes(from.try_into().expect("a slice of this size"))
            }
        })*

        /// Serializes a `Vec` of numbers, alone or as the only value of a tuple. Gives `to` back if it is none.
        #[inline]
        pub(super) fn serialize<S: Serializer>(value: &dyn Any, to: S) -> Result<Result<S::Ok, S::Error>, S> {
            $(if let Some(numbers) = value.downcast_ref::<Vec<$number>>() {
                return Ok(Blocks::new(numbers).serialize(to));
            }
            if let Some((numbers,)) = value.downcast_ref::<(Vec<$number>,)>() {
                return Ok((Blocks::new(numbers),).serialize(to));
            })*
            Err(to)
        }

        /// How many bytes [`serialize`] takes of the value, at most. `None` if it is none that it takes.
        pub(super) fn size(value: &dyn Any) -> Option<usize> {
            $(if let Some(numbers) = value.downcast_ref::<Vec<$number>>() {
                return Some(size_of_val(&numbers[..]));
            }
            if let Some((numbers,)) = value.downcast_ref::<(Vec<$number>,)>() {
                return Some(size_of_val(&numbers[..]));
            })*
            None
        }

        /// Deserializes to `place`, an `Option` of what [`serialize`] takes. Gives `from` back if it is none.
        #[inline]
        pub(super) fn deserialize<'de, D: Deserializer<'de>>(
            place: &mut dyn Any,
            from: D,
        ) -> Result<Result<(), D::Error>, D> {
            $(if let Some(place) = place.downcast_mut::<Option<Vec<$number>>>() {
                return Ok(Joined::deserialize(from).map(|Joined(numbers)| *place = Some(numbers)));
            }
            if let Some(place) = place.downcast_mut::<Option<(Vec<$number>,)>>() {
                return Ok(<(Joined<$number>,)>::deserialize(from).map(|(Joined(numbers),)| *place = Some((numbers,))));
            })*
            Err(from)
        }
    };
}
numbers! { i8 i16 u16 i32 u32 i64 u64 f32 f64 }

struct Blocks<'a, N> {
    numbers: &'a [N],
    /// Their bytes, where they need not be converted.
    bytes: Option<&'a [u8]>,
}

impl<'a, N: Number> Blocks<'a, N> {
    fn new(numbers: &'a Vec<N>) -> Self {
        Self { numbers, bytes: MEMORY.get().and_then(|memory| (memory.bytes_of)(numbers)) }
    }
}

impl<N: Number> Serialize for Blocks<'_, N> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Some(bytes) = self.bytes {
            let blocks = bytes.chunks(WHOLE_BLOCK);
            let mut list = to.serialize_seq(Some(blocks.len()))?;
            blocks.map(Bytes).try_for_each(|block| list.serialize_element(&block))?;
            return list.end();
        }
        let blocks = self.numbers.chunks(BLOCK / N::SIZE);
        let mut list = to.serialize_seq(Some(blocks.len()))?;
        let mut bytes = Vec::new();
        for block in blocks {
            bytes.resize(size_of_val(block), 0);
            for (place, number) in bytes.chunks_exact_mut(N::SIZE).zip(block) {
                number.write(place);
            }
            list.serialize_element(&Bytes(&bytes))?;
        }
        list.end()
    }
}

struct Joined<N>(Vec<N>);

impl<'de, N: Number> Deserialize<'de> for Joined<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(ListVisitor(PhantomData)).map(Self)
    }
}

struct ListVisitor<N>(PhantomData<N>);

impl<'de, N: Number> Visitor<'de> for ListVisitor<N> {
    type Value = Vec<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of blocks of numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<N>, A::Error> {
        let mut found = Found { numbers: Vec::new(), behind: Vec::new() };
        while let Some(()) = from.next_element_seed(BlockSeed(&mut found))? {}
        found.join();
        Ok(found.numbers)
    }
}

/// The numbers so far.
struct Found<'de, N> {
    numbers: Vec<N>,
    /// The blocks that come after `numbers`, where they lie: so the room for all of them is made at once, and is no more than there is.
    behind: Vec<&'de [u8]>,
}

impl<N: Number> Found<'_, N> {
    fn join(&mut self) {
        let more = self.behind.iter().map(|block| block.len()).sum::<usize>() / N::SIZE;
        reserve(&mut self.numbers, more);
        for block in self.behind.drain(..) {
            self.numbers.extend(block.chunks_exact(N::SIZE).map(N::read));
        }
    }
}

fn reserve<N>(numbers: &mut Vec<N>, more: usize) {
    numbers.reserve_exact(more);
    let spare = numbers.spare_capacity_mut();
    if let Some(memory) = MEMORY.get() {
        (memory.advise)(spare.as_mut_ptr().cast(), size_of_val(spare));
    }
}

/// Adds the numbers of a block.
struct BlockSeed<'a, 'de, N>(&'a mut Found<'de, N>);

impl<'de, N: Number> DeserializeSeed<'de> for BlockSeed<'_, 'de, N> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_bytes(self)
    }
}

impl<N: Number> BlockSeed<'_, '_, N> {
    fn check<E: Error>(&self, bytes: &[u8]) -> Result<(), E> {
        if bytes.len() % N::SIZE == 0 { Ok(()) } else { Err(E::invalid_length(bytes.len(), self)) }
    }
}

impl<'de, N: Number> Visitor<'de> for BlockSeed<'_, 'de, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "numbers of {} bytes each", N::SIZE)
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<(), E> {
        self.check(bytes)?;
        self.0.behind.push(bytes);
        Ok(())
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.check(bytes)?;
        self.0.join();
        self.0.numbers.extend(bytes.chunks_exact(N::SIZE).map(N::read));
        Ok(())
    }

    /// Formats without bytes, such as JSON, write a list of numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, from: A) -> Result<(), A::Error> {
        let bytes = super::BytesVisitor.visit_seq(from)?;
        self.visit_bytes(&bytes)
    }
}
