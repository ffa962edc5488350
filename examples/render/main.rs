//! Draws the Mandelbrot set: one job per tile, in a pool of processes, with a progress bar.
//!
//! In Python: `with multiprocessing.Pool() as pool`, `for tile in tqdm(pool.imap_unordered(render, tiles), total=len(tiles))`,
//! `image.paste(tile, box)`, `image.save(path)`.
//!
//! `cargo run --release --example render -- mandelbrot.png`

mod fractal;
mod picture;

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;

use executor::ProcessPool;
use indicatif::{ProgressBar, ProgressIterator, ProgressStyle};

use fractal::{Tile, View, render};
use picture::Picture;

const USAGE: &str = "usage: render [--width PIXELS] [--height PIXELS] [--tile PIXELS] FILE.png";

struct Options {
    view: View,
    /// The length of a tile's sides: long enough that a job outweighs its way to the worker, short enough that all are busy to the end.
    tile: u32,
    path: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let tiles = Tile::cover(options.view, options.tile);
    let count = tiles.len() as u64;
    let mut picture = Picture::new(options.view.width, options.view.height);

    // Some tiles are all inside of the set, and take a hundred times as long as others. So each goes to a free worker, and is
    // painted when it is done.
    let pool = ProcessPool::default_size()?;
    let painted = pool.map(tiles.clone(), render).unordered().progress_with(bar(count)?);
    for (index, pixels) in painted {
        picture.paint(tiles[index], &pixels?);
    }
    picture.save(&options.path)?;
    println!("{} x {} pixels, {count} tiles: {}", picture.width, picture.height, options.path.display());
    Ok(())
}

/// Drawn on a terminal only; a file or a pipe has none of it.
fn bar(count: u64) -> Result<ProgressBar, Box<dyn Error>> {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} tiles, {eta} left")?;
    Ok(ProgressBar::new(count).with_style(style))
}

fn options() -> Result<Options, Box<dyn Error>> {
    use lexopt::prelude::{Long, Value, ValueExt};

    let (mut view, mut tile, mut path) = (View { width: 960, height: 640 }, 64, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("width") => view.width = arguments.value()?.parse_with(pixels)?,
            Long("height") => view.height = arguments.value()?.parse_with(pixels)?,
            Long("tile") => tile = arguments.value()?.parse_with(pixels)?,
            Value(file) if path.is_none() => path = Some(file),
            other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
        }
    }
    let path = path.map(OsString::into).ok_or(USAGE)?;
    Ok(Options { view, tile, path })
}

fn pixels(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|pixels| (1..=65_536).contains(pixels));
    number.ok_or_else(|| "a number of pixels from 1 to 65536 is expected".to_owned())
}
