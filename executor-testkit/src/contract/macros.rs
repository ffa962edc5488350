//! Turns the table into a list of checks, or into modules of tests, without those that need an ability the executor lacks.

/// The checks as values.
#[doc(hidden)]
#[macro_export]
macro_rules! __list_checks {
    ([$make:tt] $kind:ident $($need:ident $module:ident $law:ident $file:ident { $($check:ident)* })*) => {
        vec![$($(
            $crate::contract::Check::new($crate::contract::Law::$law, stringify!($check), stringify!($need), |make: &$make| {
                $crate::contract::$kind::$file::$check($crate::contract::$kind::made(make));
            }),
        )*)*]
    };
}

/// A test for each check.
#[doc(hidden)]
#[macro_export]
macro_rules! __test_checks {
    ([$make:ident $without:tt] $kind:ident $($need:ident $module:ident $law:ident $file:ident { $($check:ident)* })*) => {
        $($crate::__unless! { $need $without
            mod $module {
                $(
                    #[test]
                    fn $check() {
                        $crate::contract::test($crate::contract::Law::$law, stringify!($check), module_path!(), || {
                            // By a pointer: kinds of one type share the code.
                            let make: fn() -> _ = super::$make;
                            $crate::contract::$kind::$file::$check($crate::contract::$kind::made(&make));
                        });
                    }
                )*
            }
        })*
    };
}

/// The items, unless what they need is in the list.
#[doc(hidden)]
#[macro_export]
macro_rules! __unless {
    ($need:ident [] $($items:item)*) => { $($items)* };
    (delays [delays $($rest:ident)*] $($items:item)*) => {};
    (aborts [aborts $($rest:ident)*] $($items:item)*) => {};
    (nested_waits [nested_waits $($rest:ident)*] $($items:item)*) => {};
    (spares [spares $($rest:ident)*] $($items:item)*) => {};
    (one_worker [one_worker $($rest:ident)*] $($items:item)*) => {};
    (bounded [bounded $($rest:ident)*] $($items:item)*) => {};
    ($need:ident [$other:ident $($rest:ident)*] $($items:item)*) => { $crate::__unless! { $need [$($rest)*] $($items)* } };
}

/// Makes a module of `#[test]`s, one for each check of the laws. A failure names the law that is broken.
///
/// The factory makes each executor that a check needs. It returns an executor of closures, which is a
/// [`ClosureExecutor`](executor_core::ClosureExecutor) and an [`Executor`](executor_core::Executor) of [`Do`](crate::contract::Do). After `portable:`, it returns
/// a [`Subject`](crate::contract::Subject), made from an executor that runs only jobs of type `Do`, such as a pool of processes.
///
/// The checks box their closures, so that the executor is compiled for a few types of job instead of hundreds. One check submits a closure
/// as it is, and reads its name in the error.
///
/// - `one_worker` before the factory: the executor runs one job at a time. Then the order of jobs is tested (law 9).
/// - `bounded` before the factory, and after `one_worker`: the queue has a limit, at which `try_submit` gives jobs back as
///   [`Rejection::Full`](executor_core::Rejection::Full). Then the limit is tested (law 3). The other checks queue up to 10,000 jobs.
/// - `without:` after the factory lists what the executor does not support, which is then not tested: `delays` (delayed jobs run too early, or
///   not at all), `aborts` (a running job is not asked to stop), `spares` (a job may wait for a queued job, which runs in its place, but no
///   spare thread starts for other waits), `nested_waits` (a job must not wait for another job of its pool; declare `spares` too).
///
/// ```
/// use executor_testkit::{ManualExecutor, contract};
///
/// fn manual() -> ManualExecutor {
///     let manual = ManualExecutor::new();
///     manual.run_on_thread();
///     manual
/// }
///
/// contract!(mod my_executor, one_worker, manual);
/// contract!(mod the_same_without_closures, portable: || contract::Subject::new(super::manual(), 1), without: delays);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! contract {
    (mod $kind:ident, one_worker, bounded, $($rest:tt)*) => { $crate::__contract! { $kind [] $($rest)* } };
    (mod $kind:ident, one_worker, $($rest:tt)*) => { $crate::__contract! { $kind [bounded] $($rest)* } };
    (mod $kind:ident, bounded, $($rest:tt)*) => { $crate::__contract! { $kind [one_worker] $($rest)* } };
    (mod $kind:ident, $($rest:tt)*) => { $crate::__contract! { $kind [one_worker bounded] $($rest)* } };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __contract {
    ($kind:ident [$($lacks:ident)*] portable: $make:expr $(, without: $($without:ident),+)? $(,)?) => {
        #[cfg(test)]
        mod $kind {
            #[allow(unused_imports, reason = "the factory may need what is around it")]
            use super::*;

            fn portable() -> $crate::contract::Subject {
                ($make)()
            }

            const _: () = { $($($crate::contract::needs::$without();)+)? };
            $crate::__portable_checks! { __test_checks [portable [$($lacks)* $($($without)+)?]] }
        }
    };
    ($kind:ident [$($lacks:ident)*] $make:expr $(, without: $($without:ident),+)? $(,)?) => {
        #[cfg(test)]
        mod $kind {
            #[allow(unused_imports, reason = "the factory may need what is around it")]
            use super::*;

            fn closures() -> impl $crate::contract::Closures {
                ($make)()
            }

            fn portable() -> $crate::contract::Subject {
                $crate::contract::Subject::of_closures(closures())
            }

            const _: () = { $($($crate::contract::needs::$without();)+)? };
            $crate::__portable_checks! { __test_checks [portable [$($lacks)* $($($without)+)?]] }
            $crate::__closure_checks! { __test_checks [closures [$($lacks)* $($($without)+)?]] }
        }
    };
}
