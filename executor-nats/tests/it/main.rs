//! Tests against real servers. `executor-nats/servers.sh` installs one.

#![cfg(target_os = "linux")]

mod contract;
mod hosts;
mod large_values;
mod many;
mod model;
mod no_worker;
mod permissions;
mod pool;
mod reattach;
mod removal;
mod resources;
mod rolling;
mod servers;
mod support;
