//! Values that go to a worker and back; a value that cannot costs only its job.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use executor::os_str::OsPath;
use executor::{Codec, Future, Job, JobError, ProcessPool, RemoteError, call};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::pool;
use crate::support::within_patience;

fn same<T>(value: T) -> T {
    value
}

/// Text, because serde takes that as a whole, and bytes one by one.
fn shouted(mut text: String) -> String {
    text.make_ascii_uppercase();
    text
}

fn codec_error<T: std::fmt::Debug>(future: Future<T>) -> String {
    match future.result() {
        Err(JobError::Codec(error)) => {
            assert!(!error.cause().is_empty());
            error.to_string()
        }
        other => panic!("no codec error: {other:?}"),
    }
}

#[test]
fn values_of_all_shapes_come_back() {
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
        let text = "ä\0\n".repeat(1000);
        assert_eq!(pool.submit(call(same::<String>, (text.clone(),))).result().unwrap(), text);
        let nested = Some(vec![(1_u8, -2_i64, 'x'), (255, i64::MIN, '\u{10ffff}')]);
        assert_eq!(
            pool.submit(call(same::<Option<Vec<(u8, i64, char)>>>, (nested.clone(),))).result().unwrap(),
            nested
        );
        let map: BTreeMap<String, f64> = [("pi".into(), 3.25), ("nothing".into(), f64::MIN_POSITIVE)].into();
        assert_eq!(pool.submit(call(same::<BTreeMap<String, f64>>, (map.clone(),))).result().unwrap(), map);
        pool.submit(call(same::<()>, ((),))).result().unwrap();
        pool.submit(call!(|| (), ())).result().unwrap();
        let failed: Result<u32, RemoteError> =
            pool.submit(call!(|text: String| Ok(text.parse()?), ("x".to_owned(),))).result().unwrap();
        assert_eq!(failed.unwrap_err().to_string(), "invalid digit found in string");
    }
}

/// Around the size from which on payloads go through shared memory, and far beyond it.
#[test]
fn payloads_of_all_sizes_come_back() {
    within_patience(|| {
        let pool = pool(2);
        for size in [0, 1, 65_520, 65_533, 65_534, 65_535, 65_536, 65_537, 65_600, 300_000, 16 << 20] {
            let text = "some text, and more ".repeat(size / 20 + 1)[..size].to_owned();
            let expected = shouted(text.clone());
            assert!(pool.submit(call!(shouted(text))).result().unwrap() == expected, "{size} bytes");
        }
    });
}

#[test]
fn many_large_results_at_once_need_no_descriptors() {
    within_patience(|| {
        let pool = pool(2);
        let futures: Vec<_> = (0..2000).map(|_| pool.submit(call!(|| "x".repeat(70_000), ()))).collect();
        for future in &futures {
            future.wait();
        }
        for future in futures {
            assert_eq!(future.result().unwrap().len(), 70_000);
        }
    });
}

#[test]
fn untagged_values_need_a_describing_codec() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    let values = vec![Either::Number(7), Either::Text("seven".into())];
    let describing = ProcessPool::builder().processes(1).codec(Codec::MessagePack).build().unwrap();
    assert_eq!(describing.submit(call(same::<Vec<Either>>, (values.clone(),))).result().unwrap(), values);
    let json = serde_json::json!({"a": [1, null, "x"], "b": {"c": 1.5}});
    assert_eq!(describing.submit(call(same::<serde_json::Value>, (json.clone(),))).result().unwrap(), json);

    let compact = pool(1);
    let error = codec_error(compact.submit(call(same::<serde_json::Value>, (json,))));
    assert!(
        error.starts_with("job `it::processes::payloads::same<")
            && error.contains("): could not decode the job in the worker process: "),
        "{error}"
    );
    assert!(error.contains("result `serde_json::value::Value`"), "{error}");
    assert_eq!(compact.submit(call(same::<u32>, (1,))).result().unwrap(), 1);
}

