//! The example programs, as they stand in `examples/`. Run one by its name: `cargo run --release --example digest`.

/// A module whose page has a title, the command that runs the example, and its files.
macro_rules! examples {
    ($($name:ident: $title:literal, $($file:literal)+;)+) => {$(
        #[doc = concat!($title, ".\n\n```sh\ncargo run --release --example ", stringify!($name), "\n```\n\n")]
        $(#[doc = concat!("# ", $file, "\n\n`````rust\n", include_str!(concat!("../examples/", $file)), "\n`````\n")])+
        pub mod $name {}
    )+};
}

examples! {
    async_bridge: "Pools and async runtimes: our futures in tokio and in smol", "async_bridge.rs";
    async_http: "An async HTTP server with pools behind it",
        "async_http/main.rs" "async_http/client.rs" "async_http/server.rs";
    census: "The census: threads read Rust sources, processes parse them",
        "census/main.rs" "census/analyse.rs" "census/console.rs" "census/hosts.rs" "census/options.rs"
        "census/places.rs" "census/read.rs" "census/report.rs" "census/server.rs" "census/survey.rs"
        "census/table.rs" "census/tally.rs" "census/walk.rs";
    connection_per_thread: "A connection for each thread, opened by an initializer", "connection_per_thread.rs";
    digest: "The digests of every file of a directory, on both pools",
        "digest/main.rs" "digest/lines.rs" "digest/options.rs" "digest/parts.rs" "digest/pipeline.rs" "digest/room.rs"
        "digest/summary.rs" "digest/walk.rs";
    dump_on_signal: "A program that says why it is stuck, on SIGUSR1", "dump_on_signal.rs";
    generators: "Replacing `yield`: iterators and streams", "generators.rs";
    green_threads: "Replacing gevent: jobs that borrow", "green_threads.rs";
    ipv6: "IPv6, and one socket for both versions", "ipv6.rs";
    lock_step: "Frames keep messages apart on a stream", "lock_step.rs";
    manager: "Replacing `multiprocessing.Manager`", "manager.rs";
    nonblocking_sockets: "Every verb of a socket", "nonblocking_sockets.rs";
    observe: "A service that can be watched: metrics, a dump, and a live page",
        "observe/main.rs" "observe/load.rs" "observe/pools.rs" "observe/server.rs";
    process_basics: "Replacing `multiprocessing.Process`", "process_basics.rs";
    process_pool_primes: "Primes, found by a process for each core", "process_pool_primes.rs";
    progress: "Progress bars: one that grows, and one inside another", "progress.rs";
    property_test_shutdown: "A service, and the tests of its shutdown", "property_test_shutdown.rs";
    queue_and_pipe: "Replacing `multiprocessing.Queue` and `Pipe`", "queue_and_pipe.rs";
    render: "A fractal, drawn by processes, with a progress bar",
        "render/main.rs" "render/fractal.rs" "render/picture.rs";
    standardize: "200 MB of numbers, standardized by processes", "standardize.rs";
    thread_pool_urls: "URLs, fetched by a thread for each", "thread_pool_urls.rs";
    threaded_tcp_server: "A TCP server with a job for each connection",
        "threaded_tcp_server/main.rs" "threaded_tcp_server/server.rs";
    threads: "Replacing `threading`", "threads.rs";
    timer: "A job that runs later, and one that is cancelled", "timer.rs";
    udp_echo: "Datagrams", "udp_echo.rs";
    unix_sockets: "Sockets that are files", "unix_sockets.rs";
}
