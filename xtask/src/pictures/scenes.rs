//! The pictures of the documentation.

use super::canvas::{Canvas, Look};

/// Every picture: the name of its file, and what is in it.
pub(crate) fn all() -> Vec<(&'static str, String)> {
    vec![("job-life", job_life()), ("process-job", process_job()), ("shutdown", shutdown()), ("choosing", choosing())]
}

fn job_life() -> String {
    let mut page = Canvas::new(
        680,
        585,
        "The life of a job",
        "A submitted job is queued, or rejected when the pool is shut down or its queue is full. A queued job can be cancelled. \
         A worker starts it; a running job can only be aborted. It ends with exactly one outcome.",
    );
    page.boxed(Look::Plain, [20, 20, 270, 62], &["submit", "`pool.submit(job)`"]);
    page.boxed(Look::Bad, [410, 20, 250, 62], &["Rejected", "shut down, or the queue is full"]);
    page.arrow(&[[290, 51], [410, 51]]);
    page.note([300, 41], &["not accepted"]);
    page.arrow(&[[145, 82], [145, 132]]);
    page.note([155, 112], &["accepted: exactly one outcome will come"]);

    page.boxed(Look::Plain, [20, 132, 270, 62], &["Queued", "after its delay, by priority"]);
    page.boxed(
        Look::Stop,
        [410, 132, 250, 100],
        &[
            "Cancelled, never starts",
            "`cancel()` `abort()`",
            "a `map` that is dropped",
            "shutdown: cancel pending, kill",
        ],
    );
    page.arrow(&[[290, 154], [410, 154]]);
    page.boxed(Look::Bad, [410, 246, 250, 62], &["TimedOut or Rejected", "`start_by` over; `DropOldest`"]);
    page.arrow(&[[290, 178], [340, 178], [340, 277], [410, 277]]);

    page.arrow(&[[200, 194], [200, 340]]);
    page.note([210, 258], &["a worker", "is free"]);
    page.boxed(Look::Plain, [20, 340, 270, 62], &["Running", "`cancel()` is false from here on"]);
    page.boxed(
        Look::Stop,
        [410, 322, 250, 100],
        &[
            "Cancelled: process killed",
            "`abort()`, shutdown: kill",
            "a thread job is asked to stop",
            "and ends as it likes",
        ],
    );
    page.arrow(&[[290, 371], [410, 371]]);
    page.arrow(&[[60, 340], [60, 194]]);
    page.note([70, 258], &["worker died,", "`retry(n)` left"]);

    page.arrow(&[[120, 402], [120, 452]]);
    page.boxed(Look::Good, [20, 452, 200, 113], &["Done: Ok", "the value"]);
    page.boxed(
        Look::Bad,
        [240, 452, 420, 113],
        &[
            "Done: Err",
            "`Panicked`: the job panicked",
            "`TimedOut`: it ran longer than `timeout`",
            "`Crashed`: its worker process died",
            "`Codec`, `Broken`: it could not be sent or run",
        ],
    );
    page.arrow(&[[270, 402], [270, 427], [330, 427], [330, 452]]);
    page.finish()
}

fn process_job() -> String {
    let mut page = Canvas::new(
        680,
        536,
        "The way of a job through a process pool",
        "The submitter encodes the arguments once. A worker thread of the pool hands them to its worker process, which decodes them, runs \
         the job and encodes the result. The thread that takes the result decodes it. A crash ends the process and that job alone.",
    );
    page.boxed(Look::Side, [10, 10, 330, 516], &[]);
    page.note([24, 34], &["your program"]);
    page.boxed(Look::Side, [370, 168, 300, 238], &[]);
    page.note([384, 192], &["a worker: the same program, again"]);

    page.boxed(Look::Plain, [40, 50, 270, 62], &["the submitter", "encodes the arguments once"]);
    page.arrow(&[[175, 112], [175, 142]]);
    page.boxed(Look::Plain, [40, 142, 270, 62], &["the queue", "bytes, by priority; no descriptor"]);
    page.arrow(&[[175, 204], [175, 234]]);
    page.boxed(Look::Plain, [40, 234, 270, 62], &["a worker thread", "owns one process and talks to it"]);
    page.arrow(&[[310, 265], [385, 265]]);
    page.boxed(Look::Plain, [385, 234, 270, 62], &["decodes, runs, encodes", "large bytes: by shared memory"]);
    page.arrow(&[[520, 296], [520, 330], [310, 330]]);
    page.note([384, 350], &["the result, as bytes"]);
    page.boxed(Look::Good, [40, 312, 270, 62], &["the outcome", "kept until it is taken"]);
    page.arrow(&[[175, 374], [175, 404]]);
    page.boxed(Look::Plain, [40, 404, 270, 62], &["the waiter", "decodes the result"]);
    page.note([24, 496], &["`pool.submit(call!(f(x))).result()`"]);

    page.boxed(
        Look::Bad,
        [370, 420, 300, 106],
        &[
            "the worker dies, or is killed",
            "Crashed, TimedOut or Cancelled:",
            "for this job alone",
            "the thread starts another worker",
        ],
    );
    page.arrow(&[[640, 296], [640, 420]]);
    page.finish()
}

