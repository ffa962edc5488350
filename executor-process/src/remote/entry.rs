//! The entries of job types: constants of the program, which bytes from elsewhere name by their place. Unsafe, because a reference is made
//! of a number.
//!
//! A worker process takes offsets of functions from its parent alone. Here the number may be forged, so it must not lead to just any code.
//! [`Entry::at`] believes a place only if it holds an entry that the compiler has put there.
#![allow(unsafe_code)]

use std::any::type_name;
use std::time::Instant;

use executor_core::panics::{drop_catching, named_as};
use executor_core::{JobPath, PortableJob, Remake};

use super::result::RemoteResult;
use crate::ipc::codec::{Codec, Step};
use crate::ipc::payload::Bytes;
use crate::protocol::program_image::{constant_at, distance_of_constant};
use crate::worker::remake::Remaker;
use crate::worker::run_job::JobSeed;

type Magic = [u8; 32];

/// Random. It is part of entries alone: the program has no other constant with these bytes, since they are compared with those of an entry
/// that the compiler cannot look into, see [`Entry::at`].
const MAGIC: Magic = *b"\xb1\x5f\x0c\x8e\x47\xd2\x99\x3a\xe6\x11\x7d\xc4\x28\xfb\x63\x90\x1e\xa7\x52\xcd\x39\x84\xf0\x6b\xd5\x2a\x9c\x76\x03\xbe\x48\xe1";

/// All that a job type alone decides.
#[repr(C)]
pub(super) struct Entry {
    magic: Magic,
    run: fn(Codec, Bytes) -> RemoteResult,
    name: fn() -> &'static str,
}

/// The entry that others are compared with. It is genuine itself, and runs nothing.
static REFERENCE: Entry = Entry {
    magic: MAGIC,
    run: |codec, _| RemoteResult::failed(codec, Step::DecodeJob, "it is no job".to_owned()),
    name: type_name::<Entry>,
};

impl Entry {
    /// `None` if the entry of `J` is not a constant of the program's own file.
    pub(super) fn of<J: PortableJob>() -> Option<&'static Self> {
        let entry: &'static Self = const { &Self { magic: MAGIC, run: run::<J>, name: J::type_name } };
        entry.distance().map(|_| entry)
    }

    /// How far it is from the base of the program's image.
    pub(super) fn distance(&'static self) -> Option<usize> {
        distance_of_constant(self)
    }

    /// The entry at that distance from the base of the program's image, in a process that runs the same file. `None` if there is no entry.
    pub(super) fn at(distance: usize) -> Option<&'static Self> {
        let place = constant_at::<Self>(distance)?;
        // SAFETY: `constant_at` says that the place is aligned, and that all of it is mapped, can be read and never changes. Any bytes
        // are a `Magic`. The volatile read of the reference keeps the compiler from comparing with a copy of its bytes, which would be
        // one more place in the program with the magic.
        let is_entry = unsafe { place.cast::<Magic>().read() == (&raw const REFERENCE.magic).read_volatile() };
        // SAFETY: the place has an entry's magic. No constant but an entry has it: `MAGIC` is private to this module, which uses it in
        // entries alone, and 256 random bits are nowhere else by chance. So there is an `Entry`, for as long as the program runs.
        is_entry.then(|| unsafe { &*place })
    }

    pub(super) fn run(&self, codec: Codec, arguments: Bytes) -> RemoteResult {
        (self.run)(codec, arguments)
    }

    /// The path of the job's function or type.
    pub(super) fn name(&self) -> &'static str {
        (self.name)()
    }

    pub(super) fn path(&self) -> JobPath {
        JobPath::by(self.name)
    }
}

/// Lets go of the arguments' bytes before the job runs.
fn run<J: PortableJob>(codec: Codec, arguments: Bytes) -> RemoteResult {
    let decoded = codec.decode_by_value(&arguments, JobSeed::<J, _>::new(&Elsewhere));
    drop(arguments);
    let job = match decoded {
        Ok(job) => job,
        Err(cause) => return RemoteResult::failed(codec, Step::DecodeJob, cause),
    };
    let started = Instant::now();
    // A panic names the job's own type, not the `RemoteJob` in which it came.
    let output = named_as(J::type_name, || job.run());
    let result = RemoteResult::of(codec, &output, started.elapsed());
    drop_catching(output);
    result
}

/// Recreates functions in bytes from elsewhere: from their types alone. A number in such bytes may be forged, so no pointer is made of it.
pub(super) struct Elsewhere;

impl Remake for Elsewhere {
    fn remake<F: Copy + 'static>(&self) -> F {
        Remaker.remake()
    }

    fn distance(&self, _: usize) -> Option<usize> {
        None
    }

    fn no_distance(&self) -> &'static str {
        "a closure cannot leave this host; write a function, and submit `call!(function(a, b))`"
    }

    fn pointer<P: Copy + 'static>(&self, _: usize) -> Option<P> {
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use executor_core::call;

    use super::*;
    use crate::protocol::program_image;

    fn double(n: u32) -> u32 {
        2 * n
    }

    fn of<J: PortableJob>(_: &J) -> &'static Entry {
        Entry::of::<J>().expect("it is a constant of this program")
    }

    #[test]
    fn entry_comes_back_from_its_distance() {
        let entry = of(&call(double, (1,)));
        let found = Entry::at(entry.distance().unwrap()).expect("it is there");
        assert_eq!(found.name(), type_name_of(double));
        assert!(std::ptr::eq(entry, found));
    }

    fn type_name_of<F>(_: F) -> &'static str {
        type_name::<F>()
    }

    #[test]
    fn entry_outside_constants_is_none() {
        let copied: &'static Entry = Box::leak(Box::new(Entry { ..*of(&call(double, (1,))) }));
        assert_eq!(copied.distance(), None, "on the heap");
        for distance in [usize::MAX, usize::MAX / 2, program_image::own(double as *const () as usize).unwrap()] {
            assert!(Entry::at(distance).is_none());
        }
    }

    #[test]
    fn all_offsets_of_the_image_lead_to_entries_only() {
        let known = of(&call(double, (1,)));
        let end = program_image::end_of_constants();
        let found: Vec<_> = (0..end).filter_map(|distance| Some((distance, Entry::at(distance)?))).collect();
        assert!(found.iter().any(|(distance, _)| Some(*distance) == known.distance()), "{} found", found.len());
        for (distance, entry) in &found {
            assert_eq!(distance % align_of::<Entry>(), 0);
            // The functions of an entry are in the program's code, and a name is a path.
            assert!(
                program_image::own(entry.run as usize).is_some() && program_image::own(entry.name as usize).is_some()
            );
            let name = entry.name();
            assert!(name.contains("::") || name.starts_with("closure at "), "{distance}: {name}");
        }
        let names: BTreeSet<_> = found.iter().map(|(_, entry)| entry.name()).collect();
        assert!(names.contains(type_name::<Entry>()), "the reference: {names:?}");
    }
}
