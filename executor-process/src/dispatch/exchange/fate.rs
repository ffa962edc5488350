//! The fate of one job of a lost worker: a table, apart from the actions that follow.

use crate::protocol::status_page::Claim;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The thread that changed its claim sets its outcome.
    EndedByOthers,
    /// Its time is up, and the alarm ends it.
    LeftToAlarm,
    /// It had not started, and waits for another worker.
    Requeue,
    /// It had not started, and too many workers died before they began it.
    GaveUp,
    /// A caller had asked it to stop.
    Cancelled,
    /// It is a chunk, with this claim: the items that have no outcome go to another worker.
    ContinueChunk { from: Claim },
    /// It had started, and may be run again.
    Retry,
    /// The worker wrote that it was aborted, but no caller had asked for that.
    Forged,
    /// It was running, or nothing proves its end.
    Crashed,
}

/// The facts of the job beside its claim.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own, and the table has a column for each")]
pub(super) struct Known {
    /// Its time limit has passed, and the alarm has said so.
    pub(super) is_up: bool,
    /// With this loss, as many workers as are tried have died before they began it.
    pub(super) has_no_tries_left: bool,
    pub(super) stop_requested: bool,
    pub(super) is_chunk: bool,
    pub(super) has_retries: bool,
}

/// `claim` is that of the job's slot, read once. `None` if the slot holds no valid claim of the
/// job.
pub(super) fn fate(claim: Option<Claim>, known: Known) -> Fate {
    use Claim::{Aborted, Done, Revoked, Sent, Started, TimedOut};
    match claim {
        Some(Revoked | TimedOut) => Fate::EndedByOthers,
        _ if known.is_up => Fate::LeftToAlarm,
        Some(Sent) if known.has_no_tries_left => Fate::GaveUp,
        Some(Sent) => Fate::Requeue,
        // Also one that was aborted when its claim said that it was done, and that has not proved
        // it.
        Some(Aborted | Done) | None if known.stop_requested => Fate::Cancelled,
        Some(from @ (Started | Done)) if known.is_chunk => Fate::ContinueChunk { from },
        Some(Started) if known.has_retries => Fate::Retry,
        Some(Aborted) => Fate::Forged,
        Some(Started | Done) | None => Fate::Crashed,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const CLAIMS: [Option<Claim>; 7] = [
        Some(Claim::Sent),
        Some(Claim::Started),
        Some(Claim::Done),
        Some(Claim::Revoked),
        Some(Claim::Aborted),
        Some(Claim::TimedOut),
        None,
    ];

    /// Each combination of what is known, by a bit for each row.
    fn known(bits: u8) -> Known {
        let is = |bit: u8| bits >> bit & 1 == 1;
        Known { is_up: is(0), has_no_tries_left: is(1), stop_requested: is(2), is_chunk: is(3), has_retries: is(4) }
    }

    /// The table of ARCHITECTURE.md: a row for each thing that is known, a column for each claim.
    #[test]
    fn each_claim_has_its_fate() {
        use Fate::{Cancelled, ContinueChunk, Crashed, EndedByOthers, Forged, GaveUp, LeftToAlarm, Requeue, Retry};
        let plain = Known::default();
        let [chunk_was_running, chunk_was_done] = [Claim::Started, Claim::Done].map(|from| ContinueChunk { from });
        let rows = [
            (plain, [Requeue, Crashed, Crashed, EndedByOthers, Forged, EndedByOthers, Crashed]),
            (
                Known { is_up: true, ..plain },
                [LeftToAlarm, LeftToAlarm, LeftToAlarm, EndedByOthers, LeftToAlarm, EndedByOthers, LeftToAlarm],
            ),
            (
                Known { has_no_tries_left: true, ..plain },
                [GaveUp, Crashed, Crashed, EndedByOthers, Forged, EndedByOthers, Crashed],
            ),
            (
                Known { stop_requested: true, ..plain },
                [Requeue, Crashed, Cancelled, EndedByOthers, Cancelled, EndedByOthers, Cancelled],
            ),
            (
                Known { is_chunk: true, ..plain },
                [Requeue, chunk_was_running, chunk_was_done, EndedByOthers, Forged, EndedByOthers, Crashed],
            ),
            (
                Known { has_retries: true, ..plain },
                [Requeue, Retry, Crashed, EndedByOthers, Forged, EndedByOthers, Crashed],
            ),
        ];
        for (known, fates) in rows {
            assert_eq!(CLAIMS.map(|claim| fate(claim, known)), fates, "{known:?}");
        }
    }

    /// Where several rows of the table change a fate, the highest one counts.
    #[test]
    fn highest_row_decides() {
        let plain = Known::default();
        for bits in 0..32_u8 {
            let is = |bit: u8| bits >> bit & 1 == 1;
            let rows = [
                is(0).then_some(Known { is_up: true, ..plain }),
                is(1).then_some(Known { has_no_tries_left: true, ..plain }),
                is(2).then_some(Known { stop_requested: true, ..plain }),
                is(3).then_some(Known { is_chunk: true, ..plain }),
                is(4).then_some(Known { has_retries: true, ..plain }),
            ];
            let known = known(bits);
            for claim in CLAIMS {
                let alone = fate(claim, plain);
                let highest = rows.into_iter().flatten().map(|row| fate(claim, row)).find(|&row| row != alone);
                assert_eq!(fate(claim, known), highest.unwrap_or(alone), "{claim:?}, {known:?}");
            }
        }
    }

    /// No job that may have run is requeued as if it had not, whatever else is known.
    #[test]
    fn only_unstarted_jobs_are_requeued() {
        for bits in 0..32_u8 {
            let known = known(bits);
            for claim in CLAIMS {
                let fate = fate(claim, known);
                assert!(fate != Fate::Requeue || claim == Some(Claim::Sent), "{claim:?}, {known:?}");
                assert!(
                    fate != Fate::Retry || known.has_retries && claim == Some(Claim::Started),
                    "{claim:?}, {known:?}"
                );
            }
        }
    }
}
