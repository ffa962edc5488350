//! The file descriptors that are left when values with handles of ipc-channel were encoded.

use executor_process::{Receiver, Sender, channel};
use ipc_channel::ipc::{self, IpcSender};
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};

use super::descriptors::open;
use super::{Contender, Ours};
use crate::rounds::Entrant;
use crate::works::float;

/// A handle, and behind that, a value that may not be encoded.
#[derive(Serialize, Deserialize)]
struct Value {
    end: IpcSender<u64>,
    last: Last,
}

#[derive(Deserialize)]
struct Last(bool);

impl Serialize for Last {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.0 { Err(S::Error::custom("on purpose")) } else { to.serialize_bool(false) }
    }
}

/// Sends as many values, of which every second one fails. How many descriptors more there are.
fn measure((sender, receiver): &(Sender<Value>, Receiver<Value>), values: u64) -> f64 {
    let before = open();
    for number in 0..values {
        let (end, numbers) = ipc::channel().expect("there are descriptors left");
        let fails = number % 2 == 1;
        let sent = sender.send(Value { end, last: Last(fails) });
        assert_eq!(sent.is_err(), fails, "the value fails if it should");
        if !fails {
            let came = receiver.recv().expect("it was sent");
            came.end.send(number).expect("its receiver is there");
            assert_eq!(numbers.recv().expect("it was sent"), number, "the handle leads elsewhere");
        }
    }
    float(open().saturating_sub(before))
}

pub(super) fn entrants(values: u64) -> Vec<Entrant<'static>> {
    let mut ends = None;
    vec![Entrant::new(Ours::NAME, move || {
        let ends = ends.get_or_insert_with(|| {
            let ends = channel().expect("a socket can be made");
            // The first values leave what a process needs once.
            measure(&ends, 2);
            ends
        });
        measure(ends, values)
    })]
}
