//! Stdout: the tables, or one JSON document.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::console::shown;
use crate::options::Options;
use crate::survey::{READERS, Survey};
use crate::tally::Sums;

pub(crate) fn write(out: &mut dyn Write, options: &Options, survey: &Survey) -> io::Result<()> {
    if options.json { write_json(out, options, survey) } else { write_tables(out, options, survey) }
}

fn write_tables(
    out: &mut dyn Write,
    options: &Options,
    Survey { tally, times, is_complete, .. }: &Survey,
) -> io::Result<()> {
    let names = tally.crates.keys().map(|name| shown(Path::new(name)));
    let width = names.map(|name| name.chars().count()).chain([TOTAL.len()]).max().unwrap_or(0);
    writeln!(
        out,
        "{:width$} {:>7} {:>8} {:>9} {:>9} {:>7} {:>7} {:>7} {:>10}",
        "crate", "files", "unparsed", "lines", "functions", "unsafe", "panics", "deepest", "slowest"
    )?;
    for (name, sums) in &tally.crates {
        write_row(out, &shown(Path::new(name)), width, sums)?;
    }
    write_row(out, TOTAL, width, &tally.totals)?;

    writeln!(out, "\nmost unsafe blocks")?;
    for (count, name) in tally.most_unsafe.iter() {
        writeln!(out, "{count:>10}  {}", shown(name))?;
    }
    writeln!(out, "\nslowest to parse")?;
    for (time, name) in tally.slowest.iter() {
        writeln!(out, "{:>10}  {}", milliseconds(time), shown(name))?;
    }
    writeln!(
        out,
        "\nwalk {:.3} s, read {:.3} s on {READERS} threads, parse {:.3} s on {}; {:.3} s in all; {} failed",
        times.walk.as_secs_f64(),
        times.read.as_secs_f64(),
        times.parse.as_secs_f64(),
        options.place(),
        times.elapsed.as_secs_f64(),
        tally.totals.failed,
    )?;
    if !is_complete {
        writeln!(
            out,
            "\nThis is a part of {}: the time limit came before its end. `--all` surveys everything.",
            shown(&options.directory)
        )?;
    }
    Ok(())
}

const TOTAL: &str = "total";

fn write_row(out: &mut dyn Write, name: &str, width: usize, sums: &Sums) -> io::Result<()> {
    let Sums { files, unparsed, lines, functions, unsafe_blocks, panics, deepest, slowest, failed: _ } = sums;
    let slowest = milliseconds(*slowest);
    writeln!(
        out,
        "{name:width$} {files:>7} {unparsed:>8} {lines:>9} {functions:>9} {unsafe_blocks:>7} {panics:>7} {deepest:>7} {slowest:>10}",
    )
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// JSON has text only: a path that is not UTF-8 is given with replacement characters, and `"lossy": true`.
fn write_json(
    out: &mut dyn Write,
    options: &Options,
    Survey { tally, times, is_complete, .. }: &Survey,
) -> io::Result<()> {
    let crates: Vec<Value> = tally
        .crates
        .iter()
        .map(|(name, sums)| {
            let mut row = counts(sums);
            row["name"] = json!(name);
            row["slowest_seconds"] = json!(sums.slowest.as_secs_f64());
            row
        })
        .collect();
    let mut totals = counts(&tally.totals);
    totals["failed"] = json!(tally.totals.failed);
    let most_unsafe: Vec<Value> =
        tally.most_unsafe.iter().map(|(count, name)| file(name, "unsafe_blocks", json!(count))).collect();
    let slowest: Vec<Value> =
        tally.slowest.iter().map(|(time, name)| file(name, "seconds", json!(time.as_secs_f64()))).collect();
    let document = json!({
        "directory": path(&options.directory),
        "with": options.with.name(),
        "workers": options.workers,
        "complete": is_complete,
        "totals": totals,
        "crates": crates,
        "most_unsafe": most_unsafe,
        "slowest": slowest,
        "seconds": {
            "walk": times.walk.as_secs_f64(),
            "read": times.read.as_secs_f64(),
            "parse": times.parse.as_secs_f64(),
            "elapsed": times.elapsed.as_secs_f64(),
        },
    });
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn counts(sums: &Sums) -> Value {
    json!({
        "files": sums.files,
        "unparsed": sums.unparsed,
        "lines": sums.lines,
        "functions": sums.functions,
        "unsafe_blocks": sums.unsafe_blocks,
        "panics": sums.panics,
        "deepest": sums.deepest,
    })
}

fn file(name: &Path, key: &str, value: Value) -> Value {
    let mut file = path(name);
    file[key] = value;
    file
}

fn path(path: &Path) -> Value {
    json!({ "path": path.to_string_lossy(), "lossy": path.to_str().is_none() })
}
