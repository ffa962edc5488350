//! The fields of a struct: by place with the names that the type has, or by name.

use std::mem::ManuallyDrop;

use serde::de::Visitor;

use super::super::compact::{FIELDS, NAMED_FIELDS};
use super::super::fault::Unread;
use super::super::read::{From, differs};
use super::{Expand, kind};

impl<'de> From<'_, Expand<'de>> {
    /// The fields of a struct that does not begin as most do: more of them, or fewer, or by name.
    fn other_fields<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        match self.from.head()? {
            (FIELDS, len) => self.fields(name, names, len, visitor),
            (NAMED_FIELDS, len) => self.named_fields(name, len, visitor),
            (other, _) => Err(differs(kind(other), "a struct")),
        }
    }

    /// Reads `len` fields by place. The compiler knows `len`, so reading a field takes as little code as for a tuple. Other
    /// forms are read through memory, so that fields by place can stay in registers.
    #[inline]
    pub(super) fn fields_of<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: Option<&'static [&'static str]>,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        if !self.depth.is_least() && self.from.begins(FIELDS, len) {
            self.fields(name, names, len, visitor)
        } else {
            // Never dropped in place, since what an unwinding would drop is code in each caller; it holds nothing until it is returned.
            let mut read = ManuallyDrop::new(Err(Unread::ENDED));
            self.put_other_fields(name, names, visitor, &mut read);
            ManuallyDrop::into_inner(read)
        }
    }

    #[inline(never)]
    fn put_other_fields<V: Visitor<'de>>(
        self,
        name: &'static str,
        names: Option<&'static [&'static str]>,
        visitor: V,
        read: &mut ManuallyDrop<Result<V::Value, Unread>>,
    ) {
        **read = self.other_fields(name, names, visitor);
    }
}
