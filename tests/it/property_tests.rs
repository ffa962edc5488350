//! The example of a service that is property-tested, run as a person would run it.

use crate::examples::example;
use crate::support::within_patience;

#[test]
fn a_service_and_its_tests_hold() {
    within_patience(|| {
        let output = example("property_test_shutdown").output().expect("it can be started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{stderr}", output.status);
        let expected = "sent at the third attempt, after: 3s
told by a stop between two attempts: [1, 3]
courses of events without a letter lost: 500
seeds of trouble without a letter lost: 100
the pool beside the model: nothing found
";
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    });
}
