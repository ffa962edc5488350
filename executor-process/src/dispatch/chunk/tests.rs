//! False reports of a worker about a chunk.

use proptest::prelude::*;

use super::*;

fn chunk(total: usize) -> Chunk {
    Chunk::new(total, Vec::new(), Arc::default())
}

/// An outcome that is well-formed for a chunk, whatever is in it.
fn framed(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::new();
    append(&mut framed, |framed| {
        framed.extend_from_slice(bytes);
        Ok::<_, String>(tag)
    })
    .unwrap();
    framed
}

#[test]
fn a_message_holds_the_outcome_of_one_item() {
    let payload = |outcomes: usize| Payload::new(framed(0, b"\x07").repeat(outcomes), Vec::new());
    for outcomes in [0, 2] {
        assert!(!chunk(3).absorb_payload(&payload(outcomes)), "{outcomes} in a message");
    }
    let mut one = chunk(3);
    assert!(one.absorb_payload(&payload(1)) && !one.is_over());
}

proptest! {
    #[test]
    fn whatever_a_worker_says_there_is_one_outcome_for_each_item(
        total in 1_usize..20,
        said in prop::collection::vec((0_u8..4, prop::collection::vec(any::<u8>(), 0..40)), 0..30),
        tail in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut chunk = chunk(total);
        let mut bytes: Vec<u8> = said.iter().flat_map(|(tag, outcome)| framed(*tag, outcome)).collect();
        bytes.extend(&tail);
        let is_well_formed = chunk.absorb(bytes);
        prop_assert!(!is_well_formed || said.len() <= total);
        while !chunk.is_over() {
            chunk.fail_next(JobError::cancelled());
        }
        let outcomes = Outcomes::<u64>::new(chunk.into_returned(Codec::Postcard, "job"));
        prop_assert_eq!(outcomes.count(), total);
    }

    #[test]
    fn rest_of_chunk_is_a_suffix(
        total in 1_usize..10,
        sent in prop::collection::vec(any::<u8>(), 0..40),
        said in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut chunk = chunk(total);
        chunk.absorb(said);
        let running = chunk.running(&sent);
        let rest = chunk.rest(&sent);
        let (head, items) = sent.split_at(HEAD.min(sent.len()));
        prop_assert!(rest.starts_with(head) && items.ends_with(&rest[head.len()..]) && rest.starts_with(&running));
    }
}
