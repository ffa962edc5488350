//! Files of failed jobs: where they may lie, how much room they take, and that they hold the blobs of a job.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use executor::{Blob, JobError, Process, ProcessPool, Sender, call, channel};

use super::replay::{failure, keeping, replay, stdout, this};
use crate::support::{Directory, alone};

fn complain(about: String) {
    panic!("no {about}");
}

fn abort() {
    std::process::abort();
}

#[test]
fn unsafe_directories_are_refused() {
    let directory = Directory::new();
    let shared = directory.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
    for (path, why) in
        [(&*shared, "is writable by other users (mode 1777)"), (Path::new("/proc/nowhere"), "cannot be made: ")]
    {
        let error = ProcessPool::builder().processes(1).keep_failed(path).build().unwrap_err();
        assert_eq!(error.name(), "keep_failed");
        let start = format!("names {}, which {why}", path.display());
        assert!(error.problem().starts_with(&start), "{error}");
        let error = Process::builder().keep_failed(path).spawn(call!(abort())).unwrap_err();
        assert!(error.to_string().contains(&start), "{error}");
    }
}

#[test]
fn directories_lost_later_cost_only_files() {
    let directory = Directory::new();
    let path = directory.path().join("kept");
    let pool = keeping(&path);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "a file").unwrap();
    let error = pool.submit(call!(complain("luck".to_owned()))).result().unwrap_err();
    assert_eq!(error.saved(), None);
    let text = format!("{error:#}");
    let clause = format!("; the job could not be saved for a replay: {} cannot be made: ", path.display());
    assert!(text.contains(&format!(": no luck{clause}")), "{text}");
    let error = pool.submit(call!(abort())).result().unwrap_err();
    assert!(matches!(&error, JobError::Crashed(crash) if crash.signal() == Some("SIGABRT")), "{error}");
    assert!(format!("{error:#}").contains(&format!("; no other job is affected{clause}")), "{error:#}");
}

#[test]
fn full_directories_keep_no_more() {
    let directory = Directory::new();
    let pool = keeping(directory.path());
    // It takes no block of the disk.
    let full = directory.path().join("full.job");
    fs::File::create(&full).unwrap().set_len(1 << 30).unwrap();
    let fail = || pool.submit(call!(complain("luck".to_owned()))).result().unwrap_err();
    let error = fail();
    assert_eq!(error.saved(), None);
    let text = format!("{error:#}");
    assert!(text.contains(" is full: it holds at most 100 failed jobs and 1024 MiB; delete files "), "{text}");
    fs::remove_file(full).unwrap();
    assert!(fail().saved().is_some());
}

fn inspect((number, blobs): (u32, Vec<Blob>)) -> u64 {
    let sum: u64 = blobs.iter().flat_map(|blob| blob.iter()).map(|&byte| u64::from(byte)).sum();
    match number {
        1 => panic!("the blobs sum up to {sum}"),
        3 => {
            eprintln!("the blobs sum up to {sum}");
            std::process::abort()
        }
        _ => sum,
    }
}

/// Every item has a blob that all have, and one of its own.
#[test]
fn blobs_are_kept_and_given_back() {
    let directory = Directory::new();
    let blob = |byte: u8| Blob::from(vec![byte; 50_000]);
    let (shared, own) = (blob(1), blob(2));
    let builder = ProcessPool::builder().processes(1).keep_failed(directory.path());
    let pool = builder.initializer(call!(inspect((0, vec![shared.clone()])))).build().unwrap();
    let (_, alone) =
        failure(pool.submit(call!(inspect((1, vec![shared.clone(), own.clone(), shared.clone()])))).result());
    let items = (2..6).map(|number| (number, vec![shared.clone(), if number == 3 { own.clone() } else { blob(9) }]));
    let failed: Vec<_> = pool.map(items, inspect).chunk_size(4).filter_map(Result::err).collect();
    let [error] = &failed[..] else { panic!("{failed:?}") };
    let item = error.saved().unwrap_or_else(|| panic!("{error:#}"));
    for (file, sum) in [(&*alone, 200_000), (item, 150_000)] {
        let again = replay(this(), file);
        let all = format!("{again:?}");
        assert!(all.contains(&format!("the blobs sum up to {sum}")), "{all}\n{}", stdout(&again));
        // The initializer's and its own two, and none of other items.
        assert!((150_000..160_000).contains(&fs::metadata(file).unwrap().len()), "{}", file.display());
    }
}

fn send(to: Sender<u32>) {
    panic!("{:?}", to.send(1));
}

#[test]
fn jobs_with_channels_are_not_kept() {
    let directory = Directory::new();
    let (to, _from) = channel().unwrap();
    let error = keeping(directory.path()).submit(call!(send(to))).result().unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("; the job could not be saved for a replay: its arguments hold channels or handles of a manager"),
        "{text}"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn file_size_limits_cost_only_files() {
    alone(file_size_limits_cost_only_files, || {
        let directory = Directory::new();
        let pool = keeping(directory.path());
        // A worker is started, with its memory, before the limit is there.
        pool.submit(call!(complain(String::new()))).result().unwrap_err();
        let limit = libc::rlimit { rlim_cur: 1, rlim_max: libc::RLIM_INFINITY };
        // SAFETY: the limit is read, and not kept.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit) }, 0);
        let error = pool.submit(call!(complain("luck".to_owned()))).result().unwrap_err();
        assert!(matches!(&error, JobError::Panicked(_)), "{error}");
        assert!(format!("{error:#}").contains("cannot be written to: "), "{error:#}");
    });
}
