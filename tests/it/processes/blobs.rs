//! Bytes in shared memory go to a worker and come back without a copy, and leave nothing behind.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use executor::{Blob, Codec, JobError, ProcessPool, call, current};
use serde::{Deserialize, Serialize};

use super::{pool, worker_of};
use crate::support::rendezvous::{Arrival, Rendezvous};
use crate::support::{alone, eventually, within_patience};

/// How many descriptors a process holds to blobs and to memory of payloads, and how often it has mapped either.
pub(super) fn shared(pid: u32) -> (usize, usize) {
    let is_ours =
        |path: &str| ["/memfd:executor-blob", "/memfd:executor-payload"].iter().any(|name| path.contains(name));
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process is there");
    let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let open = links.filter(|path| path.to_str().is_some_and(is_ours)).count();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process is there");
    (open, maps.lines().filter(|line| is_ours(line)).count())
}

/// How many descriptors a process has open.
pub(super) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("the process is there").count()
}

pub(super) fn own_pid() -> u32 {
    std::process::id()
}

fn sum(blob: Blob) -> u64 {
    blob.iter().copied().map(u64::from).sum()
}

fn same<T>(value: T) -> T {
    value
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    None,
    One(Blob),
    Many { named: BTreeMap<String, Blob>, listed: Vec<Option<Blob>> },
}

fn shapes() -> Vec<Shape> {
    let blob = |text: &str| Blob::from(text.as_bytes());
    let named = [("a".to_owned(), blob("first")), ("b".to_owned(), Blob::default())].into();
    vec![
        Shape::None,
        Shape::One(blob("one")),
        Shape::Many { named, listed: vec![None, Some(blob("second")), Some(blob("third"))] },
    ]
}

#[test]
fn they_may_sit_anywhere_with_either_codec() {
    within_patience(|| {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
            assert_eq!(pool.submit(call(same::<Vec<Shape>>, (shapes(),))).result().unwrap(), shapes());
            let two = (Blob::from(b"left"), Blob::from(b"right"));
            let swapped = pool
                .submit(call!(|left: Blob, right: Blob| (right, left), (two.0.clone(), two.1.clone())))
                .result()
                .unwrap();
            assert_eq!(swapped, (two.1, two.0));
        }
    });
}

#[test]
fn types_that_ask_the_bytes_may_hold_them() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Image {
        Named { name: String, pixels: Blob },
        Plain { pixels: Blob },
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Page {
        title: String,
        #[serde(flatten)]
        image: Image,
    }
    within_patience(|| {
        let pool = ProcessPool::builder().processes(1).codec(Codec::MessagePack).build().unwrap();
        let pixels = Blob::from(vec![3; 5000]);
        for image in [Image::Named { name: "n".to_owned(), pixels: pixels.clone() }, Image::Plain { pixels }] {
            let page = Page { title: "t".to_owned(), image };
            assert_eq!(pool.submit(call(same::<Page>, (page.clone(),))).result().unwrap(), page);
        }
    });
}

#[test]
fn a_result_that_was_an_argument_is_the_same_memory() {
    fn file_of(_blob: Blob) -> Vec<String> {
        inodes(&fs::read_to_string("/proc/self/maps").expect("a process has maps"))
    }
    fn inodes(maps: &str) -> Vec<String> {
        let blobs = maps.lines().filter(|line| line.contains("/memfd:executor-blob"));
        blobs.filter_map(|line| line.split_ascii_whitespace().nth(4)).map(str::to_owned).collect()
    }
    alone(a_result_that_was_an_argument_is_the_same_memory, || {
        let pool = pool(1);
        let blob = Blob::from(vec![1; 1 << 20]);
        let inside = pool.submit(call!(file_of(blob.clone()))).result().unwrap();
        let here = fs::read_to_string("/proc/self/maps").unwrap();
        assert_eq!(inodes(&here), inside, "the worker maps the file that is mapped here");
        let back = pool.submit(call(same::<Blob>, (blob.clone(),))).result().unwrap();
        assert_eq!(back, blob);
        let here = inodes(&fs::read_to_string("/proc/self/maps").unwrap());
        assert!(here.len() == 2 && here[0] == here[1], "{here:?}");
    });
}

