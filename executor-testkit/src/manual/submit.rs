//! The executor methods that the executor, its handle and its views have in common.

/// When a job is to be queued.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Now { may_wait: bool },
    Later(std::time::Duration),
}

macro_rules! submits_jobs {
    ($executor:ident, $handle:ident, |$this:ident, $way:ident, $job:ident| $submit:expr $(, |$me:ident| $limit:expr)?) => {
        impl $executor {
            fn hand_over<J: ::executor_core::Job>(
                &self,
                $way: $crate::manual::submit::Way,
                $job: J,
            ) -> Result<::executor_core::Future<J::Output>, ::executor_core::Rejected<J>> {
                let $this = self;
                $submit
            }

            /// Queues a job, and returns the future of its outcome. After a shutdown the future ends as
            /// [`JobError::Rejected`](executor_core::JobError::Rejected). Runs nothing, and never blocks, unless a bounded queue is full
            /// and says so.
            pub fn submit<J: ::executor_core::Job>(&self, job: J) -> ::executor_core::Future<J::Output> {
                self.hand_over($crate::manual::submit::Way::Now { may_wait: true }, job)
                    .unwrap_or_else($crate::manual::submit::failed)
            }

            /// As `submit`, but never blocks, and gives a job that is refused back.
            ///
            /// # Errors
            ///
            /// The job, after a shutdown, or when a bounded queue is full.
            pub fn try_submit<J: ::executor_core::Job>(
                &self,
                job: J,
            ) -> Result<::executor_core::Future<J::Output>, ::executor_core::Rejected<J>> {
                self.hand_over($crate::manual::submit::Way::Now { may_wait: false }, job)
            }

            /// Queues a job without a future. A panic in it is reported by the panic hook.
            pub fn execute<J: ::executor_core::Job>(&self, job: J) {
                drop(self.submit(job));
            }

            /// Queues a job once `delay` is over, by the virtual clock. A shutdown waits for it.
            pub fn submit_after<J: ::executor_core::Job>(
                &self,
                delay: ::std::time::Duration,
                job: J,
            ) -> ::executor_core::Future<J::Output> {
                self.hand_over($crate::manual::submit::Way::Later(delay), job)
                    .unwrap_or_else($crate::manual::submit::failed)
            }

            /// Applies `f` to each item, in order; see [`Map`](executor_core::Map).
            pub fn map<I, F, R>(
                &self,
                items: I,
                f: F,
            ) -> ::executor_core::Map<I::IntoIter, ::executor_core::ClosureMapper<$handle, F>>
            where
                I: IntoIterator<Item: Send + 'static>,
                F: Fn(I::Item) -> R + Send + Sync + 'static,
                R: Send + 'static,
            {
                ::executor_core::ClosureExecutor::map(self, items, f)
            }

            /// The virtual time.
            pub fn now(&self) -> ::std::time::Instant {
                self.shared.now()
            }

            /// How many workers it says that it has.
            pub fn workers(&self) -> usize {
                self.shared.workers
            }

            /// Takes no more jobs. With `wait`, runs the accepted jobs on this thread, delayed jobs at their time; without, the threads
            /// that drive the executor run them. Inside of a job or callback of this executor, `wait` is ignored.
            pub fn shutdown(&self, wait: bool) {
                self.shared.close();
                if wait {
                    self.shared.drain();
                }
            }
        }

        impl ::executor_core::Shutdown for $executor {
            fn shutdown(&self, wait: bool) {
                Self::shutdown(self, wait);
            }
        }

        impl<J: ::executor_core::Job> ::executor_core::Executor<J> for $executor {
            fn submit(&self, job: J) -> ::executor_core::Future<J::Output> {
                Self::submit(self, job)
            }

            fn try_submit(&self, job: J) -> Result<::executor_core::Future<J::Output>, ::executor_core::Rejected<J>> {
                Self::try_submit(self, job)
            }
        }

        impl ::executor_core::ClosureExecutor for $executor {
            type Handle = $handle;

            fn submit<F, T>(&self, job: F) -> ::executor_core::Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Self::submit(self, job)
            }

            fn submit_after<F, T>(&self, delay: ::std::time::Duration, job: F) -> ::executor_core::Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Self::submit_after(self, delay, job)
            }

            fn now(&self) -> ::std::time::Instant {
                Self::now(self)
            }

            fn workers(&self) -> usize {
                Self::workers(self)
            }

            fn handle(&self) -> $handle {
                Self::handle(self)
            }

            $(fn time_limit(&self) -> Option<::std::time::Duration> {
                let $me = self;
                $limit
            })?
        }

        impl ::std::fmt::Debug for $executor {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(stringify!($executor)).field("stats", &self.shared.stats()).finish_non_exhaustive()
            }
        }
    };
}
pub(super) use submits_jobs;

/// The future of a job that was refused, which is dropped.
pub(super) fn failed<J: executor_core::Job>(rejected: executor_core::Rejected<J>) -> executor_core::Future<J::Output> {
    let reason = rejected.reason();
    executor_core::panics::drop_quietly(rejected);
    executor_core::Future::failed(executor_core::JobError::Rejected(reason))
}
