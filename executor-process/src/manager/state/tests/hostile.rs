//! Whatever a client writes, it costs that client alone.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::manager::protocol::{Frames, frame, parse};

/// One of each, with something in it, something held, and somebody who waits.
fn populated() -> (Stage, Vec<ObjectId>) {
    let mut stage = Stage::new(3);
    let news = [
        New::Map,
        New::List { values: vec![Raw(b"1"), Raw(b"2")], is_fixed: false },
        New::List { values: vec![Raw(b"1"), Raw(b"2")], is_fixed: true },
        New::Queue { capacity: Some(2) },
        New::Lock,
        New::Semaphore { permits: u64::MAX, most: None },
        New::Semaphore { permits: 1, most: Some(1) },
        New::Event,
        New::Barrier { parties: 2 },
        New::Barrier { parties: 0 },
    ];
    let objects: Vec<_> = news.into_iter().map(|new| stage.create(new)).collect();
    stage.send(1, objects[0], None, Op::Put(A, Raw(b"1"))).unwrap();
    stage.send(1, objects[0], None, Op::Hold(Some(A))).unwrap();
    stage.send(1, objects[2], None, Op::Hold(Some(Place::Index(0)))).unwrap();
    stage.send(1, objects[3], None, Op::Send(Raw(b"1"))).unwrap();
    stage.send(1, objects[4], None, Op::Acquire).unwrap();
    stage.send(2, objects[4], None, Op::Acquire).unwrap();
    stage.send(2, objects[7], None, Op::Await).unwrap();
    (stage, objects)
}

fn place() -> impl Strategy<Value = Place<'static>> {
    prop_oneof![Just(A), Just(B), (0..4_u64).prop_map(Place::Index), any::<u64>().prop_map(Place::Index)]
}

fn raw() -> impl Strategy<Value = Raw<'static>> {
    prop_oneof![Just(Raw(b"")), Just(Raw(b"a")), Just(Raw(&[7; 300]))]
}

fn change() -> impl Strategy<Value = Change<'static>> {
    prop_oneof![
        Just(()).prop_map(|()| Change::None),
        raw().prop_map(Change::Put),
        Just(()).prop_map(|()| Change::Remove),
        vec(raw(), 0..4).prop_map(Change::All),
    ]
}

fn op() -> impl Strategy<Value = Op<'static>> {
    let ticket = || prop_oneof![4 => 0..40_u64, 1 => any::<u64>()];
    prop_oneof![
        place().prop_map(Op::Get),
        Just(()).prop_map(|()| Op::Len),
        Just(()).prop_map(|()| Op::All),
        (place(), raw()).prop_map(|(place, value)| Op::Put(place, value)),
        (raw(), raw()).prop_map(|(key, value)| Op::PutNew(key, value)),
        (0..4_u64, raw()).prop_map(|(index, value)| Op::Insert(index, value)),
        vec(raw(), 0..4).prop_map(Op::Extend),
        Just(()).prop_map(|()| Op::Pop),
        place().prop_map(Op::Remove),
        (0..4_u64, any::<u64>()).prop_map(|(one, other)| Op::Swap(one, other)),
        Just(()).prop_map(|()| Op::Clear),
        proptest::option::of(place()).prop_map(Op::Hold),
        (ticket(), change()).prop_map(|(ticket, change)| Op::Commit(ticket, change)),
        raw().prop_map(Op::Send),
        Just(()).prop_map(|()| Op::Receive),
        ticket().prop_map(Op::Arrived),
        Just(()).prop_map(|()| Op::TaskDone),
        Just(()).prop_map(|()| Op::Join),
        Just(()).prop_map(|()| Op::Acquire),
        ticket().prop_map(Op::Release),
        ticket().prop_map(Op::Forget),
        Just(()).prop_map(|()| Op::Return),
        ticket().prop_map(Op::Wait),
        (ticket(), any::<bool>()).prop_map(|(ticket, all)| Op::Notify { ticket, all }),
        any::<bool>().prop_map(Op::Set),
        Just(()).prop_map(|()| Op::IsSet),
        Just(()).prop_map(|()| Op::Await),
        Just(()).prop_map(|()| Op::Discard),
    ]
}

