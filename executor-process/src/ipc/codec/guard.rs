//! Serde's traits are implemented by users: a panic in them is a cause why a value cannot be encoded or decoded.

use executor_core::JobError;
use executor_core::panics::catch;

use super::Cause;

pub(super) const SERIALIZE: &str = "Serialize";
pub(super) const DESERIALIZE: &str = "Deserialize";

/// Serde's traits are implemented by users, so they may panic.
pub(super) fn guarded<T>(name: &str, f: impl FnOnce() -> Result<T, Cause>) -> Result<T, Cause> {
    match catch(f) {
        Ok(done) => done,
        Err(error) => Err(cause_of_panic(name, &error)),
    }
}

#[cold]
fn cause_of_panic(name: &str, error: &JobError) -> Cause {
    match error {
        JobError::Panicked(panic) => {
            let place = panic.place().map(|place| format!(" at {place}")).unwrap_or_default();
            format!("its `{name}` panicked{place}: {}", panic.message())
        }
        other => other.to_string(),
    }
}
