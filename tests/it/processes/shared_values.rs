//! Values that many jobs read: encoded once, decoded once in each worker, dropped there with the last handle.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use executor::{Codec, JobError, ProcessPool, Shared, call, join_all};
use serde::{Deserialize, Deserializer, Serialize};

use super::blobs::{descriptors, own_pid};
use super::{pid, pool, worker_of};
use crate::support::{Directory, alone, eventually};

/// How many tables were decoded in this process.
static DECODED: AtomicUsize = AtomicUsize::new(0);

/// Each process that has decoded one has a file in the directory, until it drops the table.
#[derive(Serialize, Deserialize)]
struct Table {
    numbers: Vec<u64>,
    #[serde(deserialize_with = "counted")]
    directory: PathBuf,
}

fn counted<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let directory = PathBuf::deserialize(from)?;
    DECODED.fetch_add(1, Ordering::SeqCst);
    fs::write(directory.join(pid().to_string()), "").expect("the directory is there");
    Ok(directory)
}

impl Drop for Table {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.directory.join(pid().to_string()));
    }
}

fn table(directory: &Directory) -> Table {
    Table { numbers: (0..1000).collect(), directory: directory.path().to_owned() }
}

/// The sum of the numbers from one on, and how many tables this process has decoded.
fn sum(table: Shared<Table>, from: usize) -> (u64, usize) {
    (table.numbers[from..].iter().sum(), DECODED.load(Ordering::SeqCst))
}

fn holders(directory: &Directory) -> usize {
    fs::read_dir(directory.path()).expect("it is there").count()
}

#[test]
fn each_worker_decodes_a_value_once() {
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let directory = Directory::new();
        let pool = ProcessPool::builder().processes(2).codec(codec).build().expect("workers start");
        let shared = pool.share(table(&directory)).expect("it can be encoded");
        let jobs: Vec<_> = (0..20).map(|from| pool.submit(call!(sum(shared.clone(), from)))).collect();
        for (from, outcome) in (0_u64..).zip(join_all(jobs)) {
            assert_eq!(outcome.unwrap(), (499_500 - (0..from).sum::<u64>(), 1));
        }
        let items = (0..100).map(|from| (shared.clone(), from));
        let sums = pool.map(items, |(table, from): (Shared<Table>, usize)| sum(table, from));
        assert!(sums.map(Result::unwrap).all(|(_, decoded)| decoded == 1));
        assert_eq!(holders(&directory), pool.pids().len());
        assert_eq!(shared.numbers.len(), 1000, "this process reads its own");
    }
}

#[test]
fn values_end_with_their_last_handle() {
    alone(values_end_with_their_last_handle, || {
        let (directory, pool) = (Directory::new(), pool(1));
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        for _ in 0..3 {
            let shared = pool.share(table(&directory)).expect("it can be encoded");
            let first = pool.submit(call!(sum(shared.clone(), 0)));
            // The last handles are in queued jobs.
            let second = pool.submit(call!(sum(shared.clone(), 1)));
            let third = pool.submit(call!(sum(shared, 2)));
            let decoded = [first, second, third].map(|job| job.result().unwrap().1);
            assert!(decoded[1] == decoded[0] && decoded[2] == decoded[0], "{decoded:?}");
            // The worker has nothing to do, and drops the value all the same.
            eventually("the worker has dropped it", || holders(&directory) == 0);
            eventually("all is closed", || (descriptors(own_pid()), descriptors(worker)) == before);
        }
        assert_eq!(worker_of(&pool), worker);
    });
}

fn abort(_: Shared<Table>) {
    std::process::abort()
}

fn same(table: Shared<Table>) -> Shared<Table> {
    table
}

#[test]
fn values_outlive_workers_and_come_back() {
    let (directory, pool) = (Directory::new(), pool(1));
    let shared = pool.share(table(&directory)).expect("it can be encoded");
    for _ in 0..2 {
        assert_eq!(pool.submit(call!(sum(shared.clone(), 0))).result().unwrap(), (499_500, 1));
        assert!(matches!(pool.submit(call!(abort(shared.clone()))).result(), Err(JobError::Crashed(_))));
    }
    let came = pool.submit(call!(same(shared.clone()))).result().unwrap();
    assert_eq!(came.numbers, shared.numbers);
    drop(shared);
    assert_eq!(pool.submit(call!(sum(came, 0))).result().unwrap(), (499_500, 1));
}
