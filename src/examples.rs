//! The example programs, as they stand in `examples/`.

/// `cargo run --release --example async_bridge`
///
#[doc = concat!("`````rust\n", include_str!("../examples/async_bridge.rs"), "\n`````\n")]
pub mod async_bridge {}

/// `cargo run --release --example async_http`
///
#[doc = concat!("# main.rs\n\n`````rust\n", include_str!("../examples/async_http/main.rs"), "\n`````\n")]
#[doc = concat!("# client.rs\n\n`````rust\n", include_str!("../examples/async_http/client.rs"), "\n`````\n")]
#[doc = concat!("# server.rs\n\n`````rust\n", include_str!("../examples/async_http/server.rs"), "\n`````\n")]
pub mod async_http {}

/// `cargo run --release --example census`
///
#[doc = concat!("# main.rs\n\n`````rust\n", include_str!("../examples/census/main.rs"), "\n`````\n")]
#[doc = concat!("# analyse.rs\n\n`````rust\n", include_str!("../examples/census/analyse.rs"), "\n`````\n")]
#[doc = concat!("# console.rs\n\n`````rust\n", include_str!("../examples/census/console.rs"), "\n`````\n")]
#[doc = concat!("# options.rs\n\n`````rust\n", include_str!("../examples/census/options.rs"), "\n`````\n")]
#[doc = concat!("# places.rs\n\n`````rust\n", include_str!("../examples/census/places.rs"), "\n`````\n")]
#[doc = concat!("# read.rs\n\n`````rust\n", include_str!("../examples/census/read.rs"), "\n`````\n")]
#[doc = concat!("# report.rs\n\n`````rust\n", include_str!("../examples/census/report.rs"), "\n`````\n")]
#[doc = concat!("# survey.rs\n\n`````rust\n", include_str!("../examples/census/survey.rs"), "\n`````\n")]
#[doc = concat!("# tally.rs\n\n`````rust\n", include_str!("../examples/census/tally.rs"), "\n`````\n")]
#[doc = concat!("# walk.rs\n\n`````rust\n", include_str!("../examples/census/walk.rs"), "\n`````\n")]
pub mod census {}

/// `cargo run --release --example connection_per_thread`
///
#[doc = concat!("`````rust\n", include_str!("../examples/connection_per_thread.rs"), "\n`````\n")]
pub mod connection_per_thread {}

/// `cargo run --release --example digest`
///
#[doc = concat!("# main.rs\n\n`````rust\n", include_str!("../examples/digest/main.rs"), "\n`````\n")]
#[doc = concat!("# lines.rs\n\n`````rust\n", include_str!("../examples/digest/lines.rs"), "\n`````\n")]
#[doc = concat!("# options.rs\n\n`````rust\n", include_str!("../examples/digest/options.rs"), "\n`````\n")]
#[doc = concat!("# parts.rs\n\n`````rust\n", include_str!("../examples/digest/parts.rs"), "\n`````\n")]
#[doc = concat!("# pipeline.rs\n\n`````rust\n", include_str!("../examples/digest/pipeline.rs"), "\n`````\n")]
#[doc = concat!("# room.rs\n\n`````rust\n", include_str!("../examples/digest/room.rs"), "\n`````\n")]
#[doc = concat!("# summary.rs\n\n`````rust\n", include_str!("../examples/digest/summary.rs"), "\n`````\n")]
#[doc = concat!("# walk.rs\n\n`````rust\n", include_str!("../examples/digest/walk.rs"), "\n`````\n")]
pub mod digest {}

/// `cargo run --release --example generators`
///
#[doc = concat!("`````rust\n", include_str!("../examples/generators.rs"), "\n`````\n")]
pub mod generators {}

/// `cargo run --release --example green_threads`
///
#[doc = concat!("`````rust\n", include_str!("../examples/green_threads.rs"), "\n`````\n")]
pub mod green_threads {}

/// `cargo run --release --example ipv6`
///
#[doc = concat!("`````rust\n", include_str!("../examples/ipv6.rs"), "\n`````\n")]
pub mod ipv6 {}

/// `cargo run --release --example lock_step`
///
#[doc = concat!("`````rust\n", include_str!("../examples/lock_step.rs"), "\n`````\n")]
pub mod lock_step {}

/// `cargo run --release --example manager`
///
#[doc = concat!("`````rust\n", include_str!("../examples/manager.rs"), "\n`````\n")]
pub mod manager {}

/// `cargo run --release --example nonblocking_sockets`
///
#[doc = concat!("`````rust\n", include_str!("../examples/nonblocking_sockets.rs"), "\n`````\n")]
pub mod nonblocking_sockets {}

/// `cargo run --release --example process_basics`
///
#[doc = concat!("`````rust\n", include_str!("../examples/process_basics.rs"), "\n`````\n")]
pub mod process_basics {}

/// `cargo run --release --example process_pool_primes`
///
#[doc = concat!("`````rust\n", include_str!("../examples/process_pool_primes.rs"), "\n`````\n")]
pub mod process_pool_primes {}

/// `cargo run --release --example property_test_shutdown`
///
#[doc = concat!("`````rust\n", include_str!("../examples/property_test_shutdown.rs"), "\n`````\n")]
pub mod property_test_shutdown {}

/// `cargo run --release --example queue_and_pipe`
///
#[doc = concat!("`````rust\n", include_str!("../examples/queue_and_pipe.rs"), "\n`````\n")]
pub mod queue_and_pipe {}

/// `cargo run --release --example render`
///
#[doc = concat!("# main.rs\n\n`````rust\n", include_str!("../examples/render/main.rs"), "\n`````\n")]
#[doc = concat!("# fractal.rs\n\n`````rust\n", include_str!("../examples/render/fractal.rs"), "\n`````\n")]
#[doc = concat!("# picture.rs\n\n`````rust\n", include_str!("../examples/render/picture.rs"), "\n`````\n")]
pub mod render {}

/// `cargo run --release --example thread_pool_urls`
///
#[doc = concat!("`````rust\n", include_str!("../examples/thread_pool_urls.rs"), "\n`````\n")]
pub mod thread_pool_urls {}

/// `cargo run --release --example threaded_tcp_server`
///
#[doc = concat!("# main.rs\n\n`````rust\n", include_str!("../examples/threaded_tcp_server/main.rs"), "\n`````\n")]
#[doc = concat!("# server.rs\n\n`````rust\n", include_str!("../examples/threaded_tcp_server/server.rs"), "\n`````\n")]
pub mod threaded_tcp_server {}

/// `cargo run --release --example threads`
///
#[doc = concat!("`````rust\n", include_str!("../examples/threads.rs"), "\n`````\n")]
pub mod threads {}

/// `cargo run --release --example timer`
///
#[doc = concat!("`````rust\n", include_str!("../examples/timer.rs"), "\n`````\n")]
pub mod timer {}

/// `cargo run --release --example udp_echo`
///
#[doc = concat!("`````rust\n", include_str!("../examples/udp_echo.rs"), "\n`````\n")]
pub mod udp_echo {}

/// `cargo run --release --example unix_sockets`
///
#[doc = concat!("`````rust\n", include_str!("../examples/unix_sockets.rs"), "\n`````\n")]
pub mod unix_sockets {}
