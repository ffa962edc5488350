//! The contract: the manual executor keeps it, and each check finds an executor that does not.

mod chaos;
mod faults;
mod faulty;
mod table;

use executor_core::{JobOptions, QueueLimit, WhenFull};
use executor_testkit::contract::Subject;
use executor_testkit::{ManualExecutor, contract};

fn by_itself(manual: ManualExecutor) -> ManualExecutor {
    manual.run_on_thread();
    manual
}

contract!(mod manual, one_worker, || by_itself(ManualExecutor::new()));
contract!(mod seeded, one_worker, || by_itself(ManualExecutor::builder().seed(7).workers(1).build()));
contract!(mod bounded, one_worker, bounded, || {
    let queue = QueueLimit::bounded(10_000, WhenFull::Block);
    by_itself(ManualExecutor::builder().queue(queue).build())
});
contract!(mod portable, one_worker, portable: || Subject::new(by_itself(ManualExecutor::new()), 1), without: delays);
contract!(mod tiny, one_worker, bounded, || faulty::Tiny::new(None), without: delays, spares, nested_waits);
contract!(mod view, portable: || {
    let manual = by_itself(ManualExecutor::new());
    let view = manual.with(JobOptions::new().name("seen").timeout(std::time::Duration::from_secs(3600)));
    Subject::delaying(Kept { view, _manual: manual }, 1, |kept, delay, job| kept.view.submit_after(delay, job))
});

/// A handle with options, and its executor.
struct Kept {
    view: executor_testkit::ManualHandle,
    _manual: ManualExecutor,
}

impl executor_core::Shutdown for Kept {
    fn shutdown(&self, wait: bool) {
        self.view.shutdown(wait);
    }
}

impl<J: executor_core::Job> executor_core::Executor<J> for Kept {
    fn submit(&self, job: J) -> executor_core::Future<J::Output> {
        self.view.submit(job)
    }

    fn try_submit(&self, job: J) -> Result<executor_core::Future<J::Output>, executor_core::Rejected<J>> {
        self.view.try_submit(job)
    }
}
