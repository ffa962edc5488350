//! Tests against real servers. `executor-nats/servers.sh` installs one.

#![cfg(target_os = "linux")]

mod batch_faults;
mod batches;
mod chaos;
mod contract;
mod credentials;
mod faults_clusters;
mod faults_hosts;
mod faults_servers;
mod faults_submitters;
mod forged;
mod hosts;
mod large_values;
mod limits;
mod local_pools;
mod many;
mod model;
mod no_worker;
mod outage;
mod permissions;
mod pool;
mod reattach;
mod removal;
mod resources;
mod rolling;
mod servers;
mod settings;
mod support;
