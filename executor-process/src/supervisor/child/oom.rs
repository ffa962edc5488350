//! Whether the kernel has killed a child because memory ran out. It does so by SIGKILL, as any process may, and tells the child's parent
//! nothing more; but it counts its kills in each memory cgroup.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// The cause of a SIGKILL, if the count has risen.
pub(super) const LIKELY: &str = "most likely by the kernel's OOM killer, because memory ran out; raise the memory \
                                 limit of its cgroup, or run fewer jobs at once";

/// The cause, if there is no count.
const POSSIBLE: &str = "perhaps by the kernel's OOM killer: see `dmesg`";

/// A count of such kills, as it was when the child was started.
pub(super) struct OomKills(Option<(PathBuf, u64)>);

impl OomKills {
    /// Of the cgroup of the process `pid`, or else of the whole machine.
    pub(super) fn around(pid: u32) -> Self {
        /// The groups of the last child, and their file. Most often, those of the next one are the same.
        static LAST: Mutex<Option<(String, PathBuf)>> = Mutex::new(None);
        let groups = text_of(Path::new(&format!("/proc/{pid}/cgroup"))).unwrap_or_default();
        // Tried only: a fork may have left it locked.
        let mut last = LAST.try_lock();
        let known = last.as_deref().and_then(Option::as_ref).filter(|(known, _)| *known == groups);
        let known = known.map(|(_, counter)| Self::of(counter.clone()));
        // The file may be gone.
        known.filter(|known| known.0.is_some()).unwrap_or_else(|| {
            let kills = Self::among(&groups, Path::new("/sys/fs/cgroup"), Path::new("/proc/vmstat"));
            if let (Some(last), Some((counter, _))) = (&mut last, &kills.0) {
                **last = Some((groups, counter.clone()));
            }
            kills
        })
    }

    /// `groups` is what the kernel says of a process (cgroups(7)).
    fn among(groups: &str, mount: &Path, machine: &Path) -> Self {
        Self::of(counter(groups, mount).unwrap_or_else(|| machine.to_owned()))
    }

    fn of(counter: PathBuf) -> Self {
        Self(count(&counter).map(|before| (counter, before)))
    }

    /// Why a child was killed that this process has not killed, as far as the kernel tells. `None` if the kernel did not kill it.
    pub(super) fn why_killed(&self) -> Option<&'static str> {
        let risen = self.0.as_ref().and_then(|(counter, before)| Some(count(counter)? > *before));
        match risen {
            Some(true) => Some(LIKELY),
            Some(false) => None,
            None => Some(POSSIBLE),
        }
    }
}

/// The file that counts for a process of these `groups`: of the nearest one around it that has memory accounted for, in either version
/// of cgroups. Where a container sees its own groups only, that is the outermost one.
fn counter(groups: &str, mount: &Path) -> Option<PathBuf> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next()?, fields.next()?.trim_start_matches('/'));
        let (mount, file) = match controllers {
            "" => (mount.to_owned(), "memory.events"),
            _ if controllers.split(',').any(|name| name == "memory") => (mount.join("memory"), "memory.oom_control"),
            _ => return None,
        };
        let group = mount.join(group);
        let around = group.ancestors().take_while(|group| group.starts_with(&mount));
        around.map(|group| group.join(file)).find(|file| file.is_file())
    })
}

/// The text of a file of the kernel, whose size is not known before it is read.
fn text_of(file: &Path) -> Option<String> {
    let mut text = String::with_capacity(1024);
    File::open(file).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// More than the kernel has to say.
const MOST: u64 = 1 << 20;

fn count(file: &Path) -> Option<u64> {
    let text = text_of(file)?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::fs;

    use super::*;

    /// A file system of cgroups, gone with it.
    struct Mount(PathBuf);

    impl Mount {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("executor-oom-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn write(&self, file: &str, text: &str) {
            let file = self.0.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }

        fn kills(&self, groups: &str) -> OomKills {
            OomKills::among(groups, &self.0, &self.0.join("vmstat"))
        }
    }

    impl Drop for Mount {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    const BEFORE: &str = "low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n";
    const AFTER: &str = "low 0\nhigh 0\nmax 9\noom 4\noom_kill 3\noom_group_kill 0\n";

    #[test]
    fn a_count_that_has_risen_names_memory() {
        let mount = Mount::new("risen");
        mount.write("app/memory.events", BEFORE);
        let kills = mount.kills("0::/app\n");
        assert_eq!(kills.why_killed(), None, "it was somebody else");
        mount.write("app/memory.events", AFTER);
        assert_eq!(kills.why_killed(), Some(LIKELY));
    }

    #[test]
    fn the_nearest_group_that_counts_is_asked() {
        let mount = Mount::new("nearest");
        mount.write("app/memory.events", BEFORE);
        mount.write("memory/jobs/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
        let file = |groups| counter(groups, &mount.0).map(|file| file.strip_prefix(&mount.0).unwrap().to_owned());
        assert_eq!(file("0::/app/inner/most\n"), Some("app/memory.events".into()));
        let old = "4:cpu,memory:/jobs/one\n3:pids:/app\n0::/\n";
        assert_eq!(file(old), Some("memory/jobs/memory.oom_control".into()));
        assert_eq!(file("4:memory_too:/jobs\n0::/\n"), None);
        assert_eq!(file("0::/../elsewhere\n"), None);
        assert_eq!(file("nonsense"), None);
    }

    #[test]
    fn without_a_group_the_machine_is_asked_and_without_that_nobody_knows() {
        let mount = Mount::new("machine");
        let unknown = mount.kills("0::/\n");
        assert_eq!(unknown.why_killed(), Some(POSSIBLE));
        mount.write("vmstat", "pgfault 7\noom_kill 5\n");
        let kills = mount.kills("0::/\n");
        assert_eq!(kills.why_killed(), None);
        mount.write("vmstat", "pgfault 8\noom_kill 6\n");
        assert_eq!(kills.why_killed(), Some(LIKELY));
        fs::remove_file(mount.0.join("vmstat")).unwrap();
        assert_eq!(kills.why_killed(), Some(POSSIBLE), "it is gone");
    }

    #[test]
    fn this_machine_counts() {
        let kills = OomKills::around(std::process::id());
        assert!(kills.0.is_some_and(|(_, before)| before < u64::MAX));
    }
}
