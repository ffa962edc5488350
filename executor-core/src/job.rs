//! Jobs, and jobs that can run in another process.

use serde_core::de::DeserializeOwned;
use serde_core::{Deserializer, Serialize};

use crate::error::{JobName, JobPath};
use crate::job_counters::moment::Moment;
use crate::observe::job::JobDescription;

/// Work that an executor runs once.
///
/// Every closure `FnOnce() -> T + Send + 'static` is a job. Implement the trait for a type of your own to give the work a name in errors,
/// and to choose by configuration where it runs (`Arc<dyn Executor<Thumbnail>>`).
///
/// ```
/// use executor::Job;
///
/// struct Thumbnail { width: u32 }
///
/// impl Job for Thumbnail {
///     type Output = String;
///     fn run(self) -> String { format!("{} pixels", self.width) }
/// }
///
/// assert_eq!(Thumbnail { width: 64 }.run(), "64 pixels");
/// assert_eq!((|| 2 + 2).run(), 4);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "a job is a closure, a `call!`, or a value whose type implements `Job`",
    note = "pass the function and its arguments, not its result: `call!(double(21))` to processes or threads, `|| double(21)` to threads",
    note = "in generic code, bound the type by `Job`"
)]
pub trait Job: Send + 'static {
    /// The job's result. If the future is dropped, the result may be dropped on a worker's thread.
    type Output: Send + 'static;

    /// Does the work.
    fn run(self) -> Self::Output;

    /// The name that errors give to the job; without a job, as far as its type tells. It may be asked under a lock.
    #[doc(hidden)]
    fn job_name(_: Option<&Self>) -> JobName
    where
        Self: Sized,
    {
        JobPath::of::<Self>().into()
    }

    /// The place where the job keeps since when it waits, if it has one. It may be asked under a lock.
    #[doc(hidden)]
    fn since(_: &mut Self) -> Option<&mut Moment>
    where
        Self: Sized,
    {
        None
    }

    /// The name, tag and place of submission of the job. It may be asked under a lock.
    #[doc(hidden)]
    fn describe(this: &Self) -> JobDescription
    where
        Self: Sized,
    {
        JobDescription::new(Self::job_name(Some(this)), None, None)
    }
}

/// Every closure `FnOnce() -> T + Send + 'static` is a job.
impl<F, T> Job for F
where
    F: Closure<Result = T> + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    fn run(self) -> T {
        self()
    }
}

/// `FnOnce`, under a name that the compiler's message can explain.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a job",
    label = "a job is a closure, a `call!`, or a value whose type implements `Job`",
    note = "pass the function and its arguments, not its result: `call!(double(21))` to processes or threads, `|| double(21)` to threads"
)]
pub trait Closure: FnOnce() -> <Self as Closure>::Result {
    type Result;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce() -> T, T> Closure for F {
    type Result = T;
}

/// A job that can move to another process: the job and its output can be serialized and deserialized.
///
/// Implemented for [`call`](crate::call()) and [`call!`](crate::call!) with arguments that own their data, and for every [`Job`] that is
/// `Serialize + DeserializeOwned`, if the output is, too. It is sealed: there is nothing to implement by hand.
///
/// ```
/// use executor::{Job, PortableJob, call};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Thumbnail { width: u32 }
///
/// impl Job for Thumbnail {
///     type Output = u32;
///     fn run(self) -> u32 { self.width }
/// }
///
/// fn is_portable(_: &impl PortableJob) {}
/// is_portable(&Thumbnail { width: 64 });
/// is_portable(&call(u32::pow, (2, 10)));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this job can run on threads only",
    note = "a closure goes into a `call!` with its arguments, `call!(|| ..., ())`, and must capture nothing: pass what it captures as an argument, `call!(|captured| ..., (captured,))`",
    note = "pass the function and its arguments, not its result: `call!(double(21))`, not `double(21)`",
    note = "the arguments of a `call!` must own their data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`",
    note = "for a job type of your own: `#[derive(Serialize, Deserialize)]` on it, and `impl Job for` it"
)]
pub trait PortableJob: Portable<Output: Serialize + DeserializeOwned> {}

impl<J> PortableJob for J
where
    J: Portable,
    J::Output: OwnedResult,
{
}

/// The bounds of a result, under a name that the compiler's message can explain.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the job's result `{Self}` cannot be sent to another process",
    label = "this job returns `{Self}`",
    note = "a result must own its data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`",
    note = "errors such as `std::io::Error` cannot move to another process: return `Result<T, RemoteError>`",
    note = "in generic code, bound the job by `PortableJob`"
)]
pub trait OwnedResult: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> OwnedResult for T {}

/// A job that can move to another process, whatever its output. The initializer of a process pool needs only this, since its output
/// stays in the worker process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to another process",
    label = "this job can run on threads only",
    note = "a closure goes into a `call!` with its arguments, `call!(|| ..., ())`, and must capture nothing: pass what it captures as an argument, `call!(|captured| ..., (captured,))`",
    note = "pass the function and its arguments, not its result: `call!(double(21))`, not `double(21)`",
    note = "the arguments of a `call!` must own their data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`",
    note = "for a job type of your own: `#[derive(Serialize, Deserialize)]` on it, and `impl Job for` it"
)]
pub trait Portable: Job + sealed::Sealed {
    /// The name that errors give to the job: the path of its function or type.
    #[doc(hidden)]
    fn type_name() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// The value that is encoded.
    #[doc(hidden)]
    fn wire(&self, remake: &impl Remake) -> impl Serialize;

    /// At least as many bytes as the encoded form has, or 0 if that is not known.
    #[doc(hidden)]
    fn size_hint(&self) -> usize {
        0
    }

    /// Makes the job again from what was encoded.
    #[doc(hidden)]
    fn rebuild<'de, D, R>(wire: D, remake: &R) -> Result<Self, D::Error>
    where
        Self: Sized,
        D: Deserializer<'de>,
        R: Remake;
}

#[diagnostic::do_not_recommend]
impl<J> Portable for J
where
    J: Job + Serialize + DeserializeOwned,
{
    #[doc(hidden)]
    fn wire(&self, _: &impl Remake) -> impl Serialize {
        self
    }

    #[doc(hidden)]
    fn rebuild<'de, D, R>(wire: D, _: &R) -> Result<Self, D::Error>
    where
        D: Deserializer<'de>,
        R: Remake,
    {
        Self::deserialize(wire)
    }
}

/// Recreates functions: one without bytes from its type alone, any other from its place in the program.
///
/// The only implementation is private to the crate that starts processes, since it needs unsafe code. This crate only asks for it, and
/// gives no caller that power.
#[doc(hidden)]
pub trait Remake {
    fn remake<F: Copy + 'static>(&self) -> F;

    /// How far the function at `address` is from the base of the program's image. `None` if it is not in the program's own file.
    fn distance(&self, address: usize) -> Option<usize>;

    /// Why a function has no distance.
    fn no_distance(&self) -> &'static str {
        "its function is not in the program's own file, but in a shared library"
    }

    /// The `fn` pointer, of the same type, to the function of which [`distance`](Remake::distance) was taken.
    fn pointer<P: Copy + 'static>(&self, distance: usize) -> Option<P>;
}

pub(crate) mod sealed {
    use serde_core::Serialize;
    use serde_core::de::DeserializeOwned;

    pub trait Sealed {}

    #[diagnostic::do_not_recommend]
    impl<J> Sealed for J where J: super::Job + Serialize + DeserializeOwned {}
}
