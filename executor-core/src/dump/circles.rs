//! Jobs that wait for each other in a circle.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crate::current::activity::{Activity, ActivityKind};
use crate::observe::job::{JobDescription, RunningJob};
use crate::queue_id::QueueId;
use crate::status::JobId;

/// A job that waits for another one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiting {
    /// The job that waits.
    pub job: JobId,
    /// Its name and place of submission, if its pool is measured.
    pub description: Option<JobDescription>,
    /// The name of its worker.
    pub worker: Option<std::sync::Arc<str>>,
    /// The queue of the pool that runs it.
    pub queue_id: Option<QueueId>,
    /// The job that it waits for.
    pub target: JobId,
    /// The queue of that one.
    pub target_queue_id: Option<QueueId>,
    /// Since when.
    pub since: Instant,
}

/// The waits by the job that waits: for any one of the targets. A job that waits with a time limit goes on by itself.
pub(super) fn waits(activities: &[Activity]) -> HashMap<JobId, Vec<Waiting>> {
    let mut waits = HashMap::new();
    for activity in activities {
        let Some(job) = activity.job.filter(|_| activity.until.is_none()) else { continue };
        let edge = |job, target, target_queue_id| Waiting {
            job,
            description: None,
            worker: activity.worker.clone(),
            queue_id: activity.queue_id,
            target,
            target_queue_id,
            since: activity.since,
        };
        let targets = match &activity.kind {
            ActivityKind::WaitForJob { id, queue_id, .. } => vec![edge(job, *id, *queue_id)],
            ActivityKind::WaitForAnyJob { ids, has_more: false } => ids.iter().map(|&id| edge(job, id, None)).collect(),
            _ => continue,
        };
        waits.insert(job, targets);
        let inner = activity.outer_jobs.iter().skip(1).copied().chain([job]);
        for (&outer, inner) in activity.outer_jobs.iter().zip(inner) {
            waits.insert(outer, vec![edge(outer, inner, activity.queue_id)]);
        }
    }
    waits
}

/// The circles among jobs none of which can go on. `running` names them.
pub(super) fn find(waits: &HashMap<JobId, Vec<Waiting>>, running: &[RunningJob]) -> Vec<Vec<Waiting>> {
    let stuck = stuck(waits);
    let mut seen = HashSet::new();
    let mut circles = Vec::new();
    let mut starts: Vec<_> = stuck.iter().copied().collect();
    starts.sort_unstable();
    for start in starts {
        let mut path: Vec<&Waiting> = Vec::new();
        let mut job = start;
        // Each job on the path is new to it, so this ends.
        while seen.insert(job) {
            let Some(next) = waits[&job].iter().find(|edge| stuck.contains(&edge.target)) else { break };
            path.push(next);
            job = next.target;
        }
        if let Some(first) = path.iter().position(|edge| edge.job == job) {
            circles.push(path[first..].iter().map(|&edge| named(edge, running)).collect());
        }
    }
    circles
}

/// Jobs that wait for jobs which wait, and so on without an end.
fn stuck(waits: &HashMap<JobId, Vec<Waiting>>) -> HashSet<JobId> {
    let mut stuck: HashSet<_> = waits.keys().copied().collect();
    loop {
        let goes_on = |job: &JobId| waits[job].iter().any(|edge| !stuck.contains(&edge.target));
        let free: Vec<_> = stuck.iter().copied().filter(goes_on).collect();
        if free.is_empty() {
            return stuck;
        }
        for job in free {
            stuck.remove(&job);
        }
    }
}

fn named(edge: &Waiting, running: &[RunningJob]) -> Waiting {
    let job = running.iter().find(|job| job.id == edge.job);
    Waiting { description: job.map(|job| job.description.clone()), ..edge.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(u64, &[u64])]) -> HashMap<JobId, Vec<Waiting>> {
        let edge = |job, target| Waiting {
            job: JobId::from_number(job),
            description: None,
            worker: None,
            queue_id: None,
            target: JobId::from_number(target),
            target_queue_id: None,
            since: Instant::now(),
        };
        let of = |&(job, targets): &(u64, &[u64])| {
            (JobId::from_number(job), targets.iter().map(|&target| edge(job, target)).collect())
        };
        edges.iter().map(of).collect()
    }

    fn circles(edges: &[(u64, &[u64])]) -> Vec<Vec<u64>> {
        let ids = |circle: Vec<Waiting>| circle.iter().map(|edge| edge.job.get()).collect();
        find(&graph(edges), &[]).into_iter().map(ids).collect()
    }

    #[test]
    fn circles_are_found_among_other_waits() {
        let none: [Vec<u64>; 0] = [];
        assert_eq!(circles(&[(1, &[2]), (2, &[3])]), none, "the third runs");
        assert_eq!(circles(&[(1, &[2]), (2, &[1])]), [[1, 2]]);
        assert_eq!(circles(&[(7, &[8]), (8, &[9]), (9, &[7]), (1, &[7]), (2, &[3])]), [[7, 8, 9]]);
        assert_eq!(circles(&[(1, &[1]), (2, &[3]), (3, &[2])]), [vec![1], vec![2, 3]]);
    }

    #[test]
    fn wait_for_any_job_needs_all_of_them_stuck() {
        let none: [Vec<u64>; 0] = [];
        assert_eq!(circles(&[(1, &[2, 5]), (2, &[1])]), none, "the fifth runs");
        assert_eq!(circles(&[(1, &[2, 3]), (2, &[1]), (3, &[1])]), [[1, 2]]);
    }

    /// A wait of a thread that is named after its job.
    fn wait(job: u64, target: u64, until: Option<Instant>) -> Activity {
        let description = None;
        Activity {
            thread: "main".into(),
            worker: None,
            queue_id: None,
            job: Some(JobId::from_number(job)),
            job_name: None,
            outer_jobs: Vec::new(),
            kind: ActivityKind::WaitForJob { id: JobId::from_number(target), description, queue_id: None },
            since: Instant::now(),
            until,
        }
    }

    #[test]
    fn wait_with_a_time_limit_ends_by_itself() {
        let found = |activities: &[Activity]| find(&waits(activities), &[]).len();
        assert_eq!(found(&[wait(1, 2, None), wait(2, 1, None)]), 1);
        assert_eq!(found(&[wait(1, 2, Some(Instant::now())), wait(2, 1, None)]), 0);
    }
}