#[test]
fn hundreds_of_jobs_leave_no_descriptor_and_no_mapping_behind() {
    fn fails(_: Blob, _: Blob) -> Blob {
        panic!("with both");
    }
    fn made(len: usize) -> (Blob, Blob) {
        (Blob::from(vec![1; len]), Blob::build(len, |bytes| bytes.fill(2)).expect("there is memory"))
    }
    alone(hundreds_of_jobs_leave_no_descriptor_and_no_mapping_behind, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        let blob = Blob::from(vec![1; 10_000]);
        for _ in 0..3 {
            let sums: Vec<_> = (0..150).map(|_| pool.submit(call!(sum(blob.clone())))).collect();
            let failed: Vec<_> = (0..50).map(|_| pool.submit(call!(fails(blob.clone(), blob.clone())))).collect();
            let back: Vec<_> = (0..50).map(|_| pool.submit(call!(made(10_000)))).collect();
            // Some are cancelled; of the others, the results are never taken.
            for future in back.iter().step_by(3) {
                future.cancel();
            }
            drop(back);
            assert!(sums.into_iter().all(|sum| sum.result().unwrap() == 10_000));
            assert!(failed.into_iter().all(|failed| matches!(failed.result(), Err(JobError::Panicked(_)))));
            worker_of(&pool);
        }
        drop(blob);
        eventually("nothing is left here", || shared(own_pid()) == (0, 0) && descriptors(own_pid()) == before.0);
        eventually("nothing is left there", || shared(worker) == (0, 0) && descriptors(worker) == before.1);
    });
}

#[test]
fn failed_decoding_leaves_no_descriptor() {
    #[derive(Serialize)]
    struct Picky(Blob, u8);
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let (_, number) = <(Blob, u8)>::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("not {number}")))
        }
    }
    fn take(_: Picky) {}
    fn make() -> Picky {
        Picky(Blob::from(b"some"), 2)
    }
    alone(failed_decoding_leaves_no_descriptor, || {
        let pool = pool(1);
        let worker = worker_of(&pool);
        let before = (descriptors(own_pid()), descriptors(worker));
        for _ in 0..100 {
            let error = pool.submit(call!(take(Picky(Blob::from(b"some"), 1)))).result().unwrap_err();
            assert!(error.to_string().contains("decode the job in the worker process"), "{error}");
            let error = pool.submit(call!(make())).result().err().unwrap();
            assert!(error.to_string().contains("could not decode the result: "), "{error}");
        }
        assert_eq!(worker_of(&pool), worker, "no worker was lost");
        eventually("nothing is left", || (descriptors(own_pid()), descriptors(worker)) == before);
    });
}

#[test]
fn one_holds_a_single_descriptor_while_jobs_with_it_are_queued() {
    alone(one_holds_a_single_descriptor_while_jobs_with_it_are_queued, || {
        let pool = pool(1);
        let rendezvous = Rendezvous::new();
        let slow = pool.submit(call!(|arrival: Arrival| arrival.arrive(0), (rendezvous.arrival(),)));
        let waiter = rendezvous.accept();
        let blob = Blob::from(vec![1; 1000]);
        let before = descriptors(own_pid());
        let queued: Vec<_> = (0..500).map(|_| pool.submit(call!(sum(blob.clone())))).collect();
        assert_eq!(descriptors(own_pid()), before);
        drop(waiter);
        assert!(queued.into_iter().all(|sum| sum.result().unwrap() == 1000));
        slow.result().unwrap();
    });
}

#[test]
fn a_worker_that_dies_with_one_leaves_it_here() {
    within_patience(|| {
        let pool = pool(1);
        let blob = Blob::from(vec![1; 5000]);
        for _ in 0..5 {
            let crashed = pool.submit(call!(|_: Blob| -> () { std::process::abort() }, (blob.clone(),)));
            let after = pool.submit(call!(sum(blob.clone())));
            assert!(matches!(crashed.result(), Err(JobError::Crashed(_))));
            assert_eq!(after.result().unwrap(), 5000);
        }
    });
}

#[test]
fn more_than_can_travel_at_once_cost_the_job_alone() {
    within_patience(|| {
        let pool = pool(1);
        let blobs = |n: u8| (0..n).map(|n| Blob::from(&[n])).collect::<Vec<_>>();
        let most = blobs(64);
        assert_eq!(pool.submit(call(same::<Vec<Blob>>, (most.clone(),))).result().unwrap(), most);
        let error = pool.submit(call(same::<Vec<Blob>>, (blobs(65),))).result().unwrap_err();
        let JobError::Codec(error) = error else { panic!("{error}") };
        assert_eq!(
            error.to_string(),
            "job `it::processes::blobs::same<alloc::vec::Vec<executor_process::ipc::blob::Blob>>` (result \
             `alloc::vec::Vec<executor_process::ipc::blob::Blob>`): could not encode the job: it holds more than 64 \
             handles (`Blob`, `Sender`, `Receiver`; a `Shared` takes three), the limit of one message; combine small blobs, or \
             send handles through a channel; its types must survive a round trip through the pool's codec"
        );
        let inside = pool
            .submit(call!(|n: u8| (0..n).map(|n| Blob::from(&[n])).collect::<Vec<_>>(), (65,)))
            .result()
            .unwrap_err();
        assert!(inside.to_string().contains("`): could not encode the result in the worker process: "), "{inside}");
        assert_eq!(pool.submit(call!(sum(Blob::from(b"\x01")))).result().unwrap(), 1);
    });
}

