//~ `Thumbnail` cannot be sent to another process
//~ this job can run on threads only
//~ for a job type of your own: `#[derive(Serialize, Deserialize)]` on it, and `impl Job for` it

struct Thumbnail;

impl executor_core::Job for Thumbnail {
    type Output = u32;
    fn run(self) -> u32 {
        64
    }
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(Thumbnail);
}
