//! How jobs come into a recording.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::recorder::Recorder;
use super::super::timeline::Timeline;
use crate::error::{JobName, JobPath};
use crate::observe::{EndedJob, JobDescription, JobOutcome, Observer, RunningJob};
use crate::status::JobId;

fn running(pid: Option<u32>, started_at: Instant) -> RunningJob {
    let description = JobDescription::new(JobName::from(JobPath::of::<u8>()), None, None);
    let job = RunningJob::here(JobId::next(), description, started_at);
    RunningJob { started_at, pid, ..job }
}

fn end(recorder: &Recorder, job: RunningJob, ran: Duration) {
    recorder.job_ended(&EndedJob { job, ran, outcome: JobOutcome::Completed });
}

fn timeline(recorder: &Recorder, running: &[RunningJob]) -> Timeline {
    recorder.timeline("program".to_owned(), || running.to_vec())
}

#[test]
fn oldest_jobs_are_dropped_beyond_the_limit() {
    let recorder = Recorder::new(2_000);
    let first = running(None, Instant::now());
    let next = first.id.get() + 1;
    for job in 0..3_500 {
        let id = JobId::from_number(next + job);
        end(&recorder, RunningJob { id, ..first.clone() }, Duration::ZERO);
    }
    let timeline = timeline(&recorder, &[]);
    assert_eq!((timeline.dropped, timeline.bars().count()), (1_000, 2_500));
    let ids: Vec<_> = timeline.bars().map(|bar| bar.id.get()).collect();
    assert_eq!((ids[0], ids[ids.len() - 1]), (next + 1_000, next + 3_499));
}

#[test]
fn first_job_of_a_process_runs() {
    let recorder = Recorder::new(1);
    let sent = Instant::now();
    end(&recorder, running(Some(7), sent), Duration::ZERO);
    let last = [running(Some(7), sent), running(Some(7), sent), running(Some(8), sent), running(None, sent)];
    let timeline = timeline(&recorder, &last);
    let ids: Vec<_> = timeline.bars().skip(1).map(|bar| bar.id).collect();
    assert_eq!(ids, [last[0].id, last[2].id, last[3].id], "the second waits in its process");
    let [ended, runs] = timeline.bars().filter(|bar| bar.pid == Some(7)).collect::<Vec<_>>()[..] else { panic!("two") };
    assert!(ended.end <= runs.start && runs.end == timeline.length);
}

#[test]
fn stopped_recording_does_not_change() {
    let recorder = Recorder::new(1);
    let now = Instant::now();
    let (ended, runs) = (running(None, now), running(None, now));
    end(&recorder, ended.clone(), Duration::ZERO);
    // A job that ends while the list is made is on it, and in the log.
    recorder.stop(|| vec![ended.clone(), runs.clone()]);
    let before = timeline(&recorder, &[]);
    end(&recorder, runs, Duration::ZERO);
    recorder.stop(Vec::new);
    let after = timeline(&recorder, &[ended]);
    assert_eq!((after.length, after.bars().count()), (before.length, 2));
    assert_eq!(before.memory.is_empty(), !cfg!(target_os = "linux"));
}

#[test]
fn worker_memory_is_sampled() {
    let recorder = Arc::new(Recorder::new(1));
    recorder.job_started(&running(Some(std::process::id()), Instant::now()));
    let timeline = timeline(&recorder, &[]);
    let has_workers = timeline.memory.last().is_some_and(|sample| sample.workers.is_some());
    assert_eq!(has_workers, cfg!(target_os = "linux"));
}
