use proptest::prelude::*;

use super::*;
use crate::kind::Answer;
use crate::page::Growing;
use crate::transport::{Opened, Outgoing, WorkerEnd};

fn work(_: Codec, _: Opened, _: &WorkerEnd, _: &mut Growing<'_>) -> Answer<Outgoing> {
    Answer::Items
}

fn contents() -> Contents {
    Contents {
        build: image::build(),
        codec: Codec::MessagePack,
        initializer: None,
        entry: Offset::of_work(work).expect("it is in this program"),
        name: "app::parse<T>".to_owned(),
        id: 7,
        attempt: 2,
        why: "no luck".to_owned(),
        job: vec![1, 2, 3].into(),
    }
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes).expect_err("it is not to be run")
}

#[test]
fn what_was_written_is_read() {
    let read = decode(&encode(&contents()).unwrap()).unwrap();
    assert_eq!(format!("{read:?}"), format!("{:?}", contents()));
    assert_eq!(*read.job.0, [1, 2, 3]);
}

#[test]
fn a_file_of_another_build_is_refused_by_both_names() {
    let other = Contents { build: "0.1.0 abcdef".to_owned(), ..contents() };
    let text = refusal(&encode(&other).unwrap());
    let ours = image::build();
    assert_eq!(
        text,
        format!("is for another build of the program (0.1.0 abcdef; this is {ours}): run it with the one that made it")
    );
}

#[test]
fn a_file_of_another_format_is_refused_by_its_number() {
    let mut bytes = encode(&contents()).unwrap();
    bytes[MAGIC.len()] = 2;
    assert_eq!(refusal(&bytes), "is in format 2, and this program reads format 1");
    assert_eq!(refusal(b"#!/bin/sh\n"), "is no job that was kept by `keep_failed`");
}

#[test]
fn each_damaged_byte_is_noticed() {
    let bytes = encode(&contents()).unwrap();
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

#[test]
fn a_name_that_is_taken_is_not_taken_again() {
    let directory = std::env::temp_dir().join(format!("executor-replay-{}", std::process::id()));
    let paths: Vec<_> = (0..3).map(|_| write(&directory, &contents()).unwrap()).collect();
    let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let pid = std::process::id();
    let expected = ["", "-2", "-3"].map(|suffix| format!("app-parse-T-7-{pid}{suffix}.job"));
    assert_eq!(names, expected);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 3, "nothing else is left there");
    fs::remove_dir_all(&directory).unwrap();
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in prop::collection::vec(any::<u8>(), 0..200), is_summed in any::<bool>()) {
        let mut file = MAGIC.to_vec();
        file.extend(FORMAT.to_le_bytes());
        if is_summed {
            file.extend(checksum(&bytes).to_le_bytes());
        }
        file.extend(&bytes);
        prop_assert!(decode(&file).is_err());
        prop_assert!(decode(&bytes).is_err());
    }
}
