//! The abilities that a kind of executor may lack. Named by the macro `contract!`, so that a misspelt ability does not compile.

pub const fn delays() {}
pub const fn aborts() {}
pub const fn nested_waits() {}
pub const fn spares() {}
pub const fn one_worker() {}
pub const fn bounded() {}
