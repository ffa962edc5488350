//! Whether a type without bytes is that of a function.

use std::any::{type_name, type_name_of_val};
use std::sync::OnceLock;

/// Whether `F`, which is `Copy`, has no bytes and can be called, is the type of a function: false for every closure.
///
/// Stable Rust shows the difference between the two in their names alone. A compiler that writes names in another way is noticed
/// here, and then nothing counts as a function.
pub fn is_function<F>() -> bool {
    static NAMES_TELL: OnceLock<bool> = OnceLock::new();
    names_function(type_name::<F>()) && *NAMES_TELL.get_or_init(names_tell)
}

/// A closure is called `{{closure}}` in its parent; a function has a name, or generic arguments behind it.
fn names_function(name: &str) -> bool {
    !name.ends_with('}') || name.ends_with("::{{constructor}}")
}

fn names_tell() -> bool {
    fn within<T: Copy>(token: T) -> [&'static str; 2] {
        let capturing = move || {
            let _: T = token;
        };
        [type_name_of_val(&capturing), type_name_of_val(&|| size_of::<T>())]
    }
    let closures = [within(()), within(|| ())].concat();
    !closures.into_iter().any(names_function)
        && names_function(type_name_of_val(&is_function::<u8>))
        && names_function(type_name_of_val(&names_tell))
}

#[cfg(test)]
mod tests {
    use super::*;

    trait Trait {
        fn closure_in_generics(self) -> bool;
    }

    impl<T> Trait for T {
        fn closure_in_generics(self) -> bool {
            let closure = || ();
            of(&closure)
        }
    }

    fn of_function_for<T>(_: &T) -> bool {
        of(&drop::<T>)
    }

    fn of<F>(_: &F) -> bool {
        is_function::<F>()
    }

    #[test]
    fn functions_are_told_from_closures() {
        struct Tuple(#[expect(dead_code, reason = "its constructor is a function")] u8);
        assert!(names_tell());
        let closure = || ();
        assert!(of(&of::<u8>) && of(&Tuple) && of(&Some::<u8>) && of(&u64::pow) && of(&<u8 as Clone>::clone));
        assert!(of(&drop::<fn()>) && of(&<[u8]>::len) && of(&<(u8, u8) as Clone>::clone));
        assert!(of_function_for(&closure), "a function for a closure");
        let token = ();
        let capturing = move || {
            let _: () = token;
        };
        assert!(!of(&closure) && !of(&capturing) && !of(&async || ()));
        assert!(!1_u8.closure_in_generics() && !closure.closure_in_generics() && ![1_u8; 3].closure_in_generics());
    }
}
