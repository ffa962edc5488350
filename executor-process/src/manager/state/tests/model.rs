//! Maps, lists and queues beside those of the standard library.

use std::collections::{HashMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Done by one of three clients.
#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8),
    PutNew(u8, u8),
    Remove(u8),
    Get(u8),
    Clear,
    /// To change it, or to die instead.
    Update(u8, Option<u8>),
    Die(u8),
    Push(u8),
    Insert(u8, u8),
    Pop,
    Swap(u8, u8),
    Sort,
}

fn act() -> impl Strategy<Value = Act> {
    let key = || 0..6_u8;
    prop_oneof![
        4 => (key(), any::<u8>()).prop_map(|(key, value)| Act::Put(key, value)),
        2 => (key(), any::<u8>()).prop_map(|(key, value)| Act::PutNew(key, value)),
        2 => key().prop_map(Act::Remove),
        2 => key().prop_map(Act::Get),
        1 => Just(Act::Clear),
        3 => (key(), proptest::option::of(any::<u8>())).prop_map(|(key, value)| Act::Update(key, value)),
        1 => key().prop_map(Act::Die),
        4 => any::<u8>().prop_map(Act::Push),
        3 => (key(), any::<u8>()).prop_map(|(index, value)| Act::Insert(index, value)),
        2 => Just(Act::Pop),
        2 => (key(), key()).prop_map(|(one, other)| Act::Swap(one, other)),
        1 => Just(Act::Sort),
    ]
}

/// An answer that is there at once.
#[allow(clippy::unnecessary_wraps)] // beside what a stage gives
fn one(value: Option<u8>) -> Option<Said> {
    Some(Said::Value(value.map(|value| vec![value])))
}

/// Holds, and dies.
fn die(stage: &mut Stage, client: ClientId, object: ObjectId, place: Option<Place<'_>>) {
    stage.send(client, object, None, Op::Hold(place)).unwrap();
    stage.leave(client);
    stage.keeper.join(client);
}

fn on_map(stage: &mut Stage, client: ClientId, map: ObjectId, model: &mut HashMap<u8, u8>, act: &Act) {
    let (said, expected) = match *act {
        Act::Put(key, value) => (
            stage.ask(client, map, None, Op::Put(Place::Key(Raw(&[key])), Raw(&[value]))),
            one(model.insert(key, value)),
        ),
        Act::PutNew(key, value) => {
            let before = model.get(&key).copied();
            model.entry(key).or_insert(value);
            (stage.ask(client, map, None, Op::PutNew(Raw(&[key]), Raw(&[value]))), one(before))
        }
        Act::Remove(key) => {
            (stage.ask(client, map, None, Op::Remove(Place::Key(Raw(&[key])))), one(model.remove(&key)))
        }
        Act::Get(key) => {
            (stage.ask(client, map, None, Op::Get(Place::Key(Raw(&[key])))), one(model.get(&key).copied()))
        }
        Act::Clear => {
            model.clear();
            (stage.ask(client, map, None, Op::Clear), Some(Said::Done))
        }
        Act::Update(key, value) => {
            let granted = stage.ask(client, map, None, Op::Hold(Some(Place::Key(Raw(&[key])))));
            let Some(Said::Granted { ticket, values, .. }) = granted else { panic!("{granted:?}") };
            assert_eq!(values.first().map(|value| value[0]), model.get(&key).copied());
            let bytes = value.map(|value| [value]);
            let change = bytes.as_ref().map_or(Change::Remove, |bytes| Change::Put(Raw(bytes)));
            match value {
                Some(value) => model.insert(key, value),
                None => model.remove(&key),
            };
            (stage.ask(client, map, None, Op::Commit(ticket, change)), Some(Said::Done))
        }
        Act::Die(key) => {
            die(stage, client, map, Some(Place::Key(Raw(&[key]))));
            return;
        }
        _ => return,
    };
    assert_eq!(said, expected, "{act:?}");
    assert_eq!(stage.ask(client, map, None, Op::Len), Some(Said::Count(model.len() as u64)));
}

