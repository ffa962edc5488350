//! The order of jobs: as submitted, or any that the law allows, by a seed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::thread;

use executor_core::{JobOptions, Priority};
use executor_testkit::ManualExecutor;

type Order = Arc<Mutex<Vec<u32>>>;

fn note(order: &Order, n: u32) -> impl FnOnce() + Send + 'static {
    let order = order.clone();
    move || order.lock().unwrap().push(n)
}

fn taken(order: &Order) -> Vec<u32> {
    std::mem::take(&mut order.lock().unwrap())
}

#[test]
fn first_come_is_first_served() {
    let (manual, order) = (ManualExecutor::new(), Order::default());
    (0..100).for_each(|n| manual.execute(note(&order, n)));
    manual.run_until_idle();
    assert!(taken(&order).into_iter().eq(0..100));
}

#[test]
fn the_more_urgent_is_first_and_the_least_is_not_starved() {
    let (manual, order) = (ManualExecutor::new(), Order::default());
    let lanes = [Priority::Low, Priority::Normal, Priority::High];
    let views = lanes.map(|priority| manual.with(JobOptions::new().priority(priority)));
    for n in 0..60 {
        for (view, lane) in views.iter().zip([200, 100, 0]) {
            view.execute(note(&order, lane + n));
        }
    }
    assert_eq!(manual.pending().len(), 180);
    manual.run_until_idle();
    let order = taken(&order);
    assert!(order[..15].iter().copied().eq(0..15), "the most urgent first: {order:?}");
    let first_low = order.iter().position(|&n| n >= 200).unwrap();
    assert!(first_low < 60, "a low one waited for {first_low} others");
    for lane in [0, 100, 200] {
        assert!(order.iter().copied().filter(|n| (lane..lane + 100).contains(n)).is_sorted());
    }
}

#[test]
fn seeds_bring_every_order_and_the_same_one_again() {
    let run = |seed| {
        let (manual, order) = (ManualExecutor::seeded(seed), Order::default());
        (0..3).for_each(|n| manual.execute(note(&order, n)));
        manual.run_until_idle();
        taken(&order)
    };
    let orders: HashSet<_> = (0..100).map(run).collect();
    assert_eq!(orders.len(), 6, "three jobs have six orders");
    assert!((0..100).all(|seed| run(seed) == run(seed)));
}

#[test]
fn on_one_worker_a_seed_keeps_each_submitters_order() {
    let mut merges = HashSet::new();
    for seed in 0..50 {
        let (manual, order) = (ManualExecutor::builder().seed(seed).workers(1).build(), Order::default());
        for submitter in 0..2 {
            let (handle, order) = (manual.handle(), order.clone());
            let submit = move || (0..5).for_each(|n| handle.execute(note(&order, 10 * submitter + n)));
            thread::spawn(submit).join().unwrap();
        }
        manual.run_until_idle();
        let order = taken(&order);
        for submitter in 0..2 {
            assert!(order.iter().filter(|&&n| n / 10 == submitter).is_sorted(), "seed {seed}: {order:?}");
        }
        merges.insert(order);
    }
    assert!(merges.len() > 10, "the submitters' jobs are mixed");
}
