//! A function and its arguments as a job that can move to another process.

mod closure;
mod function;

use std::fmt;

use serde_core::{Deserialize, Deserializer, Serialize};

pub use self::closure::{Arguments, ClosureCall, Named, closure_call};
pub use self::function::is_function;
use crate::bytes::{self, InOnePiece};
use crate::error::{JobName, JobPath};
use crate::job::{Job, Portable, Remake, sealed};
use crate::panics::named;

/// A function and its arguments, as a job. Returned by [`call`](call()) and [`call!`](crate::call!).
///
/// When the job moves to another process, only the arguments are encoded. The worker is the same program, so it recreates the
/// function from its zero-sized type. `Call` does not implement `Deserialize`: with it, safe code could create a function value that
/// it was never given.
#[derive(Clone, Copy)]
#[must_use = "a call does nothing until it is submitted"]
pub struct Call<F, A> {
    function: F,
    arguments: A,
}

impl<F, A> sealed::Sealed for Call<F, A> {}

/// Makes a job from a function and a tuple of up to eight arguments. Does not call the function. For a closure, use the macro
/// [`call!`](crate::call!).
///
/// ```
/// use executor::{Job, call};
///
/// assert_eq!(call(u64::pow, (2, 10)).run(), 1024);
/// assert_eq!(call!(|name: String| name.len(), ("four".to_owned(),)).run(), 4);
/// ```
///
/// # Panics
///
/// If `function` is a closure that captures only values without bytes. (A closure that captures other values does not compile.) The
/// worker would recreate these values out of nothing, even one that proves that something was done (`Initialized(())`).
#[track_caller]
pub fn call<F, A>(function: F, arguments: A) -> Call<F, A>
where
    F: CapturesNothing,
    Call<F, A>: Job,
{
    const {
        assert!(
            size_of::<F>() == 0,
            "`call` takes a function, and `call!` also a closure that captures nothing: pass what it captures as an argument, `call!(|captured| ..., (captured,))`"
        );
    }
    assert!(
        is_function::<F>(),
        "`call` takes a function, and was given the closure `{}`: write `call!(|a, b| ..., (a, b))`, with an exclamation mark",
        std::any::type_name::<F>()
    );
    Call { function, arguments }
}

/// `Copy`, under a name that the compiler's message can explain. A closure that captures only what is `Copy` passes here,
/// and fails by its size.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`call` takes a function, and `call!` also a closure that captures nothing",
    label = "this closure captures",
    note = "pass what it captures as an argument, `call!(|captured| ..., (captured,))`"
)]
pub trait CapturesNothing: Copy {}

#[diagnostic::do_not_recommend]
impl<F: Copy> CapturesNothing for F {}

/// Makes a job from a function call: `call!(fib(30))` is [`call(fib, (30,))`](call()). Evaluates the arguments, but does not call the
/// function.
///
/// ```
/// use executor::{Job, call};
///
/// fn area(width: u32, height: u32) -> u32 { width * height }
///
/// assert_eq!(call!(area(6, 7)).run(), 42);
/// ```
///
/// The function may have generic arguments. Write a method as a path, with its receiver as the first argument:
///
/// ```
/// use executor::{Job, call};
///
/// fn parse<T: std::str::FromStr>(text: String) -> Option<T> { text.parse().ok() }
///
/// assert_eq!(call!(parse::<u32>("7".to_owned())).run(), Some(7));
/// assert_eq!(call!(u64::pow(2, 10)).run(), 1024); // not `2_u64.pow(10)`
/// ```
///
/// For a closure, write the closure, then a tuple of its arguments:
///
/// ```
/// use executor::{Job, call};
///
/// assert_eq!(call!(|name: String, n| name.repeat(n), ("ab".to_owned(), 2)).run(), "abab");
/// ```
///
/// The closure must capture nothing, not even a value without bytes. Pass the values that it needs as arguments. This does not compile:
///
/// ```compile_fail,E0308
/// use executor::call;
///
/// #[derive(Clone, Copy)]
/// struct Token;
///
/// let token = Token;
/// let job = call!(move |n: u32| { let Token = token; n }, (7,));
/// ```
#[macro_export]
macro_rules! call {
    ($($function:ident)::+ ($($argument:expr),* $(,)?)) => {
        $crate::__call!([$($function)::+] $($argument),*)
    };
    ($($function:ident)::+ ::< $($generic:ty),+ $(,)? > ($($argument:expr),* $(,)?)) => {
        $crate::__call!([$($function)::+ ::<$($generic),+>] $($argument),*)
    };
    ($closure:expr, ($($argument:expr),* $(,)?) $(,)?) => {{
        struct Closure;
        impl $crate::__private::Named for Closure {
            const NAME: &'static str = ::core::concat!("closure at ", ::core::file!(), ":", ::core::line!());
        }
        let arguments = ($($argument,)*);
        $crate::__check_owned!(arguments, $($argument),*);
        $crate::__private::closure_call(arguments, Closure, $closure)
    }};
    ($($other:tt)*) => {
        compile_error!(
            "`call!` takes the path of a function, and its arguments: `call!(path::function(a, b))`; a method by its path, \
             `call!(Type::method(value, a))` in place of `value.method(a)`; or a closure that captures nothing, and a tuple of its \
             arguments, `call!(|a, b| ..., (a, b))`: without arguments, `call!(|| ..., ())`"
        )
    };
}

