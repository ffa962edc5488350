//! A panic in the drop of what a worker keeps harms nobody.

use executor::ThreadPool;

use crate::support::within_patience;

/// Panics when it is dropped, unless somebody is panicking already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb goes off");
    }
}

#[test]
fn in_the_drop_of_a_workers_state() {
    within_patience(|| {
        let pool = ThreadPool::builder().threads(1).initializer(|| Bomb).build().unwrap();
        assert_eq!(pool.submit(|| 1).result().unwrap(), 1);
        pool.shutdown(true);
    });
}
