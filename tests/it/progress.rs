//! Progress bars of `indicatif`: their length and position while a `map`, a `JobSet` or async code goes on, and their picture.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::mpsc;
use std::time::Duration;

use executor::{JobError, JobSet, ThreadPool, as_completed};
use indicatif::{
    InMemoryTerm, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressIterator, ProgressStyle,
};

use crate::support::boxed;
use crate::support::latch::{Latch, LatchGuard};
use crate::support::within_patience;

const ITEMS: u32 = 20;

/// A terminal in memory, and bars that draw there at each change.
fn screen() -> (InMemoryTerm, MultiProgress) {
    let screen = InMemoryTerm::new(10, 60);
    let bars = MultiProgress::with_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
    (screen, bars)
}

fn plain(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template")
}

/// Takes one outcome after the other. Before each, the length that is left and the bar's position are right.
fn counts_down<T>(what: &str, outcomes: impl ExactSizeIterator<Item = T>) {
    let bar = ProgressBar::hidden();
    bar.set_length(outcomes.len() as u64);
    let mut outcomes = outcomes.progress_with(bar.clone());
    for done in 0..ITEMS as usize {
        let left = ITEMS as usize - done;
        // `len` panics if the bounds of `size_hint` differ.
        assert_eq!(outcomes.len(), left, "{what}, {done} done");
        assert_eq!((bar.position(), bar.is_finished()), (done as u64, false), "{what}");
        assert!(outcomes.next().is_some(), "{what}, {done} done");
    }
    assert!(outcomes.next().is_none() && bar.is_finished(), "{what}");
    assert_eq!((bar.position(), bar.length(), outcomes.len()), (ITEMS.into(), Some(ITEMS.into()), 0), "{what}");
}

/// Every adapter of `map`, over inputs that know their length.
macro_rules! every_map {
    ($pool:expr, $f:expr) => {{
        let (pool, items) = (&$pool, || (0..ITEMS).collect::<Vec<_>>());
        counts_down("plain", pool.map(items(), $f));
        counts_down("a range", pool.map(0..ITEMS, $f));
        counts_down(
            "keys of a map",
            pool.map(items().into_iter().map(|n| (n, n)).collect::<HashMap<_, _>>().into_keys(), $f),
        );
        counts_down("buffered", pool.map(items(), $f).buffered(3));
        counts_down("in chunks", pool.map(items(), $f).chunk_size(7));
        counts_down("buffered chunks", pool.map(items(), $f).chunk_size(7).buffered(9));
        counts_down("unordered", pool.map(items(), $f).unordered());
        counts_down("buffered, unordered", pool.map(items(), $f).chunk_size(7).buffered(3).unordered());
    }};
}

fn half(n: u32) -> u32 {
    assert!(n != 5, "an item that fails");
    n / 2
}

#[test]
fn map_on_threads_knows_its_length() {
    within_patience(|| {
        every_map!(ThreadPool::new(2), half);
        let pool = ThreadPool::new(2);
        every_map!(pool.with(executor::JobOptions::new().timeout(Duration::from_secs(600))), half);
    });
}

#[cfg(feature = "rayon")]
#[test]
fn map_on_rayon_knows_its_length() {
    within_patience(|| every_map!(crate::support::kinds::rayon(2), half));
}

#[cfg(all(feature = "process", target_os = "linux"))]
fn half_or_crash(n: u32) -> u32 {
    if n == 6 {
        std::process::abort();
    }
    half(n)
}

#[cfg(all(feature = "process", target_os = "linux"))]
#[test]
fn map_on_processes_knows_its_length() {
    within_patience(|| every_map!(executor::ProcessPool::new(2).unwrap(), half_or_crash));
}

#[test]
fn futures_know_their_number() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        counts_down("as_completed", as_completed((0..ITEMS).map(|n| pool.submit(boxed(move || half(n))))));
    });
}

/// All outcomes but that of item 0, which comes last.
fn moves_past_item_0<T>(outcomes: impl ExactSizeIterator<Item = (usize, T)>, let_go: impl FnOnce()) {
    let bar = ProgressBar::hidden();
    let mut outcomes = outcomes.progress_with(bar.clone());
    for done in 1..ITEMS {
        assert_ne!(outcomes.next().expect("others end").0, 0);
        assert_eq!(bar.position(), u64::from(done));
    }
    let_go();
    assert_eq!(outcomes.next().map(|(index, _)| index), Some(0));
}

/// A function that waits at item 0 until the guard is dropped.
fn wait_at_0() -> (LatchGuard, impl Fn(u32) + Send + Sync + 'static) {
    let (guard, latch) = Latch::closed();
    let wait = move |n| {
        if n == 0 {
            latch.wait();
        }
    };
    (guard, wait)
}

#[test]
fn unordered_bar_moves_while_an_item_runs() {
    within_patience(|| {
        let (guard, wait) = wait_at_0();
        moves_past_item_0(ThreadPool::new(2).map(0..ITEMS, wait).unordered(), || drop(guard));
        #[cfg(feature = "rayon")]
        {
            let (guard, wait) = wait_at_0();
            moves_past_item_0(crate::support::kinds::rayon(2).map(0..ITEMS, wait).unordered(), || drop(guard));
        }
    });
}

