//! Many submitters at the same time.

use executor::{ThreadPool, call};
use executor_nats::{NatsExecutor, serve};
use serde_json::json;

use crate::support::raw::Raw;
use crate::support::servers::Server;

/// From version 2.15 on, the server allows as many consumers for a stream that does not ask for more.
const DEFAULT_LIMIT: usize = 1000;

fn double(n: u64) -> u64 {
    2 * n
}

#[test]
fn more_submitters_than_the_servers_default() {
    let server = Server::start();
    let first = NatsExecutor::connect(server.url(), "many").expect("a submitter");
    // Each stands for a submitter that reads its part of the ledger.
    let mut client = Raw::connect(server.address()).expect("a connection");
    for submitter in 0..DEFAULT_LIMIT {
        let filter = format!("executor.many.0.outcome.{submitter}.0");
        let config = json!({ "name": format!("s{submitter}"), "filter_subject": filter, "ack_policy": "none", "mem_storage": true });
        let request = json!({ "stream_name": "executor_many_ledger", "config": config });
        let method = format!("CONSUMER.CREATE.executor_many_ledger.s{submitter}.{filter}");
        client.api(&method, &request).expect("the ledger has room for another reader");
    }
    let pool = ThreadPool::new(1);
    let serving = serve(server.url(), "many", &pool).expect("a host");
    let last = NatsExecutor::connect(server.url(), "many").expect("one more submitter");
    assert_eq!(last.submit(call!(double(21))).result().expect("a result"), 42);
    drop((first, last));
    serving.shutdown(true);
}
