//! Lists of numbers as arguments, results and items, and in shared memory.

#![expect(clippy::float_cmp, reason = "a number arrives as it was sent")]

use executor::{Blob, CastError, Codec, JobError, ProcessPool, RemoteError, SharedSlice, call};

use super::pool;
use crate::support::Directory;

fn twice(mut numbers: Vec<f64>) -> Vec<f64> {
    for number in &mut numbers {
        *number *= 2.0;
    }
    numbers
}

fn negated(numbers: Vec<i32>) -> Vec<i64> {
    numbers.into_iter().map(|number| -i64::from(number)).collect()
}

#[test]
fn lists_of_all_sizes_arrive() {
    for codec in [Codec::Postcard, Codec::MessagePack] {
        let pool = ProcessPool::builder().processes(1).codec(codec).build().expect("workers start");
        for len in [0_u32, 1, 2047, 2048, 2049, 100_000, 3_000_000] {
            let numbers: Vec<f64> = (0..len).map(f64::from).collect();
            let doubled = pool.submit(call!(twice(numbers))).result().unwrap();
            assert!(doubled.iter().zip(0..len).all(|(number, n)| *number == f64::from(2 * n)));
            assert_eq!(doubled.len(), usize::try_from(len).unwrap());
        }
        let lists: Vec<Vec<i32>> = vec![vec![], vec![i32::MIN, 7], (0..5000).collect()];
        let came: Result<Vec<_>, _> = pool.map(lists, negated).collect();
        assert_eq!(came.unwrap(), [vec![], vec![1 << 31, -7], (0..5000).map(|n| -n).collect()]);
    }
}

fn cumulated(numbers: SharedSlice<f64>) -> Result<SharedSlice<f64>, RemoteError> {
    let mut sum = 0.0;
    Ok(SharedSlice::build(numbers.len(), |sums| {
        for (place, number) in sums.iter_mut().zip(&numbers) {
            sum += number;
            *place = sum;
        }
    })?)
}

fn halves(numbers: SharedSlice<u16>) -> Result<usize, CastError> {
    Ok(numbers.into_blob().cast::<u32>()?.len())
}

fn count(numbers: SharedSlice<u16>) -> Option<usize> {
    halves(numbers).ok()
}

#[test]
fn shared_slices_arrive_without_a_copy() {
    let pool = pool(1);
    let sums = pool.submit(call!(cumulated(SharedSlice::from(vec![1.0; 100_000])))).result().unwrap().unwrap();
    assert!(sums.len() == 100_000 && sums[99_999] == 100_000.0 && sums[..2] == [1.0, 2.0]);
    assert_eq!(pool.submit(call!(count(SharedSlice::from(&[1, 2, 3, 4])))).result().unwrap(), Some(2));
    assert_eq!(pool.submit(call!(count(SharedSlice::from(&[1, 2, 3])))).result().unwrap(), None);
}

fn square(number: f64) -> f64 {
    number * number
}

fn ramp(len: u32) -> SharedSlice<f64> {
    SharedSlice::from((0..len).map(f64::from).collect::<Vec<f64>>())
}

#[test]
fn results_go_into_the_buffer_of_the_caller() {
    let pool = pool(2);
    let mut buffer = vec![0.0; 10_000];
    pool.map_into((0..10_000).map(f64::from), square, &mut buffer).unwrap();
    assert!(buffer.iter().zip(0..).all(|(number, n)| *number == square(f64::from(n))));
    pool.map_into([1000, 0, 8000, 1000], ramp, &mut buffer).unwrap();
    assert_eq!((buffer[999], buffer[1000], buffer[8999], buffer[9000]), (999.0, 0.0, 7999.0, 0.0));
    let short = pool.map_into([9000, 999], ramp, &mut buffer).unwrap_err();
    assert_eq!(short.to_string(), "the results are 9999 values, but the buffer has room for 10000");
    let failed = pool.map_into([1.0, 2.0], |_| -> Vec<f64> { panic!("on purpose") }, &mut buffer).unwrap_err();
    assert!(matches!(failed, JobError::Panicked(_)));
}

fn first_and_last(text: Blob) -> (u8, u8, usize) {
    (text[0], text[text.len() - 1], text.len())
}

#[test]
fn files_that_change_change_no_blob() {
    let (directory, pool) = (Directory::new(), pool(1));
    let path = directory.path().join("file");
    std::fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
    let blob = Blob::from_file(&path).unwrap();
    let queued = pool.submit(call!(first_and_last(blob.clone())));
    std::fs::write(&path, "short").unwrap();
    std::fs::remove_file(&path).unwrap();
    for job in [queued, pool.submit(call!(first_and_last(blob.clone())))] {
        assert_eq!(job.result().unwrap(), (b'x', b'x', 3 << 20));
    }
    assert!(blob.iter().all(|byte| *byte == b'x'));
    assert_eq!(Blob::from_file(&path).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert_eq!(Blob::from_file(directory.path()).unwrap_err().to_string(), "it is not a regular file");
    let misfit = Blob::from(b"odd").cast::<f64>().unwrap_err();
    assert_eq!(JobError::failed(misfit).to_string().lines().count(), 1);
}
