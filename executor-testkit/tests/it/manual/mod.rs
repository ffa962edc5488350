//! The manual executor: it runs what it is told to, when it is told to, on its own time.

mod driving;
mod ends;
mod names;
mod orders;
mod own_thread;
mod pool;
mod rooms;
mod time;
mod waits;
