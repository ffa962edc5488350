//! The items of a map, which come from an iterator of the user's.

use std::iter::Fuse;

use crate::error::{JobError, Panicked};
use crate::panics::catch;

/// Takes items ahead of their results. A panic of the iterator is kept until the results of the items before it are out.
pub(super) struct Input<I> {
    items: Fuse<I>,
    panicked: Option<Panicked>,
}

impl<I: Iterator> Input<I> {
    pub(super) fn new(items: I) -> Self {
        Self { items: items.fuse(), panicked: None }
    }

    /// The next item. `None` at the end, and where the iterator has panicked.
    pub(super) fn next(&mut self) -> Option<I::Item> {
        self.pull(Iterator::next)?
    }

    /// Up to `n` items. Those before a panic are among them.
    pub(super) fn take(&mut self, n: usize) -> Vec<I::Item> {
        let mut taken = Vec::new();
        self.pull(|items| taken.extend(items.take(n)));
        taken
    }

    fn pull<R>(&mut self, f: impl FnOnce(&mut Fuse<I>) -> R) -> Option<R> {
        if self.panicked.is_some() {
            return None;
        }
        match catch(|| f(&mut self.items)) {
            Ok(pulled) => Some(pulled),
            Err(error) => {
                if let JobError::Panicked(panicked) = error {
                    self.panicked = Some(panicked);
                }
                None
            }
        }
    }

    /// Goes on with the iterator's panic, if there was one. To be called when no result is left.
    pub(super) fn resume_panic(&mut self) {
        if let Some(panicked) = self.panicked.take() {
            panicked.resume();
        }
    }

    pub(super) fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}
