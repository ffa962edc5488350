//! Draws `docs/pictures`, and what rustdoc shows of them.

mod canvas;
mod scenes;

use std::path::Path;
use std::{fs, io};

/// Pictures that are not drawn here: what a program has recorded.
const RECORDED: [&str; 1] = ["timeline"];

/// The files with their contents, by path from the root of the repository.
fn files(root: &Path) -> io::Result<Vec<(String, String)>> {
    let path = |name: &str| format!("docs/pictures/{name}.svg");
    let recorded = RECORDED.map(|name| Ok((name, fs::read_to_string(root.join(path(name)))?)));
    let recorded: Vec<_> = recorded.into_iter().collect::<io::Result<_>>()?;
    let mut files = Vec::new();
    let mut links = String::new();
    for (name, svg) in scenes::all().into_iter().chain(recorded) {
        links.extend(["[picture-", name, "]: data:image/svg+xml;base64,", &base64(svg.as_bytes()), "\n"]);
        files.push((path(name), svg));
    }
    // rustdoc copies no files of a page: there, the label of a picture means the picture itself.
    files.push(("docs/rustdoc_pictures.md".to_owned(), links + "\n"));
    Ok(files)
}

/// Writes the pictures.
pub(crate) fn write(root: &Path) -> io::Result<()> {
    fs::create_dir_all(root.join("docs/pictures"))?;
    for (path, text) in files(root)? {
        fs::write(root.join(path), text)?;
    }
    Ok(())
}

/// The files that are not as they would be drawn now.
pub(crate) fn changed(root: &Path) -> io::Result<Vec<String>> {
    let is_current =
        |(path, text): &(String, String)| fs::read_to_string(root.join(path)).is_ok_and(|there| there == *text);
    Ok(files(root)?.into_iter().filter(|file| !is_current(file)).map(|(path, _)| path).collect())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().chain([0, 0].iter()).take(3).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > group.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    /// The examples of RFC 4648, section 10.
    #[test]
    fn base64_pads_the_last_group() {
        for (text, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }
}