#[test]
fn an_initializer_may_hold_one_for_every_worker() {
    fn look_up(arrival: Arrival, index: usize) -> (u8, u32) {
        arrival.arrive(0);
        (current::state::<Blob>().expect("the initializer made it")[index], std::process::id())
    }
    within_patience(|| {
        let table = Blob::from((0..200).collect::<Vec<u8>>());
        let pool = ProcessPool::builder().processes(2).initializer(call(same::<Blob>, (table,))).build().unwrap();
        let rendezvous = Rendezvous::new();
        let (first, second) = (
            pool.submit(call!(look_up(rendezvous.arrival(), 7))),
            pool.submit(call!(look_up(rendezvous.arrival(), 199))),
        );
        drop(rendezvous.accept_all(2));
        let (first, second) = (first.result().unwrap(), second.result().unwrap());
        assert_eq!((first.0, second.0), (7, 199));
        assert_ne!(first.1, second.1, "two workers");
    });
}

#[test]
fn jobs_on_many_threads_do_not_mix_theirs_up() {
    within_patience(|| {
        let pool = pool(2);
        thread::scope(|scope| {
            for thread in 0..8_u8 {
                let pool = &pool;
                scope.spawn(move || {
                    for round in 0..40 {
                        let bytes = vec![thread; round * 100 + 1];
                        let double = |blob: Blob| (Blob::from(blob.to_vec()), blob);
                        let (copy, back) = pool.submit(call!(double, (Blob::from(&bytes[..]),))).result().unwrap();
                        assert!(*copy == *bytes && *back == *bytes);
                    }
                });
            }
        });
    });
}

#[test]
fn no_worker_can_change_one() {
    /// Tries to write to it and to cut it short, by the worker's own descriptors.
    fn attack(_blob: Blob) -> Vec<bool> {
        let entries = fs::read_dir("/proc/self/fd").expect("a process has descriptors").flatten();
        let blobs = entries.filter(|entry| {
            fs::read_link(entry.path()).is_ok_and(|path| path.to_string_lossy().contains("/memfd:executor-blob"))
        });
        let files: Vec<_> = blobs.filter_map(|entry| fs::File::options().write(true).open(entry.path()).ok()).collect();
        let writes = files.iter().map(|mut file| std::io::Write::write(&mut file, b"x").is_ok());
        let cuts = files.iter().map(|file| file.set_len(0).is_ok());
        writes.chain(cuts).collect()
    }
    within_patience(|| {
        let pool = pool(1);
        let blob = Blob::from(vec![1; 10_000]);
        assert_eq!(pool.submit(call!(attack(blob.clone()))).result().unwrap(), [false, false]);
        assert!(blob.len() == 10_000 && blob.iter().all(|byte| *byte == 1));
    });
}

#[test]
fn map_takes_and_gives_them_in_chunks() {
    fn doubled(number: u8, blob: Blob) -> (u8, Blob) {
        (number, Blob::from([&*blob, &*blob].concat()))
    }
    within_patience(|| {
        for codec in [Codec::Postcard, Codec::MessagePack] {
            let pool = ProcessPool::builder().processes(2).codec(codec).build().unwrap();
            for chunk in [1, 7] {
                let items = (0..40_u8).map(|n| (n, Blob::from(vec![n; 100])));
                let outcomes = pool.map(items, |(n, blob): (u8, Blob)| doubled(n, blob)).chunk_size(chunk);
                for (n, outcome) in (0..).zip(outcomes) {
                    assert_eq!(outcome.unwrap(), (n, Blob::from(vec![n; 200])));
                }
            }
            // More than can travel at once: the chunk is cut.
            let items = (0..70_u8).map(|n| Blob::from(&[n]));
            let outcomes: Result<Vec<_>, _> = pool.map(items, |blob: Blob| blob[0]).chunk_size(70).collect();
            assert_eq!(outcomes.unwrap(), (0..70).collect::<Vec<u8>>());
        }
    });
}
