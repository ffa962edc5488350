//! A job's captures stay with the job, also when it is rejected and given back.

use std::sync::Arc;

use executor::{Executor, Future, ThreadPool};

#[test]
fn a_refused_job_comes_back_unharmed() {
    let pool = ThreadPool::new(1);
    pool.shutdown(false);
    let token = Arc::new(());
    let captured = token.clone();
    let rejected = pool.try_submit(move || Arc::strong_count(&captured)).unwrap_err();
    assert_eq!(Arc::strong_count(&token), 2);
    assert_eq!(rejected.into_job()(), 2);
    let boxed: Box<dyn Executor<fn() -> u32>> = Box::new(pool);
    let future: Future<u32> = boxed.submit(|| 1);
    assert!(future.result().is_err());
}
