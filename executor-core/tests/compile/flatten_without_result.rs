//~ `flatten` is for jobs that return a `Result`
//~ this job returns `u32`
//~ without `flatten`, the future's outcome is `Result<u32, JobError>` already

fn main() {
    let _ = executor_core::Future::ready(7_u32).flatten();
}
