//! An executor that runs a job when it is told to, on virtual time.

mod builder;
mod clock;
mod control;
mod driving;
mod dump;
mod ending;
mod executor;
mod handle;
mod inside;
mod lanes;
mod own_thread;
mod push;
mod running;
mod shared;
mod state;
mod submit;
mod threads;

pub use builder::ManualExecutorBuilder;
pub use executor::ManualExecutor;
pub use handle::ManualHandle;
