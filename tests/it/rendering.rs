//! The picture that the example `render` writes: decoded, and checked by mathematics of the test's own.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::examples::example;
use crate::support::{Directory, program, within_patience};

/// Odd sides, so that one pixel is the picture's very middle, and tiles are cut off at its edges.
const WIDTH: usize = 97;
const HEIGHT: usize = 65;
const BLACK: [u8; 3] = [0; 3];

struct Picture(Vec<[u8; 3]>);

impl Picture {
    fn at(&self, x: usize, y: usize) -> [u8; 3] {
        self.0[y * WIDTH + x]
    }
}

fn render(path: &Path, tile: usize) -> Picture {
    let options = [("--width", WIDTH), ("--height", HEIGHT), ("--tile", tile)];
    let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_string()]);
    let output = program::output(example("render").args(options).arg(path));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr, "", "nothing is drawn where there is no terminal");
    let tiles = WIDTH.div_ceil(tile) * HEIGHT.div_ceil(tile);
    let expected = format!("{WIDTH} x {HEIGHT} pixels, {tiles} tiles: {}\n", path.display());
    assert_eq!((output.status.success(), String::from_utf8_lossy(&output.stdout)), (true, expected.into()));
    decode(path)
}

fn decode(path: &Path) -> Picture {
    let file = BufReader::new(File::open(path).expect("the picture is there"));
    let mut reader = png::Decoder::new(file).read_info().expect("it is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("it is small")];
    let frame = reader.next_frame(&mut bytes).expect("it is whole");
    assert_eq!((frame.width as usize, frame.height as usize), (WIDTH, HEIGHT));
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Rgb, png::BitDepth::Eight));
    let (pixels, rest) = bytes.as_chunks();
    assert!(rest.is_empty());
    Picture(pixels.to_vec())
}

/// Inside of the set, as far as a thousand steps tell.
#[expect(clippy::cast_precision_loss, reason = "a picture has few pixels")]
fn is_inside(x: usize, y: usize) -> bool {
    let pixel = 3.5 / WIDTH as f64;
    let distance = |at: usize, length: usize| (at as f64 - (length - 1) as f64 / 2.0) * pixel;
    let (real, imaginary) = (distance(x, WIDTH) - 0.75, distance(y, HEIGHT));
    let step = |&(a, b): &(f64, f64)| Some((a * a - b * b + real, 2.0 * a * b + imaginary));
    std::iter::successors(Some((0.0, 0.0)), step).take(1000).all(|(a, b)| a.hypot(b) <= 16.0)
}

#[test]
fn the_picture_shows_the_set() {
    within_patience(|| {
        let directory = Directory::new();
        let picture = render(&directory.path().join("set.png"), 16);
        let places = || (0..HEIGHT).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        let wrong = places().find(|&(x, y)| (picture.at(x, y) == BLACK) != is_inside(x, y));
        assert_eq!(wrong, None, "black is what is inside");
        let lopsided = places().find(|&(x, y)| picture.at(x, y) != picture.at(x, HEIGHT - 1 - y));
        assert_eq!(lopsided, None, "the lower half mirrors the upper one");
        assert_eq!(picture.at(WIDTH / 2, HEIGHT / 2), BLACK, "-0.75 is where the two largest parts meet");
    });
}

#[test]
fn tiles_leave_no_seams() {
    within_patience(|| {
        let directory = Directory::new();
        let whole = render(&directory.path().join("whole.png"), WIDTH);
        for tile in [7, 64] {
            let path = directory.path().join(format!("{tile}.png"));
            assert!(render(&path, tile).0 == whole.0, "tiles of {tile} pixels make another picture");
        }
    });
}

#[test]
fn a_picture_that_cannot_be_written_is_an_error() {
    within_patience(|| {
        let directory = Directory::new();
        for (options, complaint) in [
            (&["--width", "0"][..], "a number of pixels from 1 to 65536 is expected"),
            (&["one.png", "two.png"], "unexpected argument \\\"two.png\\\""),
            (&[], "usage: render"),
            (&["--width", "1", "--height", "1", "nowhere/set.png"], "No such file or directory"),
        ] {
            let output = program::output(example("render").args(options).current_dir(directory.path()));
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && stderr.contains(complaint), "{options:?}: {stderr}");
        }
    });
}
