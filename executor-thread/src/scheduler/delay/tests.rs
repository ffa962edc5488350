use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use executor_core::cell::Notify;

use super::super::{Config, Scheduler};
use super::*;
use crate::runner::InPlace;

#[derive(Debug, PartialEq)]
enum Heard {
    Began,
    Rang,
}

/// Tells what it does, and rings until it may go on.
struct Bell {
    heard: Sender<Heard>,
    goes_on: Option<Receiver<()>>,
}

impl Alarm for Bell {
    fn begin(&mut self) {
        self.heard.send(Heard::Began).unwrap();
    }

    fn ring(self: Box<Self>) -> Option<Notify> {
        self.heard.send(Heard::Rang).unwrap();
        if let Some(gate) = self.goes_on {
            gate.recv().unwrap();
        }
        None
    }

    fn is_off(&self) -> bool {
        false
    }
}

#[test]
fn all_that_are_due_begin_before_one_of_them_rings() {
    let scheduler = Scheduler::new(Config::new("alarms", 1), |_: &Arc<str>| InPlace::new(None));
    let (heard, hears) = channel();
    let hear = || hears.recv_timeout(Duration::from_mins(1)).expect("it comes to it");
    let (go_on, gate) = channel();
    let push = |goes_on| {
        let bell = Bell { heard: heard.clone(), goes_on };
        scheduler.push_alarm(Instant::now(), Box::new(bell));
    };
    push(Some(gate));
    assert_eq!([hear(), hear()], [Heard::Began, Heard::Rang]);
    // The timer's thread is held, so that these are due together when it goes on.
    (0..20).for_each(|_| push(None));
    go_on.send(()).unwrap();
    let all: Vec<_> = (0..40).map(|_| hear()).collect();
    assert!(all[..20].iter().all(|it| *it == Heard::Began) && all[20..].iter().all(|it| *it == Heard::Rang), "{all:?}");
}