/// The other clients' holds and waits are unharmed.
fn others_go_on(stage: &mut Stage, objects: &[ObjectId]) -> Result<(), TestCaseError> {
    stage.leave(3);
    stage.leave(1);
    stage.keeper.join(4);
    let held = stage.ask(4, objects[0], Some(0), Op::Put(A, Raw(b"2")));
    prop_assert!(held != Some(Said::Expired), "what nobody holds is free");
    stage.leave(2);
    stage.leave(4);
    prop_assert!(stage.keeper.desk.is_clear());
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_not(bytes in vec(any::<u8>(), 0..200)) {
        let (mut stage, objects) = populated();
        let ours: Vec<_> = stage.answers.drain(..).collect();
        drop(ours);
        let heard = parse::<Request<'_>>(&bytes).map(|request| stage.keeper.handle(3, request, stage.now));
        prop_assert!(matches!(heard, None | Some(Ok(()) | Err(Violation))));
        stage.answers.extend(stage.keeper.answers());
        others_go_on(&mut stage, &objects)?;
    }

    #[test]
    fn any_requests_have_an_answer_or_end_the_connection(
        requests in vec((0..12_u64, proptest::option::of(0..3_u64), op()), 1..60),
    ) {
        let (mut stage, objects) = populated();
        for (object, limit, op) in requests {
            let is_discard = matches!(op, Op::Discard);
            // Not here: any client may discard an object, and the others' objects are needed below.
            if is_discard && object <= objects.len() as u64 {
                continue;
            }
            if stage.send(3, object, limit, op).is_err() {
                break;
            }
        }
        stage.pass(Duration::from_secs(1));
        others_go_on(&mut stage, &objects)?;
    }

    #[test]
    fn frames_come_whole_however_they_are_cut(
        lengths in vec(0..5000_usize, 1..20),
        cuts in vec(1..3000_usize, 1..50),
    ) {
        let messages: Vec<Vec<u8>> = lengths.iter().map(|len| vec![len.to_le_bytes()[0]; *len]).collect();
        let mut bytes = Vec::new();
        for message in &messages {
            frame(&mut bytes, &Raw(message)).unwrap();
        }
        let (from, to) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut frames = Frames::default();
        let (mut heard, mut rest, mut cuts) = (Vec::new(), &bytes[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            rustix::io::write(&from, piece).unwrap();
            rest = behind;
            prop_assert!(frames.read(&to, rustix::net::RecvFlags::empty()).unwrap());
            while let Some(message) = frames.next() {
                heard.push(parse::<Raw<'_>>(message).unwrap().0.to_vec());
            }
        }
        drop(from);
        prop_assert!(!frames.read(&to, rustix::net::RecvFlags::empty()).unwrap());
        prop_assert_eq!(heard, messages);
    }
}

#[test]
fn a_length_that_is_a_lie_costs_nothing() {
    let (from, to) = std::os::unix::net::UnixStream::pair().unwrap();
    rustix::io::write(&from, &u32::MAX.to_le_bytes()).unwrap();
    rustix::io::write(&from, &[1; 100]).unwrap();
    let mut frames = Frames::default();
    assert!(frames.read(&to, rustix::net::RecvFlags::empty()).unwrap());
    assert!(frames.next().is_none());
    assert!(frames.capacity() < 1 << 20, "no memory for what has not come");
    // A list that says it has four billion values, and has none.
    let mut message = Vec::new();
    frame(&mut message, &Request { id: 1, object: 1, limit: None, op: Op::Extend(vec![]) }).unwrap();
    let message = &message[4..];
    let lie = [&message[..message.len() - 1], &[0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert!(parse::<Request<'_>>(message).is_some() && parse::<Request<'_>>(&lie).is_none());
}