/// Makes sure that the function coerces to a `fn` pointer, as no closure does that captures.
#[doc(hidden)]
#[macro_export]
macro_rules! __call {
    ([$($function:tt)+] $($argument:expr),*) => {{
        let arguments = ($($argument,)*);
        $crate::__check_owned!(arguments, $($argument),*);
        let function = $($function)+;
        if false {
            let _: fn($($crate::__any!($argument)),*) -> _ = function;
        }
        $crate::call(function, arguments)
    }};
}

/// A type for the compiler to find.
#[doc(hidden)]
#[macro_export]
macro_rules! __any {
    ($argument:expr) => {
        _
    };
}

/// Names each borrowed argument in the compiler's message: a tuple as a whole would only get serde's.
#[doc(hidden)]
#[macro_export]
macro_rules! __check_owned {
    ($arguments:ident, ) => {};
    ($arguments:ident, $a:expr $(, $($rest:expr),*)?) => {
        $crate::__check_owned!(@ $arguments, [0 1 2 3 4 5 6 7], $a $(, $($rest),*)?)
    };
    (@ $arguments:ident, [$($index:tt)*], ) => {};
    (@ $arguments:ident, [$index:tt $($next:tt)*], $a:expr $(, $($rest:expr),*)?) => {
        {
            #[allow(unused_imports)]
            use $crate::__private::Owned as _;
            if false {
                $crate::__private::probe(&$arguments.$index).own();
            }
        }
        $crate::__check_owned!(@ $arguments, [$($next)*], $($($rest),*)?)
    };
}

/// Arguments that can move to another process: those that own their data. Implemented for every type that is `Serialize` and
/// `Deserialize` for any lifetime. Borrowed data, such as `(&str,)`, does not qualify: pass a `String` instead.
#[diagnostic::on_unimplemented(
    message = "the arguments `{Self}` cannot be sent to another process",
    note = "arguments must own their data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`"
)]
pub trait OwnedArguments<'bytes>: Serialize + Deserialize<'bytes> {}

#[diagnostic::do_not_recommend]
impl<'bytes, A> OwnedArguments<'bytes> for A where A: Serialize + Deserialize<'bytes> {}

impl<F, A> Portable for Call<F, A>
where
    Self: Job,
    F: Copy + 'static,
    A: for<'bytes> OwnedArguments<'bytes> + 'static,
{
    fn type_name() -> &'static str {
        std::any::type_name::<F>()
    }

    fn wire(&self, _: &impl Remake) -> impl Serialize {
        InOnePiece(&self.arguments)
    }

    fn size_hint(&self) -> usize {
        bytes::size_hint(&self.arguments)
    }

    fn rebuild<'de, D, R>(wire: D, remake: &R) -> Result<Self, D::Error>
    where
        D: Deserializer<'de>,
        R: Remake,
    {
        let arguments = bytes::deserialize(wire)?;
        Ok(Call { function: remake.remake(), arguments })
    }
}

impl<F, A: fmt::Debug> fmt::Debug for Call<F, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(std::any::type_name::<F>()).field(&self.arguments).finish()
    }
}

macro_rules! jobs {
    ($($arity:literal: $($argument:ident $name:ident),*;)*) => {$(
        impl<F, T, $($argument),*> Job for Call<F, ($($argument,)*)>
        where
            F: FnOnce($($argument),*) -> T + CapturesNothing + Send + 'static,
            T: Send + 'static,
            $($argument: Send + 'static,)*
        {
            type Output = T;

            fn run(self) -> T {
                let ($($name,)*) = self.arguments;
                named::<F, _>(|| (self.function)($($name),*))
            }

            fn job_name(_: Option<&Self>) -> JobName {
                JobPath::of::<F>().into()
            }
        }
    )*};
}

jobs! {
    0: ;
    1: A a;
    2: A a, B b;
    3: A a, B b, C c;
    4: A a, B b, C c, D d;
    5: A a, B b, C c, D d, E e;
    6: A a, B b, C c, D d, E e, G g;
    7: A a, B b, C c, D d, E e, G g, H h;
    8: A a, B b, C c, D d, E e, G g, H h, I i;
}

/// The expansion of [`call!`](crate::call!). Not for use by hand.
#[doc(hidden)]
pub(crate) mod probe {
    use std::marker::PhantomData;

    /// An inherent method wins over a trait's, so a reference finds the one that always fails to compile, saying why.
    pub struct Probe<T>(PhantomData<T>);

    pub fn probe<T>(_: &T) -> Probe<T> {
        Probe(PhantomData)
    }

    #[diagnostic::on_unimplemented(
        message = "`&{Self}` is borrowed, and the arguments of a `call!` must own their data",
        label = "borrowed argument",
        note = "pass a `String` instead of `&str`, a `Vec<T>` instead of `&[T]`, a clone instead of a reference"
    )]
    pub trait OwnInstead {}

    impl<T: ?Sized> Probe<&T> {
        pub fn own(self)
        where
            T: OwnInstead,
        {
        }
    }

    pub trait Owned: Sized {
        fn own(self) {}
    }

    impl<T> Owned for Probe<T> {}
}
