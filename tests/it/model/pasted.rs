//! A test that the model printed for a faulty pool, pasted. It fails as the model said, each time.

use executor_testkit::model::{Act, Script, Shape};

use super::faults::deaf;

#[test]
#[should_panic(expected = "allowed: Ended(Refused(Shutdown))")]
fn a_shutdown_that_went_wrong() {
    Script::new(Shape::new(1)).shutdown(false).submit(1, Act::Return).check(deaf);
}
