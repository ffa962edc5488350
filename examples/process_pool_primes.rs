//! Finds primes, with one process per core: jobs that compute and share nothing.
//!
//! In Python: `with ProcessPoolExecutor() as executor: executor.map(is_prime, numbers)`, below
//! `if __name__ == "__main__"`, which is not needed here.
//!
//! `cargo run --release --example process_pool_primes`

use std::error::Error;

use executor::{ProcessPool, as_completed, call};

const NUMBERS: [u64; 6] = [97, 1_000_003, 1_000_005, 2_147_483_647, 10_000_000_019, 10_000_000_021];

fn is_prime(n: u64) -> bool {
    n >= 2 && (2..=n.isqrt()).all(|divisor| n % divisor != 0)
}

/// Primes from `start`, up to but not including `end`.
fn count_primes(start: u64, end: u64) -> usize {
    (start..end).filter(|&n| is_prime(n)).count()
}

fn main() -> Result<(), Box<dyn Error>> {
    let pool = ProcessPool::default_size()?;

    // In order, as `executor.map`. The pool sends several items in one message, which Python calls `chunksize`.
    for (number, outcome) in NUMBERS.into_iter().zip(pool.map(NUMBERS, is_prime)) {
        println!("{number}: {}", if outcome? { "prime" } else { "not prime" });
    }

    // In the order of completion, as `as_completed(futures)`; the index names the item.
    let ranges = (0..4).map(|part| pool.submit(call!(count_primes(part * 5_000, (part + 1) * 5_000))));
    let mut counts = [0; 4];
    for (index, outcome) in as_completed(ranges) {
        counts[index] = outcome?;
    }
    println!("primes below 20000: {} = {counts:?}", counts.iter().sum::<usize>());
    pool.shutdown(true);
    Ok(())
}