#[test]
fn flattened_fields_need_it_too() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Inner {
        width: u32,
        depth: Option<u8>,
    }
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Outer {
        name: String,
        #[serde(flatten)]
        inner: Inner,
        #[serde(flatten)]
        rest: BTreeMap<String, serde_json::Value>,
    }
    let rest = [("more".to_owned(), serde_json::json!([1, "x"]))].into();
    let outer = Outer { name: "n".to_owned(), inner: Inner { width: 3, depth: None }, rest };
    let describing = ProcessPool::builder().processes(1).codec(Codec::MessagePack).build().unwrap();
    assert_eq!(describing.submit(call(same::<Outer>, (outer.clone(),))).result().unwrap(), outer);
    let error = codec_error(pool(1).submit(call(same::<Outer>, (outer,))));
    assert!(
        error.starts_with("job `it::processes::payloads::same<") && error.contains("could not encode the job: "),
        "{error}"
    );
}

fn strange_path() -> PathBuf {
    PathBuf::from(OsString::from_vec(b"caf\xe9".to_vec()))
}

#[test]
fn a_path_that_is_not_text_fails_as_such() {
    let pool = pool(1);
    let error = codec_error(pool.submit(call(same::<PathBuf>, (strange_path(),))));
    assert!(error.starts_with("job `") && error.contains("could not encode the job: "), "{error}");
    assert_eq!(pool.submit(call(same::<u32>, (1,))).result().unwrap(), 1);
}

#[test]
fn a_path_that_is_not_text_goes_as_bytes() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Paths {
        #[serde(with = "executor::os_str")]
        one: PathBuf,
        #[serde(with = "executor::os_str")]
        name: OsString,
        #[serde(with = "executor::os_str")]
        none: Option<PathBuf>,
        #[serde(with = "executor::os_str")]
        more: Vec<Option<OsString>>,
    }
    let paths = Paths {
        one: strange_path(),
        name: strange_path().into(),
        none: None,
        more: vec![Some(strange_path().into()), None, Some("plain".into())],
    };
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let pool = ProcessPool::builder().processes(1).codec(codec).build().unwrap();
        assert_eq!(pool.submit(call(same::<Paths>, (paths.clone(),))).result().unwrap(), paths);
        let path = OsPath::from(strange_path());
        assert_eq!(pool.submit(call(same::<OsPath>, (path.clone(),))).result().unwrap(), path);
        // Serde's own form of it, an enum of two systems.
        let name = OsString::from(strange_path());
        assert_eq!(pool.submit(call(same::<OsString>, (name.clone(),))).result().unwrap(), name);
    }
}

/// Goes wrong where it says.
#[derive(Debug, PartialEq)]
struct Awkward(Trouble);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Trouble {
    None,
    Encode,
    EncodePanics,
    Decode,
    DecodePanics,
    ReadsLess,
}

const ALL: [Trouble; 6] =
    [Trouble::None, Trouble::Encode, Trouble::EncodePanics, Trouble::Decode, Trouble::DecodePanics, Trouble::ReadsLess];

impl Serialize for Awkward {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Trouble::Encode => Err(serde::ser::Error::custom("not in this mood")),
            Trouble::EncodePanics => panic!("not at all"),
            trouble => (trouble as u8, 0_u8).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Awkward {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // One byte, where two were written.
        struct First;
        impl<'de> serde::de::Visitor<'de> for First {
            type Value = u8;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("two numbers")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut numbers: A) -> Result<u8, A::Error> {
                let first = numbers.next_element()?.unwrap_or_default();
                if first != Trouble::ReadsLess as u8 {
                    numbers.next_element::<u8>()?;
                }
                Ok(first)
            }
        }
        let number = deserializer.deserialize_tuple(2, First)?;
        match ALL[usize::from(number)] {
            Trouble::Decode => Err(serde::de::Error::custom("not today")),
            Trouble::DecodePanics => panic!("not ever"),
            trouble => Ok(Self(trouble)),
        }
    }
}

fn make(number: u8) -> Awkward {
    Awkward(ALL[usize::from(number)])
}

fn take(_: Awkward) {}

