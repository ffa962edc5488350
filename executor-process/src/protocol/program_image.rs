//! Functions as offsets in the program's image. Unsafe, because it reads the image, and makes functions from offsets.
//!
//! Parent and worker run the same file, loaded at different addresses: what they agree on is the distance from the
//! image's base. Both sides check the build before the first offset is sent, and each offset before it is called.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::with_exposed_provenance;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::ipc::random::hex_of;

/// The file that workers are started from.
pub(crate) const EXECUTABLE: &str = "/proc/self/exe";

/// Why no worker can be started from there.
pub(crate) fn lacks(executable: &Path) -> Option<&'static str> {
    let is_missing = fs::symlink_metadata(executable).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    is_missing
        .then_some("does not exist, but workers are started from it; mount /proc, also in a chroot or a container")
}

/// A function's distance from the image's base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::unsafe_derive_deserialize, reason = "the offset is checked against the code when it is used")]
pub(crate) struct Offset(usize);

impl Offset {
    /// `None` if there is no code of the program's own file.
    pub(crate) fn of(address: usize) -> Option<Self> {
        let image = image();
        image.holds_code(address).then(|| Self(address.wrapping_sub(image.base)))
    }

    /// `None` if there is no code of the program's own file, in a process that runs the same one.
    pub(crate) fn address(self) -> Option<usize> {
        let image = image();
        let address = image.base.wrapping_add(self.0);
        image.holds_code(address).then_some(address)
    }
}

/// A pointer to the program's code. The loader has mapped it, outside of what Rust knows of, which counts as exposed; casts of `fn` pointers to
/// numbers, as in [`Offset::of`], expose them, too.
pub(crate) fn code(address: usize) -> *const () {
    with_exposed_provenance(address)
}

/// The distance of an address from the image's base, if it is in the program's own code. Async-signal-safe, once it was called before.
pub(crate) fn own(address: usize) -> Option<usize> {
    let image = image();
    image.holds_code(address).then(|| address.wrapping_sub(image.base))
}

/// The address of a distance from the image's base, if it is in the program's own code.
pub(crate) fn address_of(distance: usize) -> Option<usize> {
    Offset(distance).address()
}

/// The distance of a value from the image's base, if it is a constant in the program's own file.
pub(crate) fn distance_of_constant<T>(value: &'static T) -> Option<usize> {
    let image = image();
    let distance = (&raw const *value).expose_provenance().wrapping_sub(image.base);
    constant_at::<T>(distance).is_some().then_some(distance)
}

/// The place of `T`'s size and alignment at that distance from the image's base, if all of it is memory of the program's own file that
/// can be read, and neither written to nor executed. The bytes there may be anything, but they never change.
pub(crate) fn constant_at<T>(distance: usize) -> Option<*const T> {
    let image = image();
    let start = image.base.wrapping_add(distance);
    let end = start.checked_add(size_of::<T>())?;
    let is_constant = image.constants.iter().any(|range| range.start <= start && end <= range.end);
    (is_constant && start.is_multiple_of(align_of::<T>())).then(|| with_exposed_provenance(start))
}

/// The program's own file, as it is loaded.
#[derive(Default)]
struct Image {
    base: usize,
    code: Vec<Range<usize>>,
    /// Memory that can only be read: the loader has made it so after it was done with relocations.
    constants: Vec<Range<usize>>,
    build_id: Option<String>,
}

impl Image {
    fn holds_code(&self, address: usize) -> bool {
        self.code.iter().any(|range| range.contains(&address))
    }
}

/// How far the end of the program's constants is from the image's base.
#[cfg(all(test, not(loom)))]
pub(crate) fn end_of_constants() -> usize {
    let image = image();
    image.constants.iter().map(|range| range.end.wrapping_sub(image.base)).max().unwrap_or_default()
}

/// The place of this copy of the crate in the program's own image, the same in all processes that run the program.
///
/// `None` for the copy in a shared library that is linked or preloaded: it neither starts workers nor serves as one, since the program's
/// state and constructors are not its own, and the program's copy may be of another version.
pub(crate) fn place() -> Option<usize> {
    // Each copy has its own static there, so no linker makes one function of two.
    let anchor: fn() -> &'static Image = image;
    own(anchor as usize)
}

#[inline(never)]
fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut image = Image::default();
        // SAFETY: the callback is called during this call only, with the pointer that is passed here.
        unsafe { libc::dl_iterate_phdr(Some(read_first), (&raw mut image).cast::<c_void>()) };
        image
    })
}