#[cfg(all(feature = "process", target_os = "linux"))]
#[test]
fn unordered_bar_of_processes_moves_while_an_item_runs() {
    use crate::support::rendezvous::{Arrival, Rendezvous};

    fn arrive_at_0((arrival, n): (Arrival, u32)) {
        if n == 0 {
            arrival.arrive(0);
        }
    }

    within_patience(|| {
        let (pool, rendezvous) = (executor::ProcessPool::new(2).unwrap(), Rendezvous::new());
        let items: Vec<_> = (0..ITEMS).map(|n| (rendezvous.arrival(), n)).collect();
        moves_past_item_0(pool.map(items, arrive_at_0).unordered(), || drop(rendezvous));
    });
}

#[test]
fn bar_that_is_abandoned_stays_where_it_was() {
    within_patience(|| {
        let pool = ThreadPool::new(2);
        for (finish, expected) in [(ProgressFinish::Abandon, "6/20"), (ProgressFinish::AndClear, "")] {
            let (screen, bars) = screen();
            let bar = bars.add(ProgressBar::new(ITEMS.into()).with_style(plain("{pos}/{len}")).with_finish(finish));
            let halves: Result<Vec<_>, JobError> = pool.map(0..ITEMS, half).progress_with(bar).collect();
            assert!(matches!(halves, Err(JobError::Panicked(_))), "{halves:?}");
            assert_eq!(screen.contents(), expected);
        }
    });
}

#[test]
fn maps_in_jobs_have_bars_below_the_outer_one() {
    within_patience(|| {
        let (pool, (screen, bars)) = (ThreadPool::new(1), screen());
        let (seen, pictures) = mpsc::channel();
        let bar = |len: usize, name: &str| {
            ProgressBar::new(len as u64).with_style(plain("{prefix} {pos}/{len}")).with_prefix(name.to_owned())
        };
        let outer = bars.add(bar(2, "folders"));
        outer.tick();
        let (inner, handle, terminal) = (bars.clone(), pool.handle(), screen.clone());
        let count = move |folder: &'static str| {
            let (seen, terminal) = (seen.clone(), terminal.clone());
            let look = move |_: u32| seen.send(terminal.contents()).is_ok();
            handle
                .map(0..3, look)
                .progress_with(inner.add(bar(3, folder)))
                .filter(|seen| matches!(seen, Ok(true)))
                .count()
        };
        let counts: Vec<_> =
            pool.map(["a", "b"], count).buffered(1).progress_with(outer).collect::<Result<_, _>>().unwrap();
        assert_eq!(counts, [3, 3]);
        let expected = [
            "folders 0/2",
            "folders 0/2\na 1/3",
            "folders 0/2\na 2/3",
            "folders 1/2",
            "folders 1/2\nb 1/3",
            "folders 1/2\nb 2/3",
        ];
        assert_eq!(pictures.try_iter().collect::<Vec<_>>(), expected);
        assert_eq!(screen.contents(), "", "finished bars are cleared");
    });
}

/// The pages that a page links to.
fn links(page: u32) -> Vec<u32> {
    match page {
        0 => vec![1, 2, 3],
        1 => vec![4],
        _ => Vec::new(),
    }
}

#[test]
fn bar_grows_with_its_job_set() {
    within_patience(|| {
        let (pool, mut set, bar) = (ThreadPool::new(1), JobSet::new(), ProgressBar::hidden());
        let visit = |page| pool.submit(boxed(move || links(page)));
        bar.set_length(set.insert(visit(0)) as u64 + 1);
        let mut steps = Vec::new();
        while let Some((_, found)) = set.next() {
            bar.inc(1);
            found.unwrap().into_iter().for_each(|page| bar.set_length(set.insert(visit(page)) as u64 + 1));
            let (done, all) = (bar.position(), bar.length().unwrap());
            assert_eq!(all - done, set.len() as u64);
            steps.push((done, all));
        }
        assert_eq!(steps, [(1, 4), (2, 5), (3, 5), (4, 5), (5, 5)]);
    });
}

/// Submits, and then awaits whichever job ends next.
async fn halves(pool: ThreadPool, bar: ProgressBar) -> usize {
    let (mut set, mut failed) = (JobSet::new(), 0);
    for n in 0..ITEMS {
        set.insert(pool.submit_async(move || half(n)).await.expect("the pool is open"));
        bar.inc_length(1);
    }
    while let Some((_, outcome)) = poll_fn(|context| set.poll_next(context)).await {
        bar.inc(1);
        assert_eq!(bar.length().unwrap() - bar.position(), set.len() as u64);
        failed += usize::from(outcome.is_err());
    }
    failed
}

#[test]
fn bar_moves_in_async_code() {
    within_patience(|| {
        let bar = ProgressBar::hidden();
        bar.set_length(0);
        let tokio = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(tokio.block_on(halves(ThreadPool::new(2), bar.clone())), 1);
        assert_eq!(smol::block_on(halves(ThreadPool::new(2), bar.clone())), 1);
        assert_eq!((bar.position(), bar.length()), (2 * u64::from(ITEMS), Some(2 * u64::from(ITEMS))));
    });
}

/// The template of the guide.
#[test]
fn template_shows_what_tqdm_shows() {
    let (screen, bars) = screen();
    let style = plain("{prefix}: {percent:>3}%|{bar:10}| {pos}/{len} [{elapsed}<{eta}, {per_sec:1}] {msg}");
    let bar = bars.add(ProgressBar::new(8).with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")).with_prefix("halves"));
    let mut outcomes = (0..8).progress_with(bar.with_message("failed=1"));
    outcomes.nth(4);
    let picture = screen.contents();
    assert!(picture.starts_with("halves:  62%|██████▎   | 5/8 [0s<0s, "), "{picture}");
    assert!(picture.ends_with("/s] failed=1"), "{picture}");
}
