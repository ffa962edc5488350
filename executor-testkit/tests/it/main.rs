//! What the testkit promises, and that it finds what it is there to find.

mod contract;
mod manual;
mod support;
