use super::mapping::Mapping;
use super::*;
use crate::ipc::large_pages::PAGE;

const MIB: usize = 1 << 20;

#[test]
fn a_draft_that_grows_keeps_what_was_written_and_takes_more() {
    let len = |pages: usize| NonZeroUsize::new(pages * 4096).expect("some pages");
    // Two at once, so that one is in the way of the other.
    let mut drafts = [0, 1].map(|_| Draft::new(file().expect("there is memory"), 0, len(1)).expect("there is memory"));
    let mut written = 0;
    for pages in [2, 3, 8, 64, 65, 1024, 1025, 4000] {
        for draft in &mut drafts {
            draft[written..written + 4096].fill(u8::try_from(pages % 251).expect("small"));
            draft.grow(len(pages)).expect("there is memory");
            assert_eq!(draft.len(), pages * 4096);
        }
        written += 4096;
    }
    for draft in &drafts {
        for (page, value) in [2, 3, 8, 64, 65, 1024, 1025].into_iter().enumerate() {
            let bytes = &draft[page * 4096..(page + 1) * 4096];
            assert!(bytes.iter().all(|&byte| usize::from(byte) == value % 251), "page {page}");
        }
        assert!(draft[written..].iter().all(|&byte| byte == 0));
    }
}

#[test]
fn large_memory_is_as_written_wherever_it_begins() {
    const LEN: usize = 9 * MIB + 5;
    let bytes: Vec<u8> = (0..LEN).map(|at| u8::try_from(at % 251).expect("small")).collect();
    assert!(*Frozen::copy_of(&bytes).unwrap() == *bytes);
    for start in [0, 4096, 64 * 1024, 3 * MIB] {
        let file = scratch_of(&[7; 100], 0).unwrap();
        reserve(&file, start, LEN).unwrap();
        assert!(read::<u8>(&file, start, LEN).unwrap().iter().skip(100).all(|&byte| byte == 0), "{start}");
        let mapping = Mapping::new(&file, start, NonZeroUsize::new(LEN).unwrap(), true).unwrap();
        assert_eq!(mapping.start().addr() % PAGE, start % PAGE, "it begins as a large page of the file does");
        drop(mapping);
        write(&file, &bytes, start).unwrap();
        assert!(read::<u8>(&file, start, LEN).unwrap() == bytes, "{start}");
        if start > 0 {
            assert_eq!(read::<u8>(&file, 0, 100).unwrap(), [7; 100], "what comes before stays");
        }
        clear(&file, start).unwrap();
        assert!(check_held(&file, LEN).is_err(), "its memory is given back");
    }
}
