//! Hosts whose pool is shut down, broken or full, and servers that end inside of their jobs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use executor::{ProcessPool, QueueLimit, ThreadPool, WhenFull, call, join_all};
use executor_nats::{NatsExecutor, Server, serve};

use crate::support::served::unique;
use crate::support::servers;
use crate::support::wait_for;

fn double(n: u32) -> u32 {
    2 * n
}

/// The server ends by itself, and its jobs run on the other host.
fn leaves_jobs_to_others(pool: &impl executor_nats::Host, why: &str) {
    let (nats, namespace) = (servers::shared(), unique("pools"));
    let useless = serve(nats.url(), namespace.clone(), pool).unwrap();
    let executor = NatsExecutor::connect(nats.url(), namespace.clone()).unwrap();
    let jobs: Vec<_> = (0..50).map(|n| executor.submit(call!(double(n)))).collect();
    useless.wait();
    assert!(useless.fault().is_some_and(|fault| fault.contains(why)), "{:?}", useless.fault());
    let healthy = ThreadPool::new(1);
    let _server = serve(nats.url(), namespace, &healthy).unwrap();
    let results = join_all(jobs);
    assert!(results.into_iter().map(Result::unwrap).eq((0..50).map(|n| 2 * n)));
}

#[test]
fn host_whose_pool_is_shut_down_leaves_jobs_to_others() {
    let pool = ThreadPool::new(2);
    pool.shutdown(true);
    leaves_jobs_to_others(&pool, "shut down");
}

#[test]
fn host_whose_pool_is_broken_leaves_jobs_to_others() {
    fn fails() {
        panic!("it has no disk");
    }
    let pool = ProcessPool::builder().processes(1).initializer(call!(fails())).build().unwrap();
    leaves_jobs_to_others(&pool, "broken");
}

#[test]
fn host_with_a_full_queue_is_not_lost() {
    let (nats, namespace) = (servers::shared(), unique("pools").lease(Duration::from_secs(1)));
    let pool = ThreadPool::builder().threads(1).queue(QueueLimit::bounded(1, WhenFull::Block)).build().unwrap();
    let (open, opened) = std::sync::mpsc::channel::<()>();
    let local = pool.submit(move || opened.recv());
    let queued = pool.submit(|| ());
    let _server = serve(nats.url(), namespace.clone(), &pool).unwrap();
    let executor = NatsExecutor::connect(nats.url(), namespace).unwrap();
    let job = executor.submit(call!(double(21)));
    wait_for("the claim", || job.is_running().then_some(()));
    // Longer than it may be silent.
    assert!(!job.wait_timeout(Duration::from_secs(4)));
    open.send(()).unwrap();
    assert_eq!(job.result().unwrap(), 42);
    local.result().unwrap().unwrap();
    queued.result().unwrap();
}

static SERVER: Mutex<Option<Arc<Server>>> = Mutex::new(None);

fn ends_its_server() -> u32 {
    let server = SERVER.lock().unwrap().take().expect("it is there");
    server.shutdown(true);
    drop(server);
    7
}

#[test]
fn server_does_not_wait_for_the_job_that_ends_it() {
    let (nats, namespace, pool) = (servers::shared(), unique("pools"), ThreadPool::new(1));
    *SERVER.lock().unwrap() = Some(Arc::new(serve(nats.url(), namespace.clone(), &pool).unwrap()));
    let executor = NatsExecutor::connect(nats.url(), namespace).unwrap();
    assert_eq!(executor.submit(call!(ends_its_server())).result().unwrap(), 7);
}
