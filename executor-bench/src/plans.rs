//! Which works are measured, in which sizes, and what ours is to reach.

mod nats;
mod processes;

use self::nats::nats;
use self::processes::{process_growth, processes};
use crate::busy::Beside;
use crate::peers::{Bare, Contender, Ours, Rayon, Tokio, Visitor, every};
use crate::processes::{MEMCPY, ONE_TABLE, WITHOUT_POOL};
use crate::works::{ALONE, IDEAL};

/// The target for ours in a work.
pub(crate) enum Goal {
    /// At most this times what a peer takes.
    Against(&'static str, f64),
    /// At most this times what the best of those takes whose names start so.
    AgainstBest(&'static str, f64),
    /// At most this.
    AtMost(f64),
}

/// A work with its sizes.
pub(crate) struct Plan {
    pub(crate) label: String,
    pub(crate) unit: &'static str,
    /// The name and the numbers by which the measuring process knows the work.
    pub(crate) work: &'static str,
    pub(crate) numbers: Vec<u64>,
    /// Every contender, where it is empty.
    pub(crate) only: Vec<&'static str>,
    /// Whether each contender is measured in a process of its own.
    pub(crate) apart: bool,
    pub(crate) rounds: usize,
    pub(crate) goals: Vec<Goal>,
    /// Whether other work beside may change what is measured.
    pub(crate) is_timed: bool,
    /// Whether loky is among its contenders and, if so, whether it may be installed.
    pub(crate) loky: Option<bool>,
    /// Why it is not measured here.
    pub(crate) left_out: Option<String>,
}

impl Plan {
    fn new(label: String, unit: &'static str, work: &'static str, numbers: Vec<u64>, rounds: usize) -> Self {
        let (only, goals, apart, is_timed, loky, left_out) = (Vec::new(), Vec::new(), false, true, None, None);
        Self { label, unit, work, numbers, only, apart, rounds, goals, is_timed, loky, left_out }
    }

    fn goals(self, goals: impl Into<Vec<Goal>>) -> Self {
        Self { goals: goals.into(), ..self }
    }

    fn only(self, only: impl Into<Vec<&'static str>>) -> Self {
        Self { only: only.into(), ..self }
    }

    /// A count or an amount of memory, which is the same whatever else the machine does.
    fn counted(self) -> Self {
        Self { is_timed: false, ..self }
    }

    /// How often each contender is measured. Other work beside makes a round longer.
    pub(crate) fn rounds(&self, beside: Beside) -> usize {
        match beside {
            Beside::Nothing => self.rounds,
            Beside::Loops => self.rounds.div_ceil(3).max(self.rounds.min(3)),
        }
    }
}

/// Makes the works of a section.
type Plans = fn(Scale) -> Vec<Plan>;

/// The sections of `BENCHMARKS.md` in their order, with their works.
pub(crate) const SECTIONS: [(&str, Plans); 5] = [
    ("Thread pool", threads),
    ("Process pool", processes),
    ("NATS", nats),
    ("Growth of the thread pool", growth),
    ("Growth of the process pool", process_growth),
];

/// Whether a contender is no peer: a lower bound for every pool, or ours in another form.
pub(crate) fn is_bound(name: &str) -> bool {
    name.starts_with(Ours::NAME) || [IDEAL, ALONE, MEMCPY, WITHOUT_POOL, ONE_TABLE].contains(&name)
}

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    /// Of the pools, where a work does not say it itself.
    pub(crate) threads: u64,
    pub(crate) rounds: usize,
    /// Sizes that tell nothing, to see that everything runs.
    pub(crate) is_quick: bool,
}

impl Scale {
    /// The sizes that `BENCHMARKS.md` shows.
    pub(crate) fn whole(threads: u64) -> Self {
        Self { threads, rounds: 1, is_quick: false }
    }

    fn size(self, size: u64) -> u64 {
        if self.is_quick { (size / 200).max(10) } else { size }
    }

    /// For what takes little time, and varies much.
    fn more_rounds(self, factor: usize) -> usize {
        if self.is_quick { self.rounds } else { self.rounds * factor }
    }

    /// For what takes seconds each time, and varies little.
    fn few_rounds(self) -> usize {
        self.rounds.min(3)
    }
}

/// How many threads this machine runs at once.
pub(crate) fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().try_into().expect("a small number"))
}

