//! The testkit keeps its promises, and finds the faults that it is made to find.

mod contract;
mod manual;
mod support;
