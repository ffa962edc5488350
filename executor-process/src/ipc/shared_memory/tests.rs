use super::*;

#[test]
fn a_draft_that_grows_keeps_what_was_written_and_takes_more() {
    let len = |pages: usize| NonZeroUsize::new(pages * 4096).expect("some pages");
    // Two at once, so that one is in the way of the other.
    let mut drafts = [0, 1].map(|_| Draft::new(file().expect("there is memory"), 0, len(1)).expect("there is memory"));
    let mut written = 0;
    for pages in [2, 3, 8, 64, 65, 1024] {
        for draft in &mut drafts {
            draft[written..written + 4096].fill(u8::try_from(pages % 251).expect("small"));
            draft.grow(len(pages)).expect("there is memory");
            assert_eq!(draft.len(), pages * 4096);
        }
        written += 4096;
    }
    for draft in &drafts {
        for (page, value) in [2, 3, 8, 64, 65].into_iter().enumerate() {
            let bytes = &draft[page * 4096..(page + 1) * 4096];
            assert!(bytes.iter().all(|&byte| byte == value), "page {page}");
        }
        assert!(draft[written..].iter().all(|&byte| byte == 0));
    }
}
