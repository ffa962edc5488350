//! Tests against real servers. `executor-nats/servers.sh` installs one.

#![cfg(target_os = "linux")]

mod contract;
mod hosts;
mod large_values;
mod model;
mod no_worker;
mod pool;
mod reattach;
mod removal;
mod resources;
mod servers;
mod support;
