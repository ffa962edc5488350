//! The picture, in memory and as a file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use png::{BitDepth, ColorType, Encoder};

use crate::fractal::Tile;

const BYTES_PER_PIXEL: usize = 3;

pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    bytes: Vec<u8>,
}

impl Picture {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height, bytes: vec![0; width as usize * height as usize * BYTES_PER_PIXEL] }
    }

    /// Puts the tile where it belongs, row by row.
    pub(crate) fn paint(&mut self, tile: Tile, pixels: &[u8]) {
        let length = tile.width as usize * BYTES_PER_PIXEL;
        for (y, row) in (tile.top..).zip(pixels.chunks_exact(length)) {
            let start = (y as usize * self.width as usize + tile.left as usize) * BYTES_PER_PIXEL;
            self.bytes[start..start + length].copy_from_slice(row);
        }
    }

    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = Encoder::new(file, self.width, self.height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.bytes)?;
        // Its drop would not report that the disk is full.
        writer.finish()?;
        Ok(())
    }
}
