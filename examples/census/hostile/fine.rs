//! A file like any other, beside one that is not.

/// What the neighbour would return, if anybody could parse it.
pub fn fine() -> u32 {
    let one: Result<u32, ()> = Ok(1);
    one.unwrap()
}
