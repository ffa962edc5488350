//! Tests against real servers. `executor-nats/servers.sh` installs one.

#![cfg(target_os = "linux")]

mod contract;
mod model;
mod no_worker;
mod pool;
mod servers;
mod support;
