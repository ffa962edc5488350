//! The traits of an executor of closures, for a type that has the same as methods of its own: `submit`, `try_submit`,
//! `submit_after`, `workers`, `handle` and `shutdown`. Those are what users see; here is the one place that says that they are the traits'.

macro_rules! is_closure_executor {
    ($executor:ty, $handle:ty $(, |$this:ident| $limit:expr)?) => {
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

            fn submit_job<J: ::executor_core::Job>(&self, delay: Option<::std::time::Duration>, job: J) -> ::executor_core::Future<J::Output> {
                match delay {
                    None => Self::submit(self, job),
                    Some(delay) => Self::submit_after(self, delay, job),
                }
            }

            fn submit_after<F, T>(&self, delay: ::std::time::Duration, job: F) -> ::executor_core::Future<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Self::submit_after(self, delay, job)
            }

            fn now(&self) -> ::std::time::Instant {
                ::std::time::Instant::now()
            }

            fn workers(&self) -> usize {
                Self::workers(self)
            }

            fn handle(&self) -> $handle {
                Self::handle(self)
            }

            $(fn time_limit(&self) -> Option<::std::time::Duration> {
                let $this = self;
                $limit
            })?
        }
    };
}
pub(crate) use is_closure_executor;
