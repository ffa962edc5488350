//! The environment variable that measures every pool.

use std::env;
use std::process::Command;

use crate::support::boxed;
use executor::{Pool, RayonPool, ThreadPool};

const VARIABLE: &str = "EXECUTOR_MEASURE";

fn are_measured(pools: &[&dyn Pool]) -> Vec<bool> {
    pools.iter().map(|pool| pool.dump().is_measured && pool.stats().run.is_some()).collect()
}

#[test]
fn environment_measures_every_pool() {
    let threads = ThreadPool::builder().threads(1).measure(false).build().expect("a small pool");
    let rayon = RayonPool::builder().threads(1).build().expect("a small pool");
    let processes = executor::ProcessPool::new(1).expect("a small pool");
    let is_set = env::var_os(VARIABLE).is_some();
    assert_eq!(are_measured(&[&threads, &rayon, &processes]), [is_set; 3]);
    let handle = threads.handle();
    let place = line!() + 1;
    let running = threads.submit(boxed(move || handle.dump())).result().expect("it returns");
    let places: Vec<_> = running.running().filter_map(|job| Some(job.description.place?.line())).collect();
    assert_eq!(places, if is_set { vec![place] } else { Vec::new() });
    if is_set {
        return;
    }
    let path = std::any::type_name_of_val(&environment_measures_every_pool);
    let (_, name) = path.split_once("::").expect("a path starts with its crate");
    let program = env::current_exe().expect("this program has a path");
    let output = Command::new(program).args(["--exact", name]).env(VARIABLE, "1").output().expect("it can be run");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
