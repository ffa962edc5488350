//! Jobs to look at: most are quick, some are slow, and a few fail.

use std::hint::black_box;
use std::io;
use std::process;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use executor::{Event, JobOptions, call};

use crate::pools::Pools;

/// The thread that submits the jobs.
pub(crate) struct Load {
    stop: Arc<Event>,
    thread: JoinHandle<()>,
}

impl Load {
    pub(crate) fn start(pools: &Arc<Pools>) -> io::Result<Self> {
        let (stop, pools) = (Arc::new(Event::new()), pools.clone());
        let told = stop.clone();
        let thread = thread::Builder::new().name("load".to_owned()).spawn(move || {
            for round in 0.. {
                submit(&pools, round);
                if told.wait_timeout(Duration::from_millis(100)) {
                    break;
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn stop(self) {
        self.stop.set();
        self.thread.join().expect("it does not panic");
    }
}

/// The jobs of a tenth of a second. Each fifth second brings more than the pools can do at once.
fn submit(pools: &Pools, round: u64) {
    let n = if round % 50 < 3 { 12 } else { 2 };
    for number in round * 100..round * 100 + n {
        let random = scrambled(number);
        let (kind, amount) = (random % 100, random / 100 % 100);
        let tag = format!("request {number}");
        let web = |name: &str| pools.web.with(JobOptions::new().name(name).tag(tag.clone()));
        let parse = |name: &str| JobOptions::new().name(name).tag(tag.clone());
        match kind {
            0..50 => web("fetch").execute(move || compute(amount)),
            50..70 => web("thumbnail").execute(move || compute(2 * amount)),
            70..72 => web("greet").execute(|| panic!("an unknown visitor")),
            72..90 => pools.parse.with(parse("count primes")).execute(call!(compute(amount))),
            90..96 => pools.parse.with(parse("report")).execute(call!(compute(3 * amount))),
            96..98 => {
                let limit = Duration::from_millis(50);
                pools.parse.with(parse("import").timeout(limit)).execute(call!(compute(1000)));
            }
            98 => pools.parse.with(parse("decode")).execute(call!(crash())),
            _ => drop(pools.web.submit_after(Duration::from_secs(2), || ())),
        }
    }
}

/// Works for this time, in milliseconds.
fn compute(millis: u64) {
    let (since, limit) = (Instant::now(), Duration::from_millis(millis));
    while since.elapsed() < limit {
        black_box((1..1000_u64).filter(|n| n % 7 == 0).sum::<u64>());
        thread::yield_now();
    }
}

fn crash() {
    process::abort();
}

/// The same for each run: a step of `SplitMix64`.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 31)
}
