//! How items and their outcomes lie one behind the other: each is a number, whose low bits are a tag and the others the length, seven
//! bits a byte (LEB128), and then its bytes. So a short one costs one byte more than it has.

use executor_core::job_counters::Failure;

const TAG_BITS: u32 = 2;

/// Set in a number's byte if another one follows.
pub(crate) const MORE: u8 = 0x80;

/// The tag of an item that holds handles. That of any other is 0.
pub(crate) const WITH_HANDLES: u8 = 1;

/// How an item ended, in front of its result or error.
pub(crate) const DONE: u8 = 0;
pub(crate) const PANICKED: u8 = 1;
pub(crate) const NOT_DECODED: u8 = 2;
pub(crate) const NOT_ENCODED: u8 = 3;

/// The failure that a tag stands for.
#[inline]
pub(crate) fn failure(tag: u8) -> Option<Failure> {
    match tag {
        DONE => None,
        PANICKED => Some(Failure::Panicked),
        _ => Some(Failure::Other),
    }
}

/// The low byte of a number, of which the bits that count fit there.
#[inline]
fn low(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

/// The byte in front of a record of so few bytes that one byte says so.
#[inline]
pub(crate) fn short_head(tag: u8, len: usize) -> u8 {
    debug_assert!(len < usize::from(MORE >> TAG_BITS), "it is short");
    low((len as u64) << TAG_BITS | u64::from(tag))
}

/// A record, as tag and bytes.
type Record<'a> = (u8, &'a [u8]);

/// The first record, and what is behind it.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (number, rest) = if first < MORE { (u64::from(first), rest) } else { long_number(bytes)? };
    let (record, behind) = rest.split_at_checked(usize::try_from(number >> TAG_BITS).ok()?)?;
    Some(((low(number & ((1 << TAG_BITS) - 1)), record), behind))
}

#[cold]
fn long_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let bits = u64::from(byte & !MORE);
        number |= bits.checked_shl(7 * u32::try_from(at).ok()?).filter(|shifted| shifted >> (7 * at) == bits)?;
        if *byte < MORE {
            return Some((number, &bytes[at + 1..]));
        }
    }
    None
}

/// Takes the first record off.
#[inline]
pub(crate) fn next<'a>(bytes: &mut &'a [u8]) -> Option<Record<'a>> {
    let (record, behind) = split(bytes)?;
    *bytes = behind;
    Some(record)
}

/// Appends a record, whose bytes `write` appends, and whose tag that returns. If `write` fails, the caller must remove the incomplete
/// record.
#[inline]
pub(crate) fn append<E>(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<u8, E>) -> Result<(), E> {
    let start = bytes.len();
    bytes.push(0);
    let tag = write(bytes)?;
    let number = ((bytes.len() - start - 1) as u64) << TAG_BITS | u64::from(tag);
    if number < u64::from(MORE) {
        bytes[start] = low(number);
    } else {
        put_long_number(bytes, start, number);
    }
    Ok(())
}

/// Puts a number in place of the byte at `start`.
#[cold]
fn put_long_number(bytes: &mut Vec<u8>, start: usize, mut number: u64) {
    let mut long = Vec::new();
    while number >= u64::from(MORE) {
        long.push(low(number) | MORE);
        number >>= 7;
    }
    long.push(low(number));
    bytes.splice(start..=start, long);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn put(bytes: &mut Vec<u8>, tag: u8, record: &[u8]) {
        let write = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(record);
            Ok::<_, Infallible>(tag)
        };
        append(bytes, write).unwrap();
    }

    #[test]
    fn records_of_all_lengths_come_back() {
        let lengths = [0, 1, 31, 32, 100, 4095, 4096, 70_000, 0, 3];
        let mut bytes = Vec::new();
        for (len, tag) in lengths.into_iter().zip((0..4).cycle()) {
            put(&mut bytes, tag, &vec![tag; len]);
        }
        let mut rest = &bytes[..];
        for (len, tag) in lengths.into_iter().zip((0..4).cycle()) {
            assert_eq!(next(&mut rest), Some((tag, &vec![tag; len][..])));
        }
        assert_eq!((rest, next(&mut rest)), (&[][..], None));
    }

    #[test]
    fn a_short_record_costs_a_byte() {
        let mut bytes = Vec::new();
        put(&mut bytes, NOT_ENCODED, &[7; 31]);
        assert_eq!(bytes.len(), 32);
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_are_a_record_lies_in_them(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Some(((_, record), behind)) = split(&bytes) {
                prop_assert!(record.len() + behind.len() < bytes.len());
                prop_assert!(bytes.ends_with(&[record, behind].concat()));
            }
        }

        #[test]
        fn a_number_without_end_is_none(len in 0_usize..40, last in 0x80_u8..) {
            let bytes = vec![last; len];
            prop_assert_eq!(split(&bytes), None);
        }
    }
}
