use proptest::prelude::*;

use std::fs;

use executor_core::wrap::Context;

use super::*;
use crate::ipc::random;
use crate::protocol::answer::Answer;
use crate::protocol::status_page::Appender;
use crate::transport::{Opened, Outgoing, WorkerEnd};

fn work(_: Codec, _: Opened, _: Option<&Context>, _: &WorkerEnd, _: &mut Appender<'_>) -> Answer<Outgoing> {
    Answer::Items
}

fn contents() -> Contents {
    Contents {
        build: program_image::build(),
        codec: Codec::MessagePack,
        initializer: None,
        entry: Offset::of_job(work).expect("it is in this program"),
        name: "app::parse<T>".to_owned(),
        id: 7,
        attempt: 2,
        why: "no luck".to_owned(),
        job: Input { bytes: vec![1, 2, 3].into(), blobs: vec![Part::of(BLOB), Part::of(&[])] },
    }
}

const BLOB: &[u8] = b"a blob";

/// A whole file.
fn file(contents: &Contents) -> Vec<u8> {
    [&encode(contents).unwrap()[..], BLOB].concat()
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes).expect_err("it is not to be run")
}

#[test]
fn written_file_is_read_back() {
    let bytes = file(&contents());
    let (read, mut rest) = decode(&bytes).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", contents()));
    assert_eq!(*read.job.bytes, [1, 2, 3]);
    let blobs = read.job.take_blobs(&mut rest).unwrap();
    assert_eq!((&*Frozen::open(blobs[0].clone()).unwrap(), blobs.len(), rest), (BLOB, 2, &[][..]));
    assert!(Frozen::open(blobs[1].clone()).is_err(), "of another item: there is nothing in it");
}

#[test]
fn a_file_of_another_build_is_refused_by_both_names() {
    let other = Contents { build: "0.1.0 abcdef".to_owned(), ..contents() };
    let text = refusal(&file(&other));
    let ours = program_image::build();
    assert_eq!(
        text,
        format!("was saved by another build of the program (0.1.0 abcdef; this is {ours}); run it with that build")
    );
}

#[test]
fn a_file_of_another_format_is_refused_by_its_number() {
    let mut bytes = file(&contents());
    bytes[MAGIC.len()] = 1;
    assert_eq!(refusal(&bytes), "has format 1, but this program reads format 3");
    assert_eq!(refusal(b"#!/bin/sh\n"), "is not a job saved by `keep_failed`");
}

#[test]
fn a_file_of_another_copy_is_left_to_it() {
    let path = std::env::temp_dir().join(format!("executor-kept-{}", random::hex().unwrap()));
    let ours = file(&contents());
    let is_left = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        is_for_other_copy(&path)
    };
    let (program, copy) = (MAGIC.len() + 4, MAGIC.len() + 12);
    let changed = |at: usize| [&ours[..at], &[!ours[at]], &ours[at + 1..]].concat();
    assert!(is_left(&changed(copy)));
    assert!(is_left(&[&changed(copy)[..MAGIC.len()], &[9; 4], &changed(copy)[program..]].concat()), "of any format");
    assert_eq!(refusal(&changed(copy)), "was saved by another copy of `executor` in this program, or is damaged");
    assert!(!is_left(&ours));
    assert!(!is_left(&changed(program)), "no copy in this program would take it");
    assert!(!is_left(&changed(0)) && !is_left(&ours[..copy]));
    assert!(!is_for_other_copy(Path::new("/dev/zero")));
    fs::remove_file(&path).unwrap();
}

#[test]
fn each_damaged_byte_is_noticed() {
    let bytes = file(&contents());
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        refusal(&damaged);
        refusal(&bytes[..at]);
    }
    refusal(&[&bytes[..], b"more"].concat());
}

#[test]
fn names_of_functions_become_names_of_files() {
    let name = file_name;
    assert_eq!(name("app::parse"), "app-parse");
    assert_eq!(name("<app::Job<u8, [a; 2]> as x>::run"), "app-Job-u8-a-2-as-x-run");
    assert_eq!(name("../../etc/passwd\0"), "etc-passwd");
    assert_eq!(name(&"ä::b".repeat(100)).len(), 59);
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200), is_summed in any::<bool>()) {
        let mut file = MAGIC.to_vec();
        file.extend(FORMAT.to_le_bytes());
        file.extend(this_copy());
        if is_summed {
            file.extend((bytes.len() as u64).to_le_bytes());
            file.extend(checksum(&bytes).to_le_bytes());
        }
        file.extend(&bytes);
        prop_assert!(decode(&file).is_err());
        prop_assert!(decode(&bytes).is_err());
    }
}
