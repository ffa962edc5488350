//! Counts the lines of every file below a directory, with progress on stderr.
//!
//!     cargo run --release --example progress -- [DIRECTORY]
//!
//! A `JobSet` finds the folders; its bar grows with them. Then a `map` over the folders has a bar, and so has the `map` over
//! the files of each folder. Without a terminal, as in CI, there are no bars, but a line at every tenth of the way.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs, io};

use executor::{JobError, JobSet, ThreadPool};
use indicatif::{MultiProgress, ProgressBar, ProgressIterator, ProgressStyle};

/// As `tqdm` draws it: description, percentage, bar, done/all, elapsed<left, rate.
const TEMPLATE: &str = "{prefix:20!} {percent:>3}%|{wide_bar}| {pos}/{len} [{elapsed}<{eta}, {per_sec:1}]";

/// A folder, and the files in it.
type Folder = (PathBuf, Vec<PathBuf>);

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let (pool, bars) = (ThreadPool::default(), MultiProgress::new());
    let folders = find(&pool, &bars, root)?;
    let (count, lines) = (folders.len(), count(&pool, &bars, folders)?);
    println!("{count} folders, {lines} lines");
    Ok(())
}

/// A bar that is drawn at once, and not only when the first item has ended.
fn bar(bars: &MultiProgress, len: usize, name: String) -> Result<ProgressBar, Box<dyn Error>> {
    let style = ProgressStyle::with_template(TEMPLATE)?.progress_chars("█▉▊▋▌▍▎▏ ");
    let bar = bars.add(ProgressBar::new(len as u64).with_style(style).with_prefix(name));
    bar.tick();
    Ok(bar)
}

/// Where no bar is drawn, a line at every tenth of the way.
fn log(bar: &ProgressBar) {
    let (done, all) = (bar.position(), bar.length().unwrap_or_default().max(1));
    if bar.is_hidden() && done * 10 / all > done.saturating_sub(1) * 10 / all {
        eprintln!("{}: {done} of {all}", bar.prefix());
    }
}

/// The files of each folder from `root` on. A folder that cannot be read costs a line.
fn find(pool: &ThreadPool, bars: &MultiProgress, root: PathBuf) -> Result<Vec<Folder>, Box<dyn Error>> {
    let (mut set, mut paths, mut found) = (JobSet::new(), Vec::new(), Vec::new());
    let bar = bar(bars, 0, "finding".to_owned())?;
    let mut waiting = vec![root];
    loop {
        for path in waiting.drain(..) {
            paths.push(path.clone());
            set.insert(pool.submit(move || content(&path)));
            bar.inc_length(1);
        }
        let Some((index, outcome)) = set.next() else { return Ok(found) };
        bar.inc(1);
        match outcome? {
            Ok((folders, files)) => {
                waiting = folders;
                found.push((paths[index].clone(), files));
            }
            Err(error) => bars.suspend(|| eprintln!("{}: {error}", paths[index].display())),
        }
    }
}

/// The folders in a folder, and its files.
fn content(path: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            folders.push(entry.path());
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok((folders, files))
}

/// The lines of all files. The outer map and the inner ones share the pool.
fn count(pool: &ThreadPool, bars: &MultiProgress, folders: Vec<Folder>) -> Result<usize, Box<dyn Error>> {
    let outer = bar(bars, folders.len(), "folders".to_owned())?;
    outer.enable_steady_tick(Duration::from_millis(100)); // so that its times go on while no folder ends
    let (handle, inner) = (pool.handle(), bars.clone());
    let one_folder = move |(folder, files): Folder| {
        let name = short(&folder);
        let bar = bar(&inner, files.len(), name).expect("the template is a constant");
        handle.map(files, |file| lines(&file)).progress_with(bar).sum::<Result<usize, JobError>>()
    };
    let mut sum = 0;
    for (_, lines) in pool.map(folders, one_folder).unordered().progress_with(outer.clone()) {
        sum += lines??;
        log(&outer);
    }
    Ok(sum)
}

/// The last two names of a path.
fn short(path: &Path) -> String {
    let names: Vec<_> = path.iter().map(|name| name.to_string_lossy()).collect();
    names[names.len().saturating_sub(2)..].join("/")
}

/// A file that cannot be read has no lines.
fn lines(file: &Path) -> usize {
    let bytes = fs::read(file).unwrap_or_default();
    bytes.split_inclusive(|&byte| byte == b'\n').count()
}
