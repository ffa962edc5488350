use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;

/// A directory of its own, gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("executor-store-{}", random::hex().unwrap()));
        fs::create_dir(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    fn names(&self) -> Vec<String> {
        fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn set_mode(&self, mode: u32) {
        fs::set_permissions(&self.0, fs::Permissions::from_mode(mode)).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn refusal(path: &Path) -> String {
    Store::open(path).err().expect("it is refused")
}

#[test]
fn missing_directories_are_made_private() {
    let scratch = Scratch::new();
    let path = scratch.0.join("state/failed");
    Store::open(&path).unwrap();
    for made in [&*path, path.parent().unwrap()] {
        assert_eq!(fs::metadata(made).unwrap().mode() & 0o7777, 0o700, "{}", made.display());
    }
}

#[test]
fn directories_others_can_write_are_refused() {
    let scratch = Scratch::new();
    for mode in [0o777, 0o1777, 0o720, 0o702] {
        scratch.set_mode(mode);
        let text = refusal(&scratch.0);
        assert!(text.starts_with(&format!("is writable by other users (mode {mode:o})")), "{text}");
    }
    for mode in [0o700, 0o755] {
        scratch.set_mode(mode);
        Store::open(&scratch.0).unwrap();
    }
}

#[test]
fn directories_of_others_are_refused() {
    assert_eq!(check(1000, 1000, 0o700), Ok(()));
    let text = check(1000, 0, 0o700).unwrap_err();
    assert!(
        text.starts_with("belongs to user 1000, ") && text.contains("this process runs as user 0; use a "),
        "{text}"
    );
}

#[test]
fn links_and_files_are_no_directories() {
    let scratch = Scratch::new();
    let (own, link, file) = (scratch.0.join("own"), scratch.0.join("link"), scratch.0.join("file"));
    Store::open(&own).unwrap();
    symlink(&own, &link).unwrap();
    fs::write(&file, "").unwrap();
    let text = refusal(&link);
    assert!(text.starts_with("is a symbolic link, "), "{text}");
    let named = super::super::directory(Some(&link.join(""))).unwrap_err();
    assert!(named.to_string().starts_with("cannot build the pool: `keep_failed` names "), "{named}");
    assert!(named.to_string().contains("is a symbolic link, "), "a slash at its end follows none: {named}");
    let text = refusal(&file);
    assert!(text.starts_with("cannot be made: "), "{text}");
}

#[test]
fn names_are_random_and_private() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.0).unwrap();
    let paths: Vec<_> = (0..3).map(|_| store.keep("job-7", &[b"a", b"bc"], BOUNDS).unwrap()).collect();
    for path in &paths {
        assert_eq!(fs::read(path).unwrap(), b"abc");
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o7777, 0o600);
        let name = path.file_name().unwrap().to_str().unwrap();
        let random = name.strip_prefix("job-7-").and_then(|rest| rest.strip_suffix(".job")).unwrap();
        assert!(random.len() == 16 && random.bytes().all(|digit| digit.is_ascii_hexdigit()), "{name}");
    }
    assert!(paths[0] != paths[1] && paths[1] != paths[2] && paths[0] != paths[2]);
    assert_eq!(scratch.names().len(), 3, "nothing else is left there");
}

#[test]
fn files_and_bytes_are_bounded() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.0).unwrap();
    let bounds = Bounds { files: 3, bytes: 10 };
    fs::write(scratch.0.join("of somebody else.txt"), [0; 100]).unwrap();
    let keep = |len: usize| store.keep("job", &[&vec![1; len]], bounds);
    keep(4).unwrap();
    let text = keep(7).unwrap_err();
    assert!(text.starts_with("is full: it holds at most 3 failed jobs and "), "{text}");
    keep(6).unwrap();
    keep(0).unwrap();
    keep(0).unwrap_err();
    assert_eq!(scratch.names().len(), 4, "nothing is left of those that found no room");
    let kept = scratch.names().into_iter().find(|name| name.starts_with("job-")).unwrap();
    fs::remove_file(scratch.0.join(kept)).unwrap();
    keep(0).unwrap();
}
