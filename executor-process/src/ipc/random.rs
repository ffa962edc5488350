//! Random numbers of the system.

use rustix::rand::{GetRandomFlags, getrandom};

/// 128 unpredictable bits, in hexadecimal.
pub(crate) fn hex() -> Result<String, String> {
    bytes().map(|bytes| hex_of(&bytes))
}

/// 128 unpredictable bits.
pub(crate) fn bytes() -> Result<[u8; 16], String> {
    let mut bytes = [0_u8; 16];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(16) => Ok(bytes),
        Ok(_) => Err("the system has no random numbers".to_owned()),
        Err(error) => Err(format!("the system has no random numbers ({error})")),
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex_of(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A `String` takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