fn shutdown() -> String {
    let mut page = Canvas::new(
        680,
        486,
        "The three steps of a shutdown",
        "A shutdown rejects new jobs. Drain runs all that was accepted. Cancel pending cancels jobs that have not started. Kill also stops \
         running jobs. With a limit, a shutdown goes on to kill when the time is over.",
    );
    page.boxed(
        Look::Plain,
        [20, 20, 640, 62],
        &["from the first moment", "new jobs are Rejected; `try_submit` gives them back"],
    );
    for (x, look, head, method, queued, running) in [
        (20, Look::Good, "1  drain", "`ShutdownPolicy::drain()`", "run, delayed ones in time", "run to their end"),
        (240, Look::Stop, "2  cancel pending", "`::cancel_pending()`", "Cancelled", "run to their end"),
        (460, Look::Bad, "3  kill", "`::kill()`", "Cancelled", "threads: asked to stop"),
    ] {
        page.arrow(&[[x + 100, 82], [x + 100, 108]]);
        page.boxed(look, [x, 108, 200, 62], &[head, method]);
        page.boxed(Look::Plain, [x, 182, 200, 62], &["queued jobs", queued]);
        if x == 460 {
            page.boxed(Look::Plain, [x, 256, 200, 62], &["running jobs", running, "processes: SIGKILL"]);
        } else {
            page.boxed(Look::Plain, [x, 256, 200, 62], &["running jobs", running]);
        }
    }
    page.boxed(
        Look::Stop,
        [20, 330, 640, 62],
        &["the limit of `within(limit)` is over", "steps 1 and 2 go on as step 3, kill"],
    );
    page.boxed(
        Look::Plain,
        [20, 404, 640, 62],
        &["the report", "how many completed, were cancelled, and still run on threads"],
    );
    page.finish()
}

fn choosing() -> String {
    let mut page = Canvas::new(
        680,
        590,
        "Which pool?",
        "Several machines: a message broker, with a pool on each machine. May crash, leak or hang: ProcessPool. Waits: ThreadPool, or tokio or \
         smol for thousands of waits at once. Computes: RayonPool if it uses par_iter inside, else ThreadPool.",
    );
    let questions: [(&[&str], Look, &[&str]); 5] = [
        (
            &["Several machines?", "one host is not enough"],
            Look::Side,
            &["a message broker", "and a pool on each machine"],
        ),
        (
            &["May it crash, leak or hang?", "C code, untrusted input"],
            Look::Good,
            &["`ProcessPool`", "a crash costs that job alone"],
        ),
        (
            &["Do thousands wait at once?", "sockets, timers"],
            Look::Side,
            &["tokio or smol", "and a `ThreadPool` for calls that block"],
        ),
        (
            &["Does it mostly wait?", "files, databases, locks"],
            Look::Good,
            &["`ThreadPool`", "as wide as the waits at once"],
        ),
        (&["It computes: by `par_iter`?", "or `rayon::join`"], Look::Good, &["`RayonPool`", "as wide as the cores"]),
    ];
    let mut y = 20;
    for (question, look, answer) in questions {
        page.boxed(Look::Plain, [20, y, 270, 66], question);
        page.boxed(look, [340, y, 320, 66], answer);
        page.arrow(&[[290, y + 33], [340, y + 33]]);
        page.note([300, y + 24], &["yes"]);
        page.arrow(&[[155, y + 66], [155, y + 98]]);
        page.note([165, y + 87], &["no"]);
        y += 98;
    }
    page.boxed(Look::Good, [20, y, 270, 66], &["`ThreadPool`", "as wide as the cores"]);
    page.finish()
}
