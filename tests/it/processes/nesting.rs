//! A job may have a pool of its own, to a depth at which it must be a mistake.

use executor::{ProcessPool, RemoteError, call};

use crate::support::within_patience;

/// How many pools deep this comes, and what stops it there.
fn deeper() -> Result<(u32, String), RemoteError> {
    let pool = match ProcessPool::new(1) {
        Ok(pool) => pool,
        Err(error) => return Ok((0, error.to_string())),
    };
    let inside: Result<(u32, String), RemoteError> = pool.submit(call!(deeper())).result()?;
    inside.map(|(depth, text)| (depth + 1, text))
}

#[test]
fn pools_nest_eight_deep() {
    within_patience(|| {
        let (depth, text) = deeper().unwrap();
        assert_eq!(depth, 8);
        assert!(text.starts_with("cannot build the pool: `this process` is a worker inside 8 nested pools"), "{text}");
    });
}
