//! How deep values may be nested.

use super::fault::Fault;

/// The most sequences, maps, structs, tuples, enums, newtypes and `Some`s around a value. In a debug build, as many take 192 KiB of stack
/// for the nodes of a list, and 768 KiB for structs of seventeen fields: well below the 2 MiB that a thread has by default.
pub(crate) const MOST_NESTED: u32 = 128;

/// How much deeper it may go.
#[derive(Clone, Copy)]
pub(super) struct Depth(u32);

impl Depth {
    pub(super) fn new() -> Self {
        Self(MOST_NESTED)
    }

    /// Whether it may go no deeper.
    #[inline]
    pub(super) fn is_least(self) -> bool {
        self.0 == 0
    }

    /// One level further in.
    #[inline]
    pub(super) fn within(self) -> Result<Self, Fault> {
        match self.0.checked_sub(1) {
            Some(left) => Ok(Self(left)),
            None => Err(too_deep()),
        }
    }
}

#[cold]
#[inline(never)]
fn too_deep() -> Fault {
    Fault::new(format!(
        "it is nested more than {MOST_NESTED} levels deep (each struct, enum, `Option` and list is a level); keep \
         the nodes of a long list or a deep tree in a `Vec`, and refer to them by index"
    ))
}
