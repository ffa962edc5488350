use super::*;
use crate::ipc::numbers::Width;

/// The result as it came, the width of its numbers, and whether it had a file of its own.
fn through<T>(parent: &ParentEnd, worker: &WorkerEnd, result: &T) -> (Payload, Option<Width>, bool)
where
    T: serde::Serialize + 'static,
{
    let answered = worker.pack(Answer::Done(encode_result(Codec::Postcard, result, worker, || {}).unwrap()));
    let Answer::Done(body) = answered else { panic!("{answered:?}") };
    let (width, is_alone) = match &body.data {
        Data::Slot { slot: 0, numbers, .. } => (*numbers, false),
        Data::Once { numbers, .. } => (*numbers, true),
        other => panic!("{other:?}"),
    };
    let unpacked = parent.unpack(Answer::Done(body));
    let Ok(Answer::Done(payload)) = unpacked else { panic!("{unpacked:?}") };
    (payload, width, is_alone)
}

#[test]
fn large_numbers_come_as_they_lie_in_memory() {
    let (parent, worker) = pair();
    // The last but one is larger than all slots.
    for len in [100_000_u32, 70_000, 200_000, 9 << 20, 100_000] {
        let numbers: Vec<f64> = (0..len).map(f64::from).collect();
        let (payload, width, is_alone) = through(&parent, &worker, &numbers);
        assert_eq!(is_alone, size_of_val(&numbers[..]) > KEPT);
        assert_eq!(width, cfg!(target_endian = "little").then_some(Width::Eight));
        assert_eq!(payload.bytes().are_numbers(), width.is_some());
        let copy = Payload::new(payload.bytes().clone(), Vec::new());
        for payload in [payload, copy] {
            assert!(Codec::Postcard.decode_result::<Vec<f64>>(payload).unwrap() == numbers, "{len}");
        }
    }
}

#[test]
fn numbers_of_each_width_come_back() {
    let (parent, worker) = pair();
    macro_rules! come_back {
        ($($number:ty)*) => {$({
            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_precision_loss)]
            let numbers: Vec<$number> = (0..100_000_u32).map(|number| (number % 127) as $number).collect();
            let (payload, ..) = through(&parent, &worker, &numbers);
            assert!(Codec::Postcard.decode_result::<Vec<$number>>(payload).unwrap() == numbers);
        })*};
    }
    come_back! { u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 }
}

#[test]
fn numbers_of_another_type_are_no_result() {
    let (parent, worker) = pair();
    let said = |payload| Codec::Postcard.decode_result::<Vec<u32>>(payload).unwrap_err();
    for _ in 0..2 {
        let (payload, ..) = through(&parent, &worker, &vec![7_u64; 100_000]);
        assert_eq!(said(payload), "it came as a list of other numbers");
    }
    let (payload, ..) = through(&parent, &worker, &vec![7_u32; 100_000]);
    assert!(Codec::Postcard.decode_result::<String>(payload).is_err());
    let hostile = Hostile::new();
    let file = shared_memory::scratch().unwrap();
    shared_memory::write(&file, &[7; 12], START).unwrap();
    let announced = hostile.announce(Some((&file, Some(0))), 0);
    let error = hostile.says(Data::Slot { slot: 0, len: 12, numbers: Some(Width::Eight) }, announced);
    assert_eq!(error, "its result could not be read (12 bytes are no whole numbers)");
}
