//! Results that are larger than any buffer.

use executor::{Blob, call};

use super::pool;
use crate::support::alone;

const MIB: usize = 1 << 20;

/// Its first and last byte say that they are.
fn blob(bytes: usize) -> Blob {
    Blob::build(bytes, |memory| {
        memory[0] = 1;
        memory[bytes - 1] = 2;
    })
    .expect("there is memory")
}

fn text(bytes: usize) -> String {
    "some text, and more ".repeat(bytes / 20 + 1)[..bytes].to_owned()
}

fn empty() -> (Blob, Vec<u8>, String) {
    (Blob::default(), Vec::new(), String::new())
}

#[test]
fn a_blob_of_more_than_a_gigabyte_comes_back() {
    alone(a_blob_of_more_than_a_gigabyte_comes_back, || {
        let pool = pool(1);
        let bytes = 1280 * MIB;
        let blob = pool.submit(call!(blob(bytes))).result().unwrap();
        assert_eq!((blob.len(), blob[0], blob[bytes - 1]), (bytes, 1, 2));
        drop(blob);
        assert_eq!(pool.submit(call!(empty())).result().unwrap(), empty());
    });
}

#[test]
fn more_than_is_kept_comes_back_encoded() {
    alone(more_than_is_kept_comes_back_encoded, || {
        let pool = pool(1);
        let bytes = 130 * MIB;
        let text = pool.submit(call!(text(bytes))).result().unwrap();
        assert!(text.len() == bytes && text.as_bytes()[bytes - 20..].starts_with(b"some") == bytes.is_multiple_of(20));
        drop(text);
        assert_eq!(pool.submit(call!(empty())).result().unwrap(), empty());
    });
}
