//~ dropping a future detaches its job: its outcome, and every error, is lost
//~ dropped at once, it aborts its job at once
//~ a call does nothing until it is submitted
//~ the futures are in here: dropped, they detach
#![deny(unused_must_use)]

use executor_core::{Future, Until, call, wait};

fn main() {
    Future::ready(1);
    Future::ready(1).abort_on_drop();
    call(u32::pow, (2, 10));
    wait([Future::ready(1)], Until::AllDone);
}
