//! The job: which colour each pixel of a tile has. It knows nothing of pools and files.

use serde::{Deserialize, Serialize};

/// A point that has not escaped after these steps is taken to be inside.
const STEPS: u32 = 1000;

/// Width of the part of the plane that the picture shows. Its centre is at -0.75.
const SPAN: f64 = 3.5;

/// The picture that the tiles are of.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A part of the picture, in pixels.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Tile {
    view: View,
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Tile {
    /// All of the picture, row by row. Those at its right and its lower edge may be smaller.
    pub(crate) fn cover(view: View, side: u32) -> Vec<Self> {
        let starts = |length: u32| (0..length).step_by(side as usize);
        let at = |left: u32, top: u32| {
            let (width, height) = (side.min(view.width - left), side.min(view.height - top));
            Self { view, left, top, width, height }
        };
        starts(view.height).flat_map(|top| starts(view.width).map(move |left| at(left, top))).collect()
    }
}

/// Red, green, blue of each pixel, row by row.
pub(crate) fn render(tile: Tile) -> Vec<u8> {
    let Tile { view, left, top, width, height } = tile;
    let pixel = SPAN / f64::from(view.width);
    // From the middle of the picture to the middle of the pixel: exact, so the upper half mirrors the lower one.
    let distance = |at: u32, length: u32| (f64::from(at) - f64::from(length - 1) / 2.0) * pixel;
    let point = |x: u32, y: u32| (distance(x, view.width) - 0.75, distance(y, view.height));
    let pixels = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| colour(escape(point(x, y)))).collect()
}

/// After how many steps of `z = z² + c` the point is known to go to infinity, in fractions of a step, so that the colours have no
/// edges; `None` where it does not in time.
fn escape((cx, cy): (f64, f64)) -> Option<f64> {
    let (mut x, mut y) = (0.0_f64, 0.0_f64);
    for step in 0..STEPS {
        let (xx, yy) = (x * x, y * y);
        if xx + yy > 256.0 {
            return Some((f64::from(step) - f64::log2((xx + yy).ln() / f64::ln(256.0))).max(0.0));
        }
        (x, y) = (xx - yy + cx, 2.0 * x * y + cy);
    }
    None
}

/// Black inside; outside, a wave for each of red, green and blue.
fn colour(escaped: Option<f64>) -> [u8; 3] {
    let Some(steps) = escaped else { return [0; 3] };
    let angle = 0.35 * (steps + 1.0).sqrt() * std::f64::consts::TAU;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 255")]
    let wave = |phase: f64| (127.5 * (1.0 - f64::cos(angle + phase))) as u8;
    [wave(0.0), wave(0.5), wave(1.0)]
}