#[test]
fn each_step_that_fails_costs_the_job_alone_and_names_both_types() {
    let pool = pool(1);
    let steps = [
        (Trouble::Encode, "encode the job", "encode the result in the worker process"),
        (Trouble::EncodePanics, "encode the job", "encode the result in the worker process"),
        (Trouble::Decode, "decode the job in the worker process", "decode the result"),
        (Trouble::DecodePanics, "decode the job in the worker process", "decode the result"),
        (Trouble::ReadsLess, "decode the job in the worker process", "decode the result"),
    ];
    let pid = super::worker_of(&pool);
    for (trouble, with_job, with_result) in steps {
        let error = codec_error(pool.submit(call!(take(Awkward(trouble)))));
        let start = format!("job `it::processes::payloads::take` (result `()`): could not {with_job}: ");
        assert!(error.starts_with(&start), "{error}");
        assert!(error.ends_with("; its types must survive a round trip through the pool's codec"), "{error}");
        let error = codec_error(pool.submit(call!(make(trouble as u8))));
        let start = format!(
            "job `it::processes::payloads::make` (result `it::processes::payloads::Awkward`): could not {with_result}: "
        );
        assert!(error.starts_with(&start), "{error}");
    }
    pool.submit(call!(take(Awkward(Trouble::None)))).result().unwrap();
    assert_eq!(super::worker_of(&pool), pid, "no worker was lost");
}

#[test]
fn a_job_that_is_refused_comes_back_unchanged() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Thumbnail(Vec<u8>);
    impl Job for Thumbnail {
        type Output = usize;
        fn run(self) -> usize {
            self.0.len()
        }
    }
    let pool = pool(1);
    assert_eq!(pool.try_submit(Thumbnail(vec![1, 2])).unwrap().result().unwrap(), 2);
    pool.shutdown(true);
    let rejected = pool.try_submit(Thumbnail(vec![3])).unwrap_err();
    assert_eq!(rejected.into_job(), Thumbnail(vec![3]));
}

#[test]
fn map_goes_item_by_item_or_in_chunks() {
    within_patience(|| {
        fn square(n: u64) -> u64 {
            assert!(n != 13, "unlucky");
            n * n
        }
        let pool = pool(2);
        for chunk in [1, 7] {
            let outcomes: Vec<_> = pool.map(0..40_u64, square).chunk_size(chunk).collect();
            for (n, outcome) in (0..).zip(outcomes) {
                match outcome {
                    Ok(value) => assert_eq!(value, n * n),
                    Err(JobError::Panicked(panic)) => {
                        assert_eq!((n, panic.message()), (13, "unlucky"));
                        assert!(panic.place().is_some_and(|place| place.contains("payloads.rs:")), "{panic}");
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
}

/// Panics when it is read, with a payload that panics when it is dropped.
#[derive(Debug, Serialize)]
struct Unreadable;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        std::panic::panic_any(Bomb)
    }
}

#[test]
fn a_decoding_may_panic_with_any_payload() {
    within_patience(|| {
        let pool = pool(1);
        let unreadable = || pool.submit(call!(|| Unreadable, ()));
        codec_error(unreadable());
        codec_error(unreadable().map_ok(|_| 1));
        let waited = executor::wait([unreadable()], executor::Until::FirstOk);
        assert_eq!(waited.done.len(), 1);
        assert_eq!(pool.submit(call(same::<u32>, (7,))).result().unwrap(), 7);
    });
}

#[test]
fn a_map_gives_all_results_before_its_inputs_panic() {
    within_patience(|| {
        let pool = pool(2);
        let items = || (0..).inspect(|&n| assert!(n < 20, "the input at {n}"));
        for chunk in [None, Some(1), Some(7)] {
            let map = pool.map(items(), same::<u32>);
            let mut map = chunk.into_iter().fold(map, executor::Map::chunk_size);
            assert!(map.by_ref().take(20).map(Result::unwrap).eq(0..20), "chunks of {chunk:?}");
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| map.next().is_some()));
            assert_eq!(panicked.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("the input at 20"));
        }
    });
}
