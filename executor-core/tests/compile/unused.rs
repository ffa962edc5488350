//~ dropping a future detaches its job: its outcome, and every error, is lost; if that is meant, use `execute`
//~ the job is aborted when this is dropped
//~ a call does nothing until it is submitted
//~ this holds the futures: if it is dropped, the outcomes are lost
#![deny(unused_must_use)]

use executor_core::{Future, Until, call, wait};

fn main() {
    Future::ready(1);
    Future::ready(1).abort_on_drop();
    call(u32::pow, (2, 10));
    wait([Future::ready(1)], Until::AllDone);
}
