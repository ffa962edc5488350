//! Tests against real servers. `executor-nats/servers.sh` installs one.

#![cfg(target_os = "linux")]

mod servers;
mod support;
