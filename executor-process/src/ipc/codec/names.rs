//! Two bytes behind fields sent by place, which show that these have the same names on both sides.
//!
//! If a type leaves out one field when written (`skip_serializing`) and another when read (`skip_deserializing`), only these
//! bytes keep values from landing in the wrong fields: the number of fields is the same.

/// How many structs are remembered.
const KNOWN: usize = 4;

/// A fingerprint of names in their order. For names that are literals, the compiler computes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    #[inline]
    pub(super) fn and(self, name: &str) -> Self {
        // An odd number without a pattern, as Fibonacci hashing takes it (Knuth, The Art of Computer Programming, volume 3, 6.4).
        Self((self.0.rotate_left(23) ^ digest(name.as_bytes())).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The two bytes to send: the best mixed bits.
    #[inline]
    pub(super) fn bytes(self) -> [u8; 2] {
        let [.., low, high] = self.0.to_le_bytes();
        [low, high]
    }
}

/// All bytes of a name of up to 24, and of a longer one its length, both ends and the middle. Without a loop, which the compiler might not compute.
#[inline]
fn digest(name: &[u8]) -> u64 {
    let len = name.len();
    let (first, last) = match (name.first_chunk(), name.last_chunk(), name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last), ..) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        (.., Some(first), Some(last)) => (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()),
        _ => match name {
            [] => (0, 0),
            [first, ..] => (u64::from(*first) << 8 | u64::from(name[len / 2]), name[len - 1].into()),
        },
    };
    let middle =
        if len > 16 { name[len / 2 - 4..].first_chunk().map_or(0, |middle| u64::from_le_bytes(*middle)) } else { 0 };
    first ^ last.rotate_left(31) ^ middle.rotate_left(17) ^ (len as u64).rotate_left(53)
}

/// Structs whose fields were compared.
pub(super) struct Known([(&'static [&'static str], [u8; 2]); KNOWN]);

impl Known {
    pub(super) const fn new() -> Self {
        Self([(&[], [0; 2]); KNOWN])
    }

    /// Whether `len` fields with this fingerprint are those that a struct with `names` reads.
    #[inline]
    pub(super) fn agree(&mut self, names: &'static [&'static str], len: usize, sent: [u8; 2]) -> bool {
        let known = &mut self.0[names.as_ptr().addr() / align_of::<&str>() % KNOWN];
        // The same static, so the same names.
        let is_known = std::ptr::eq(known.0, names) && known.1 == sent;
        is_known || {
            let agree = compare(names, len, sent);
            if agree {
                *known = (names, sent);
            }
            agree
        }
    }
}

/// Serde tells all names of a field with an `alias`, and not which belong together. So one of each may have been sent.
#[cold]
#[inline(never)]
fn compare(names: &[&'static str], len: usize, sent: [u8; 2]) -> bool {
    /// More choices than this are not compared: a struct with hundreds of aliases.
    const MOST: usize = 10_000;
    fn choose(before: Fingerprint, names: &[&'static str], len: usize, sent: [u8; 2], left: &mut usize) -> bool {
        if len == names.len() {
            *left = left.saturating_sub(1);
            let all = names.iter().fold(before, |before, name| before.and(name));
            return *left == 0 || all.bytes() == sent;
        }
        let Some((first, rest)) = names.split_first() else { return false };
        if len == 0 {
            *left = left.saturating_sub(1);
            return *left == 0 || before.bytes() == sent;
        }
        choose(before.and(first), rest, len - 1, sent, left) || choose(before, rest, len, sent, left)
    }
    // A `Deserialize` that was written by hand may tell no names.
    names.len() < len || choose(Fingerprint::default(), names, len, sent, &mut { MOST })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn sent(names: &[&str]) -> [u8; 2] {
        names.iter().fold(Fingerprint::default(), |before, name| before.and(name)).bytes()
    }

    #[test]
    fn names_are_told_apart() {
        const NAMES: [&str; 12] = [
            "",
            "a",
            "b",
            "ab",
            "ba",
            "abc",
            "width",
            "height",
            "first_field",
            "first_fiend",
            "a_name_of_many_letters_1",
            "a_name_of_many_letters_2",
        ];
        let mut seen = std::collections::BTreeSet::new();
        for first in NAMES {
            for second in NAMES {
                assert!(seen.insert(sent(&[first, second])), "{first}, {second}");
            }
        }
    }

    #[test]
    fn one_name_of_each_field_is_enough() {
        let names: &'static [&'static str] = &["a", "also_a", "b", "c"];
        for fields in [["a", "b", "c"], ["also_a", "b", "c"]] {
            assert!(Known::new().agree(names, 3, sent(&fields)));
        }
        for fields in [["a", "c", "b"], ["a", "b", "d"], ["d", "b", "c"]] {
            assert!(!Known::new().agree(names, 3, sent(&fields)), "{fields:?}");
        }
        assert!(Known::new().agree(&[], 3, [1, 2]), "none are told");
    }
}
