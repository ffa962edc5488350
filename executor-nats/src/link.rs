//! The state of a connection, and the requests by which a namespace is opened.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind, RequestError, RequestErrorKind,
};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Event, ServerError};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout_at};

use crate::error::ConnectError;

/// Between two tries to open a namespace.
const PAUSE: Duration = Duration::from_millis(200);

/// The state of a connection, by its events.
#[derive(Default)]
pub(crate) struct Link {
    /// There is a connection, the first one or a new one.
    pub(crate) connected: Notify,
    /// The connection is lost, or there is a new one.
    pub(crate) changed: Notify,
    refused: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lost: Option<Instant>,
    refusal: Option<String>,
}

impl Link {
    pub(crate) fn tell(&self, event: &Event) {
        match event {
            Event::Connected => {
                self.state.lock().lost = None;
                self.connected.notify_one();
                self.changed.notify_one();
            }
            Event::Disconnected => {
                self.state.lock().lost.get_or_insert_with(Instant::now);
                self.changed.notify_one();
            }
            Event::ServerError(ServerError::Other(text)) if text.to_lowercase().contains("permissions violation") => {
                self.state.lock().refusal = Some(text.clone());
                self.refused.notify_one();
            }
            _ => {}
        }
    }

    /// When the connection was lost, if no later event has told of a new one.
    pub(crate) fn lost_since(&self) -> Option<Instant> {
        self.state.lock().lost
    }

    /// Waits until the server has refused something to this user.
    async fn refusal(&self) -> Refusal {
        self.refused.notified().await;
        Refusal(self.state.lock().refusal.take().unwrap_or_default())
    }
}

/// The user may not do what the namespace needs. In the server's words.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

/// The time in which a namespace is to be opened.
pub(crate) struct Opening {
    link: Arc<Link>,
    until: tokio::time::Instant,
}

impl Opening {
    pub(crate) fn new(link: Arc<Link>, limit: Duration) -> Self {
        Self { link, until: tokio::time::Instant::now() + limit }
    }

    /// Makes a request, again and again while a cluster chooses a leader, until the time is over.
    pub(crate) async fn run<T>(&self, request: impl AsyncFn() -> Result<T, ConnectError>) -> Result<T, ConnectError> {
        loop {
            let done = tokio::select! {
                done = timeout_at(self.until, request()) => done,
                refusal = self.link.refusal() => return Err(ConnectError::streams(refusal)),
            };
            match done {
                Ok(Err(error)) if is_temporary(&error) && tokio::time::Instant::now() + PAUSE < self.until => {
                    sleep(PAUSE).await;
                }
                Ok(done) => return done,
                Err(elapsed) => return Err(ConnectError::streams(elapsed)),
            }
        }
    }
}

/// Whether a later try may succeed: a cluster chooses a leader, servers have just started, or another program makes the same stream.
fn is_temporary(error: &ConnectError) -> bool {
    let ConnectError::Streams(error) = error else { return false };
    let mut next: Option<&(dyn Error + 'static)> = Some(&**error);
    while let Some(error) = next {
        if is_temporary_in_itself(error) {
            return true;
        }
        next = error.source();
    }
    false
}

fn is_temporary_in_itself(error: &(dyn Error + 'static)) -> bool {
    if let Some(error) = error.downcast_ref::<RequestError>() {
        return error.kind() == RequestErrorKind::TimedOut;
    }
    let answer = if let Some(error) = error.downcast_ref::<CreateStreamError>() {
        match error.kind() {
            CreateStreamErrorKind::TimedOut => return true,
            CreateStreamErrorKind::JetStream(answer) => Some(answer),
            _ => None,
        }
    } else if let Some(error) = error.downcast_ref::<GetStreamError>() {
        match error.kind() {
            GetStreamErrorKind::JetStream(answer) => Some(answer),
            _ => None,
        }
    } else if let Some(error) = error.downcast_ref::<ConsumerError>() {
        match error.kind() {
            ConsumerErrorKind::TimedOut => return true,
            ConsumerErrorKind::JetStream(answer) => Some(answer),
            _ => None,
        }
    } else {
        None
    };
    answer.is_some_and(|answer| is_temporary_answer(&answer))
}

/// By "nats-server/server/errors.json".
fn is_temporary_answer(answer: &jetstream::Error) -> bool {
    const TEMPORARY: [ErrorCode; 6] = [
        ErrorCode::CLUSTER_INCOMPLETE,
        ErrorCode::CLUSTER_NO_PEERS,
        ErrorCode::CLUSTER_NOT_ACTIVE,
        ErrorCode::CLUSTER_NOT_AVAILABLE,
        ErrorCode::CLUSTER_NOT_LEADER,
        ErrorCode::STREAM_NAME_EXIST,
    ];
    TEMPORARY.contains(&answer.error_code())
}