/// The first object is the program itself (`dl_iterate_phdr(3)`); no other is looked at.
unsafe extern "C" fn read_first(info: *mut libc::dl_phdr_info, _: usize, image: *mut c_void) -> c_int {
    // SAFETY: both pointers are valid during the call: `info` by the contract of dl_iterate_phdr, `image` by `image()`.
    let (info, image) = unsafe { (&*info, &mut *image.cast::<Image>()) };
    image.base = usize::try_from(info.dlpi_addr).unwrap_or_default();
    // SAFETY: the loader keeps that many program headers there, as long as the program runs.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    for header in headers {
        let start = image.base.wrapping_add(usize::try_from(header.p_vaddr).unwrap_or_default());
        let len = usize::try_from(header.p_memsz).unwrap_or_default();
        if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0 {
            image.code.push(start..start + len);
        }
        let is_read_only = header.p_type == libc::PT_LOAD && header.p_flags == libc::PF_R;
        if is_read_only || header.p_type == libc::PT_GNU_RELRO {
            image.constants.push(start..start + len);
        }
        if header.p_type == libc::PT_NOTE && image.build_id.is_none() {
            // SAFETY: a note segment is part of a loaded one, so it is mapped and readable, and no code writes to it.
            image.build_id = build_id_in(unsafe { std::slice::from_raw_parts(with_exposed_provenance(start), len) });
        }
    }
    1
}

/// The descriptor of the note `NT_GNU_BUILD_ID`, in hexadecimal (elf(5), "Notes").
fn build_id_in(mut notes: &[u8]) -> Option<String> {
    const NT_GNU_BUILD_ID: usize = 3;
    let word = |bytes: &[u8], at: usize| -> Option<usize> {
        let word = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(word)).ok()
    };
    loop {
        let (name_len, len, kind) = (word(notes, 0)?, word(notes, 4)?, word(notes, 8)?);
        let start = 12 + name_len.next_multiple_of(4);
        let descriptor = notes.get(start..start.checked_add(len)?)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..16) == Some(b"GNU\0") {
            return Some(hex_of(descriptor));
        }
        notes = notes.get(start + len.next_multiple_of(4)..)?;
    }
}

/// A text unique to this build of this program.
pub(crate) fn build() -> String {
    format!("{} {}", env!("CARGO_PKG_VERSION"), identity())
}

/// The linker's build id of the program. `None` if the linker was told to leave none (`--build-id=none`).
pub(crate) fn build_id() -> Option<&'static str> {
    image().build_id.as_deref()
}

/// The linker's build id of the program, or which file it is where the linker was told to leave none (`--build-id=none`).
pub(crate) fn identity() -> String {
    match build_id() {
        Some(id) => id.to_owned(),
        None => match fs::metadata(EXECUTABLE) {
            Ok(file) => format!(
                "file {}:{} of {} bytes at {}.{:09}",
                file.dev(),
                file.ino(),
                file.size(),
                file.mtime(),
                file.mtime_nsec()
            ),
            Err(error) => format!("unknown ({error})"),
        },
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn address_outside_code_is_no_function() {
        assert!(Offset(usize::MAX).address().is_none());
        let data = 7_u8;
        assert!(Offset::of((&raw const data).addr()).is_none());
        assert!(Offset::of(libc::getpid as *const () as usize).is_none(), "the C library is another file");
    }

    #[test]
    fn missing_proc_is_told() {
        assert_eq!(lacks(Path::new(EXECUTABLE)), None);
        let text = lacks(Path::new("/nowhere/self/exe")).expect("it is not there");
        assert!(text.contains("mount /proc"), "{text}");
    }

    #[test]
    fn a_build_id_is_found_behind_other_notes() {
        let note = |name: &[u8; 4], kind: u32, descriptor: &[u8]| {
            let len = u32::try_from(descriptor.len()).unwrap();
            let mut bytes = [4_u32.to_ne_bytes(), len.to_ne_bytes(), kind.to_ne_bytes()].concat();
            bytes.extend(name);
            bytes.extend(descriptor);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        };
        let notes =
            [note(b"GNU\0", 1, &[0; 16]), note(b"Go\0\0", 3, b"no"), note(b"GNU\0", 3, b"\x01\xfe\x10")].concat();
        assert_eq!(build_id_in(&notes).as_deref(), Some("01fe10"));
        assert_eq!(build_id_in(&notes[..notes.len() - 4]), None);
        assert_eq!(build_id_in(&[]), None);
    }
}
