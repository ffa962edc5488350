//! What the testkit promises, and that it finds what it is there to find.

mod manual;
mod support;
