//! How deep jobs may run inside of each other on one thread: by their number, and by the stack that they take.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::sync::thread_local;

/// How many jobs may wait for each other on one thread, each run in place by the one before it.
const MOST_DEPTH: usize = 128;

/// The standard library's size of a thread's stack, unless `RUST_MIN_STACK` is set.
const USUAL_SIZE: usize = 2 * 1024 * 1024;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static STACK: Cell<Option<Stack>> = const { Cell::new(None) };
}

/// A thread's stack, as far as it is known.
#[derive(Clone, Copy)]
struct Stack {
    /// An address near its beginning, or where the first job that was run inside of other code began.
    begin: usize,
    size: usize,
}

impl Stack {
    /// Half of it is left to the job that runs innermost.
    fn has_room(self) -> bool {
        self.begin.abs_diff(here()) <= self.size / 2
    }
}

/// For authors of executors: records that this thread, which has just started, has a stack of `size` bytes. `None` means the standard
/// library's size, which is also assumed for threads without this call.
pub fn begin_stack(size: Option<usize>) {
    let stack = Stack { begin: here(), size: size.unwrap_or_else(usual_size) };
    STACK.with(|known| known.set(Some(stack)));
}

/// For authors of executors: calls `f`, which runs a job inside other code, and counts one level of nesting. Returns `None`, and drops `f`,
/// if the thread is 128 levels deep, or has used half of its stack.
pub fn nested<R>(f: impl FnOnce() -> R) -> Option<R> {
    /// Goes up again, also when `f` panics.
    struct Level {
        depth: usize,
        stack: Option<Stack>,
    }
    impl Drop for Level {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(self.depth));
            STACK.with(|stack| stack.set(self.stack));
        }
    }
    let level = Level { depth: DEPTH.with(Cell::get), stack: STACK.with(Cell::get) };
    let stack = level.stack.unwrap_or_else(|| Stack { begin: here(), size: usual_size() });
    if level.depth >= MOST_DEPTH || !stack.has_room() {
        return None;
    }
    STACK.with(|known| known.set(Some(stack)));
    DEPTH.with(|depth| depth.set(level.depth + 1));
    Some(f())
}

/// An address in the stack frame of the caller, or close to it.
#[cfg(not(any(loom, shuttle)))]
#[inline(never)]
fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}

/// The threads of a model run on stacks of the model's.
#[cfg(any(loom, shuttle))]
fn here() -> usize {
    0
}

fn usual_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE
        .get_or_init(|| std::env::var("RUST_MIN_STACK").ok().and_then(|bytes| bytes.parse().ok()).unwrap_or(USUAL_SIZE))
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::thread;

    use super::*;

    /// How deep it goes, and how much of the stack is used there.
    fn depth_and_use(level: usize, begin: usize) -> (usize, usize) {
        let frame = std::hint::black_box([level; 128]);
        nested(|| depth_and_use(level + 1, begin)).unwrap_or((frame[0], begin.abs_diff(here())))
    }

    fn on_stack_of(bytes: usize, begin: fn()) -> (usize, usize) {
        let body = move || {
            begin();
            depth_and_use(0, here())
        };
        thread::Builder::new().stack_size(bytes).spawn(body).unwrap().join().unwrap()
    }

    const MIB: usize = 1024 * 1024;

    #[test]
    fn depth_is_bounded_by_the_stack() {
        let (small, used) = on_stack_of(4 * MIB, || begin_stack(Some(64 * 1024)));
        assert!((1..MOST_DEPTH).contains(&small), "{small} levels");
        assert!((16 * 1024..48 * 1024).contains(&used), "{used} bytes at {small} levels");
        let (smaller, _) = on_stack_of(4 * MIB, || begin_stack(Some(32 * 1024)));
        assert!(smaller < small, "{smaller} levels, and {small} on twice the stack");
    }

    #[test]
    fn depth_is_bounded_by_a_number() {
        let known: [fn(); 3] = [|| (), || begin_stack(None), || begin_stack(Some(8 * MIB))];
        for begin in known {
            assert_eq!(on_stack_of(8 * MIB, begin).0, MOST_DEPTH);
        }
    }

    #[test]
    fn depth_comes_back() {
        begin_stack(Some(64 * 1024));
        let first = depth_and_use(0, here()).0;
        assert_eq!(depth_and_use(0, here()).0, first);
        assert!(std::panic::catch_unwind(|| nested(|| panic!("in a job"))).is_err());
        assert_eq!(depth_and_use(0, here()).0, first);
    }
}
