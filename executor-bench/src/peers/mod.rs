//! The contenders: ours and its peers, each behind the same trait.
//!
//! A work is written once, generic over [`Contender`], and compiled for each of them: no contender pays for a box, a virtual
//! call or a channel that is not its own.
//!
//! `forte` and `chili` are no contenders: they split work that one of their own threads has. A job that comes from outside runs on the thread
//! that submits it (`forte`), or cannot be submitted (`chili`).

mod affinitypool;
mod bare;
mod blocking;
mod ours;
mod rayon;
mod rusty_pool;
mod threadpool;
mod tokio;

pub(crate) use self::affinitypool::Affinitypool;
pub(crate) use self::bare::Bare;
pub(crate) use self::blocking::Blocking;
pub(crate) use self::ours::{Ours, OursObserved, OursOnRayon, observe};
pub(crate) use self::rayon::Rayon;
pub(crate) use self::rusty_pool::RustyPool;
pub(crate) use self::threadpool::Threadpool;
pub(crate) use self::tokio::Tokio;

/// A job, as every contender takes it.
pub(crate) trait Job<T>: FnOnce() -> T + Send + 'static {}

impl<T, F: FnOnce() -> T + Send + 'static> Job<T> for F {}

/// A pool of threads that takes a job, and gives its result back.
pub(crate) trait Contender: Sync + Sized {
    /// The name in the tables. Goals and command lines find it by that.
    const NAME: &'static str;

    /// The handle that waits for the result.
    type Future<T: Send + 'static>: Send;

    /// A pool of at most `threads` threads.
    fn new(threads: usize) -> Self;

    /// Hands a job over. Does not wait.
    fn submit<T: Send + 'static>(&self, job: impl Job<T>) -> Self::Future<T>;

    /// Blocks until the job has run.
    fn result<T: Send + 'static>(future: Self::Future<T>) -> T;
}

/// Called with each contender's type, where a list of them is walked.
pub(crate) trait Visitor<'a> {
    fn visit<C: Contender + 'a>(&mut self);
}

/// Ours comes first: the others are what it is compared to.
pub(crate) fn every<'a>(visitor: &mut impl Visitor<'a>) {
    visitor.visit::<Ours>();
    visitor.visit::<OursObserved>();
    visitor.visit::<Bare>();
    visitor.visit::<Rayon>();
    visitor.visit::<OursOnRayon>();
    visitor.visit::<Threadpool>();
    visitor.visit::<RustyPool>();
    visitor.visit::<Tokio>();
    visitor.visit::<Blocking>();
    visitor.visit::<Affinitypool>();
}
