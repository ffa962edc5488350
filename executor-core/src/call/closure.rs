//! A closure and its arguments as a job that can move to another process: the closure goes as the `fn` pointer that it coerces to.

use std::fmt;
use std::marker::PhantomData;

use serde_core::de::Error as _;
use serde_core::ser::Error as _;
use serde_core::{Deserialize, Deserializer, Serialize, Serializer};

use super::OwnedArguments;
use crate::bytes::{self, InOnePiece};
use crate::error::{JobName, JobPath};
use crate::job::{Job, Portable, Remake, sealed};
use crate::panics::named_as;
use crate::two_fields::{self, Names};

/// The name that errors give to a closure.
pub trait Named: 'static {
    /// It is told as that of the function.
    const NAME: &'static str;
}

/// Up to eight arguments, and the pointers that take them. Sealed, since a `Pointer` is made of a number.
pub trait Arguments: tuple::Sealed + Send + Sized + 'static {
    /// The pointers to functions that take them, and return an `R`.
    type Pointer<R: 'static>: Copy + Send + 'static;

    /// Calls the function.
    fn apply<R: 'static>(self, function: Self::Pointer<R>) -> R;

    /// Where the function lies.
    fn address<R: 'static>(function: Self::Pointer<R>) -> usize;
}

/// A closure that captures nothing, and its arguments. Made by [`call!`](crate::call!).
#[must_use = "a call does nothing until it is submitted"]
pub struct ClosureCall<N, A: Arguments, R: 'static> {
    function: A::Pointer<R>,
    arguments: A,
    name: PhantomData<fn() -> N>,
}

/// The arguments come first, so that their types are known where the closure is looked at.
pub fn closure_call<N: Named, A: Arguments, R: 'static>(
    arguments: A,
    _: N,
    function: A::Pointer<R>,
) -> ClosureCall<N, A, R> {
    ClosureCall { function, arguments, name: PhantomData }
}

impl<N: Named, A: Arguments, R: Send + 'static> Job for ClosureCall<N, A, R> {
    type Output = R;

    fn run(self) -> R {
        named_as(|| N::NAME, || self.arguments.apply(self.function))
    }

    fn job_name(_: Option<&Self>) -> JobName {
        JobPath::by(|| N::NAME).into()
    }
}

impl<N, A: Arguments, R> sealed::Sealed for ClosureCall<N, A, R> {}

impl<N, A, R> Portable for ClosureCall<N, A, R>
where
    N: Named,
    A: Arguments + for<'bytes> OwnedArguments<'bytes>,
    R: Send + 'static,
{
    fn type_name() -> &'static str {
        N::NAME
    }

    fn wire(&self, remake: &impl Remake) -> impl Serialize {
        let distance = remake.distance(A::address(self.function)).ok_or_else(|| remake.no_distance());
        Sent { function: Distance(distance), arguments: &self.arguments }
    }

    fn size_hint(&self) -> usize {
        match bytes::size_hint(&self.arguments) {
            0 => 0,
            arguments => arguments + OWN_SIZE,
        }
    }

    fn rebuild<'de, D, M>(wire: D, remake: &M) -> Result<Self, D::Error>
    where
        D: Deserializer<'de>,
        M: Remake,
    {
        let (function, Whole(arguments)) = two_fields::deserialize(NAMES, wire)?;
        let function =
            remake.pointer(function).ok_or_else(|| D::Error::custom("its function is not in this program"))?;
        Ok(Self { function, arguments, name: PhantomData })
    }
}

impl<N: Named, A: Arguments + fmt::Debug, R> fmt::Debug for ClosureCall<N, A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(N::NAME).field(&self.arguments).finish()
    }
}

/// Of a function from the base of the program's image.
struct Distance(Result<usize, &'static str>);

impl Serialize for Distance {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Ok(distance) => distance.serialize(to),
            Err(why) => Err(S::Error::custom(why)),
        }
    }
}

/// More than all takes but the arguments, names included.
const OWN_SIZE: usize = 256;

/// The fields have names, since errors tell them.
const NAMES: Names = Names { name: "ClosureCall", fields: &["function", "arguments"] };

/// The encoded form of a [`ClosureCall`].
struct Sent<'a, A> {
    function: Distance,
    arguments: &'a A,
}

impl<A: Serialize + 'static> Serialize for Sent<'_, A> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        two_fields::serialize(NAMES, (&self.function, &InOnePiece(self.arguments)), to)
    }
}

/// Reads a value that was written [`InOnePiece`].
struct Whole<A>(A);

impl<'de, A: Deserialize<'de> + 'static> Deserialize<'de> for Whole<A> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        bytes::deserialize(from).map(Whole)
    }
}

mod tuple {
    pub trait Sealed {}
}

macro_rules! arguments {
    ($($argument:ident $name:ident),*) => {
        impl<$($argument),*> tuple::Sealed for ($($argument,)*) {}

        impl<$($argument: Send + 'static),*> Arguments for ($($argument,)*) {
            type Pointer<R: 'static> = fn($($argument),*) -> R;

            fn apply<R: 'static>(self, function: Self::Pointer<R>) -> R {
                let ($($name,)*) = self;
                function($($name),*)
            }

            fn address<R: 'static>(function: Self::Pointer<R>) -> usize {
                function as usize
            }
        }
    };
}

arguments!();
arguments!(A a);
arguments!(A a, B b);
arguments!(A a, B b, C c);
arguments!(A a, B b, C c, D d);
arguments!(A a, B b, C c, D d, E e);
arguments!(A a, B b, C c, D d, E e, G g);
arguments!(A a, B b, C c, D d, E e, G g, H h);
arguments!(A a, B b, C c, D d, E e, G g, H h, I i);
