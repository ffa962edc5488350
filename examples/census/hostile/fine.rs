//! A file like any other, beside one that is not.

/// The result that the neighbour would have, if it could be parsed.
pub fn fine() -> u32 {
    let one: Result<u32, ()> = Ok(1);
    one.unwrap()
}
