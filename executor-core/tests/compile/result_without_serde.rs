//~ the job's result `Picture` cannot be sent to another process
//~ this job returns `Picture`
//~ a result must own its data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`

struct Picture;

fn draw() -> Picture {
    Picture
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(executor_core::call(draw, ()));
}