fn on_list(stage: &mut Stage, client: ClientId, list: ObjectId, model: &mut Vec<u8>, act: &Act) {
    let out = Some(Said::Refused(Refusal::OutOfRange { len: model.len() as u64 }));
    let index = |at: u8| Place::Index(at.into());
    let (said, expected) = match *act {
        Act::Put(at, value) => {
            let said = stage.ask(client, list, None, Op::Put(index(at), Raw(&[value])));
            let before = model.get_mut(usize::from(at)).map(|old| std::mem::replace(old, value));
            (said, before.map_or(out, |before| one(Some(before))))
        }
        Act::Remove(at) => {
            let said = stage.ask(client, list, None, Op::Remove(index(at)));
            let is_there = usize::from(at) < model.len();
            (said, if is_there { one(Some(model.remove(at.into()))) } else { out })
        }
        Act::Get(at) => (stage.ask(client, list, None, Op::Get(index(at))), one(model.get(usize::from(at)).copied())),
        Act::Clear => {
            model.clear();
            (stage.ask(client, list, None, Op::Clear), Some(Said::Done))
        }
        Act::Push(value) => {
            model.extend([value, value]);
            (stage.ask(client, list, None, Op::Extend(vec![Raw(&[value]); 2])), Some(Said::Done))
        }
        Act::Insert(at, value) => {
            let said = stage.ask(client, list, None, Op::Insert(at.into(), Raw(&[value])));
            let is_there = usize::from(at) <= model.len();
            if is_there {
                model.insert(at.into(), value);
            }
            (said, if is_there { Some(Said::Done) } else { out })
        }
        Act::Pop => (stage.ask(client, list, None, Op::Pop), one(model.pop())),
        Act::Swap(a, b) => {
            let said = stage.ask(client, list, None, Op::Swap(a.into(), b.into()));
            let is_there = usize::from(a.max(b)) < model.len();
            if is_there {
                model.swap(a.into(), b.into());
            }
            (said, if is_there { Some(Said::Done) } else { out })
        }
        Act::Sort => {
            let granted = stage.ask(client, list, None, Op::Hold(None));
            let Some(Said::Granted { ticket, mut values, .. }) = granted else { panic!("{granted:?}") };
            values.sort();
            model.sort_unstable();
            let values = values.iter().map(|value| Raw(value)).collect();
            (stage.ask(client, list, None, Op::Commit(ticket, Change::All(values))), Some(Said::Done))
        }
        Act::Die(_) => return die(stage, client, list, None),
        Act::PutNew(..) | Act::Update(..) => return,
    };
    assert_eq!(said, expected, "{act:?}");
    let all = model.iter().map(|value| vec![*value]).collect();
    assert_eq!(stage.ask(client, list, None, Op::All), Some(Said::Values(all)));
}

/// Of a queue.
#[derive(Clone, Debug)]
enum Step {
    Put,
    Get,
    Done,
    /// Dies with an item on its way, or with none.
    Die(bool),
}

proptest! {
    #[test]
    fn a_map_is_a_map(acts in vec((1..4_u64, act()), 0..80)) {
        let (mut stage, mut model) = (Stage::new(3), HashMap::new());
        let map = stage.create(New::Map);
        for (client, act) in acts {
            on_map(&mut stage, client, map, &mut model, &act);
        }
    }

    #[test]
    fn a_list_is_a_vec(acts in vec((1..4_u64, act()), 0..80)) {
        let (mut stage, mut model) = (Stage::new(3), Vec::new());
        let list = stage.create(New::List { values: vec![], is_fixed: false });
        for (client, act) in acts {
            on_list(&mut stage, client, list, &mut model, &act);
        }
    }

    /// Also with clients that die: what was on its way comes again first, what they had is lost, and `join` knows.
    #[test]
    fn a_queue_is_a_queue(
        capacity in proptest::option::of(1..5_u64),
        steps in vec((1..4_u64, prop_oneof![
            4 => Just(Step::Put), 3 => Just(Step::Get), 2 => Just(Step::Done), 1 => any::<bool>().prop_map(Step::Die),
        ]), 0..100),
    ) {
        let mut stage = Stage::new(3);
        let queue = stage.create(New::Queue { capacity });
        let (mut items, mut owed, mut lost, mut next) = (VecDeque::new(), [0_u64; 4], 0, 0_u8);
        for (client, step) in steps {
            let at = usize::try_from(client).unwrap();
            match step {
                Step::Put => {
                    next = next.wrapping_add(1);
                    let has_room = capacity.is_none_or(|capacity| (items.len() as u64) < capacity);
                    let said = stage.ask(client, queue, Some(0), Op::Send(Raw(&[next])));
                    prop_assert_eq!(said, Some(if has_room { Said::Done } else { Said::Expired }));
                    if has_room {
                        items.push_back(next);
                    }
                }
                Step::Get => match (stage.ask(client, queue, Some(0), Op::Receive), items.pop_front()) {
                    (Some(Said::Granted { ticket, values, .. }), Some(item)) => {
                        prop_assert_eq!(values, [[item]]);
                        stage.send(client, queue, None, Op::Arrived(ticket)).unwrap();
                        owed[at] += 1;
                    }
                    (said, item) => prop_assert_eq!((said, item), (Some(Said::Expired), None)),
                },
                Step::Done => {
                    let said = stage.ask(client, queue, None, Op::TaskDone);
                    let refused = Said::Refused(Refusal::NothingToDo);
                    prop_assert_eq!(said, Some(if owed[at] > 0 { Said::Done } else { refused }));
                    owed[at] = owed[at].saturating_sub(1);
                }
                Step::Die(with_item) => {
                    if with_item {
                        stage.send(client, queue, Some(0), Op::Receive).unwrap();
                    }
                    stage.leave(client);
                    stage.keeper.join(client);
                    lost += std::mem::take(&mut owed[at]);
                }
            }
            prop_assert_eq!(stage.ask(client, queue, None, Op::Len), Some(Said::Count(items.len() as u64)));
            let is_done = items.is_empty() && owed.iter().sum::<u64>() == 0;
            let joined = stage.ask(client, queue, Some(0), Op::Join);
            prop_assert_eq!(joined, Some(if is_done { Said::Count(lost) } else { Said::Expired }));
        }
    }
}
