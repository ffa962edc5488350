use executor_core::bytes::{self, InOnePiece};

use super::*;
use crate::ipc::large_pages::LARGE;
use crate::ipc::payload::{MOST_PERMITS, Payload};
use crate::ipc::shared_memory;

const NUMBERS: usize = LARGE / size_of::<f64>();

fn numbers() -> Vec<f64> {
    let numbers: u32 = NUMBERS.try_into().unwrap();
    (0..numbers).map(f64::from).collect()
}

/// `size_hint` of core is at least what is written, or this would be `None`.
#[test]
fn numbers_are_encoded_in_place() {
    let value = numbers();
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let Some((sealed, attached)) = codec.encode_in_place(&InOnePiece(&value), bytes::size_hint(&value)) else {
            assert!(!shared_memory::is_better_mapped(LARGE), "{codec:?}");
            continue;
        };
        assert!(attached.is_empty());
        let mut same = Vec::new();
        assert_eq!(codec.encode_unguarded(&value, &mut same), Ok(false));
        assert!(*sealed == *same, "{codec:?}");
        let came: Vec<f64> = codec.decode_in_one_piece(&sealed).unwrap();
        assert!(came == value && came.capacity() == value.len(), "{codec:?}");
    }
}

#[test]
fn small_or_understated_values_are_not_encoded_in_place() {
    let value = numbers();
    assert!(Codec::Postcard.encode_in_place(&InOnePiece(&value[..NUMBERS / 2].to_vec()), LARGE - 1).is_none());
    assert!(Codec::Postcard.encode_in_place(&InOnePiece(&(value.clone(),)), LARGE).is_none());
    let payload = Codec::Postcard.encode_job(&InOnePiece(&(value.clone(),)), LARGE).unwrap();
    assert!(payload.bytes().file().is_none());
    let (came,): (Vec<f64>,) = Codec::Postcard.decode_in_one_piece(payload.bytes()).unwrap();
    assert!(came == value);
}

#[test]
fn jobs_that_wait_use_few_descriptors() {
    let value = (numbers(),);
    let encode = |_| Codec::Postcard.encode_job(&InOnePiece(&value), bytes::size_hint(&value)).unwrap();
    let waiting: Vec<Payload> = (0..MOST_PERMITS + 6).map(encode).collect();
    let with_file = waiting.iter().filter(|payload| payload.bytes().file().is_some()).count();
    assert!(with_file <= MOST_PERMITS, "{with_file}");
    assert!(waiting.iter().all(|payload| **payload.bytes() == **waiting[0].bytes()));
    drop(waiting);
    assert_eq!(
        encode(0).bytes().file().is_some(),
        shared_memory::is_better_mapped(LARGE),
        "those before gave theirs back"
    );
}
