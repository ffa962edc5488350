//! Failed jobs that are kept as files: the contents of these, and when they are written.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use executor_core::{Saved, Saving};

use crate::diagnostics::failed_job::{FailedJob, SavedArguments};
use crate::ipc::payload::Bytes;
use crate::ipc::shared_memory::Frozen;
use crate::protocol::program_image::{self, Offset};
use crate::protocol::replay_file::{self, Contents, Input, Part};

/// Keeps a job that failed as a file, if the pool's settings say so. Blocks while it is written.
pub(crate) fn save(case: &FailedJob, why: &dyn fmt::Display) -> Option<Saved> {
    let directory = case.settings.keep_failed.as_deref()?;
    Some(match keep(directory, case, why) {
        Ok(path) => Saved::to(path),
        Err(reason) => Saved::failed(reason),
    })
}

/// A job whose error is told before it is kept as a file.
pub(crate) struct Unsaved {
    case: FailedJob,
    why: String,
    saving: Saving,
}

impl Unsaved {
    /// The note for the error, and the job that is to be [written](Unsaved::write), if the pool's settings say so.
    pub(crate) fn new(case: FailedJob, why: String) -> Option<(Saved, Self)> {
        case.settings.keep_failed.as_ref()?;
        let (saved, saving) = Saved::later();
        Some((saved, Self { case, why, saving }))
    }

    /// Blocks while it is written.
    pub(crate) fn write(self) {
        let Self { case, why, saving } = self;
        if let Some(directory) = &case.settings.keep_failed {
            saving.done(keep(directory, &case, &why));
        }
    }
}

fn keep(directory: &Path, case: &FailedJob, why: &dyn fmt::Display) -> Result<PathBuf, String> {
    let entry = Offset::of_job(case.entry).ok_or("its function is not in the program's own file")?;
    let mut blobs = Vec::new();
    let template = || case.settings.template.as_ref()?.function();
    let initializer = case.settings.initializer.as_ref().or_else(template).map(|(entry, body)| {
        let attached = body.descriptors_of(None).ok_or(Unfit)?;
        Ok((*entry, input(body.bytes(), attached, &mut blobs)?))
    });
    let initializer = initializer.transpose().map_err(|Unfit| Unfit::text("the initializer's arguments"))?;
    let job = match &case.body {
        SavedArguments::Whole { bytes, attached } => input(bytes, attached.clone(), &mut blobs),
        SavedArguments::Handles => Err(Unfit),
    };
    let contents = Contents {
        build: program_image::build(),
        codec: case.settings.codec,
        initializer,
        entry,
        name: case.type_name.to_owned(),
        id: case.id.get(),
        attempt: case.attempt,
        why: why.to_string(),
        job: job.map_err(|Unfit| Unfit::text("its arguments"))?,
    };
    replay_file::write(directory, &contents, &blobs)
}

/// There is something in it that no file can hold.
#[derive(Debug)]
struct Unfit;

impl Unfit {
    fn text(place: &str) -> String {
        format!("{place} hold channels or handles of a manager or of a shared value, which end with the program")
    }
}

/// Adds the blobs among what is attached to `blobs`.
fn input(bytes: &Bytes, attached: Vec<Option<Arc<OwnedFd>>>, blobs: &mut Vec<Frozen>) -> Result<Input, Unfit> {
    let mut part = |file| {
        let Some(file) = file else { return Ok(Part::of(&[])) };
        let blob = Frozen::open(file).map_err(|_| Unfit)?;
        let part = Part::of(&blob);
        blobs.push(blob);
        Ok(part)
    };
    let blobs = attached.into_iter().map(&mut part).collect::<Result<_, Unfit>>()?;
    Ok(Input { bytes: bytes.clone(), blobs })
}