fn counted(number: u64, noun: &str) -> String {
    let number = match number {
        1_000_000.. if number.is_multiple_of(1_000_000) => format!("{}M", number / 1_000_000),
        1000.. if number.is_multiple_of(1000) => format!("{}k", number / 1000),
        _ => number.to_string(),
    };
    format!("{number} {noun}{}", if number == "1" { "" } else { "s" })
}

/// The works that have goals, with every peer.
pub(crate) fn threads(scale: Scale) -> Vec<Plan> {
    let Scale { threads, rounds, .. } = scale;
    let plan = |label: &str, unit, work, numbers, rounds| Plan::new(label.to_owned(), unit, work, numbers, rounds);
    let (jobs, naps, milliseconds) = (scale.size(200_000), scale.size(20_000), scale.size(2000));
    let (trips, bursts) = (scale.size(10_000), scale.size(20));
    let (rest_milliseconds, kept_jobs) = (scale.size(10_000), scale.size(1_000_000));
    let rest = format!("CPU time in {rest_milliseconds} ms without a job, 256 threads");
    let kept = format!("memory kept after {}", counted(kept_jobs, "job"));
    let submits = format!("{}, {}", counted(jobs, "submit"), counted(threads, "thread"));
    vec![
        plan(&submits, "ns/job", "submits", vec![threads, jobs, 1], scale.more_rounds(5))
            .goals([Goal::Against(Rayon::NAME, 0.6), Goal::Against(Bare::NAME, 1.2)]),
        plan("ping-pong", "ns/trip", "ping-pong", vec![trips], scale.more_rounds(3))
            .goals([Goal::Against(Bare::NAME, 1.05)]),
        plan("burst on 32 workers", "µs", "burst", vec![32, bursts], scale.more_rounds(3))
            .goals([Goal::Against(Tokio::NAME, 0.1)]),
        plan("idle, 256 threads", "cores", "idle", vec![256, milliseconds], scale.few_rounds())
            .goals([Goal::AtMost(0.05)]),
        plan(&counted(naps, "sleep"), "ms", "sleeps", vec![64, naps], rounds).goals([Goal::Against(IDEAL, 1.06)]),
        plan(&rest, "ms", "rest", vec![256, rest_milliseconds], scale.few_rounds())
            .only([Ours::NAME, Bare::NAME, Tokio::NAME])
            .goals([Goal::AtMost(0.0)])
            .counted(),
        Plan { apart: true, ..plan(&kept, "MiB", "kept", vec![threads, kept_jobs], 1) }
            .only([Ours::NAME, Bare::NAME, Rayon::NAME])
            .goals([Goal::AtMost(KEPT)])
            .counted(),
    ]
}

/// The memory that may stay after a burst, in MiB: pages that an allocator cannot give back, since a few bytes are in use there.
const KEPT: f64 = 1.0;

/// How the cost of a job grows with what is around it: ours, and the least that there can be.
pub(crate) fn growth(scale: Scale) -> Vec<Plan> {
    let plan = |threads, jobs, submitters, rounds| {
        let (jobs, pair) = (scale.size(jobs), [Ours::NAME, Bare::NAME]);
        let around = [counted(threads, "thread"), counted(jobs, "job"), counted(submitters, "submitter")];
        Plan::new(around.join(", "), "ns/job", "submits", vec![threads, jobs, submitters], rounds).only(pair)
    };
    let rounds = scale.rounds;
    let by_threads = [1, 2, 8, 64, 256].map(|threads| plan(threads, 100_000, 1, rounds));
    // A few jobs take less than a time slice of the system: whether a thread loses its core decides a round, and chance decides a few rounds.
    let by_jobs = [(1000, 50), (10_000, 20), (1_000_000, 1)]
        .map(|(jobs, factor)| plan(scale.threads, jobs, 1, scale.more_rounds(factor)));
    let by_submitters = [1, 2, 8, 64]
        .map(|submitters| plan(scale.threads, 200_000, submitters, rounds).goals([Goal::Against(Bare::NAME, 1.2)]));
    by_threads.into_iter().chain(by_jobs).chain(by_submitters).chain([memory(scale)]).collect()
}

fn memory(scale: Scale) -> Plan {
    #[derive(Default)]
    struct Names(Vec<&'static str>);
    impl Visitor<'_> for Names {
        fn visit<C: Contender>(&mut self) {
            self.0.push(C::NAME);
        }
    }
    let mut names = Names::default();
    every(&mut names);
    let jobs = scale.size(1_000_000);
    let plan = Plan::new(format!("memory, {} queued", counted(jobs, "job")), "bytes/job", "memory", vec![jobs], 1);
    Plan { apart: true, ..plan.only(names.0) }.counted()
}
