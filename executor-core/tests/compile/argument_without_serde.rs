//~ `Call<fn(u32, Point) -> u32 {x}, (u32, Point)>` cannot be sent to another process
//~ the arguments of a `call!` must own their data (`String`, not `&str`) and implement serde's `Serialize` and `Deserialize`

struct Point;

fn x(n: u32, _: Point) -> u32 {
    n
}

fn submit(_: impl executor_core::PortableJob) {}

fn main() {
    submit(executor_core::call!(x(1, Point)));
}
