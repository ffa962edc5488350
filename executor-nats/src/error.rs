//! Why no connection was made.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a [`NatsExecutor`](crate::NatsExecutor) or a [`Server`](crate::Server) could not be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// The name of the namespace is not allowed.
    Namespace(String),
    /// A setting is not allowed, or the namespace has another one.
    Setting(String),
    /// There is no connection to a server.
    Server(Arc<dyn Error + Send + Sync>),
    /// The server refused to make or to open the namespace's streams.
    Streams(Arc<dyn Error + Send + Sync>),
    /// The system refused a thread or a look at this program's file.
    System(Arc<dyn Error + Send + Sync>),
}

impl ConnectError {
    pub(crate) fn server(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Server(Arc::new(error))
    }

    pub(crate) fn streams(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Streams(Arc::new(error))
    }

    pub(crate) fn system(error: impl Error + Send + Sync + 'static) -> Self {
        Self::System(Arc::new(error))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace(name) => write!(f, "`{name}` is no namespace; use 1 to 32 letters, digits, `-` and `_`"),
            Self::Setting(text) => f.write_str(text),
            Self::Server(error) => write!(
                f,
                "no connection to the NATS server: {error}; check the address, the credentials, and that the server runs"
            ),
            Self::Streams(error) => write!(
                f,
                "the NATS server did not open the streams of the namespace: {error}; start it with JetStream (`nats-server -js`), and check the \
                 permissions, and that a cluster has a leader"
            ),
            Self::System(error) => write!(f, "the system refused what a connection needs: {error}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Namespace(_) | Self::Setting(_) => None,
            Self::Server(error) | Self::Streams(error) | Self::System(error) => Some(&**error),
        }
    }
}
