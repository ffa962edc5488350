//! How a server is reached.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, ServerAddr};
use tokio::time::timeout;

use crate::error::ConnectError;
use crate::link::{Link, Opening};
use crate::namespace::check_time;

/// How often a connection is tested. After the third time without an answer, another one is made.
const PING: Duration = Duration::from_secs(3);

/// The longest pause between two tries to connect again. Shorter than [`SILENCE`](crate::protocol::loss::SILENCE).
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// The address of the NATS servers, and the credentials. Made from a URL, or step by step.
///
/// ```
/// use executor_nats::Connection;
///
/// let connection = Connection::to("tls://nats.example.org:4222").user("worker", "secret").name("thumbnails");
/// # let _ = connection;
/// ```
#[derive(Clone)]
#[must_use = "a connection is made by `NatsExecutor::connect` or `serve`"]
pub struct Connection {
    url: String,
    name: Option<String>,
    inbox: Option<String>,
    credentials: Credentials,
    root_certificate: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    timeout: Duration,
}

#[derive(Clone)]
enum Credentials {
    OfUrl,
    User(String, String),
    Token(String),
    Nkey(String),
    File(PathBuf),
}

impl Connection {
    /// To one server or several, separated by commas: `nats://user:password@host:4222`, `tls://host`.
    pub fn to(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            name: None,
            inbox: None,
            credentials: Credentials::OfUrl,
            root_certificate: None,
            client_certificate: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// Authenticates by user and password.
    pub fn user(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { credentials: Credentials::User(user.into(), password.into()), ..self }
    }

    /// Authenticates by a token.
    pub fn token(self, token: impl Into<String>) -> Self {
        Self { credentials: Credentials::Token(token.into()), ..self }
    }

    /// Authenticates by the seed of an nkey, which begins with `SU`.
    pub fn nkey(self, seed: impl Into<String>) -> Self {
        Self { credentials: Credentials::Nkey(seed.into()), ..self }
    }

    /// Authenticates by a file of credentials, as `nsc` writes it: a JWT and its seed.
    pub fn credentials_file(self, path: impl Into<PathBuf>) -> Self {
        Self { credentials: Credentials::File(path.into()), ..self }
    }

    /// Trusts the authorities in this PEM file, too, and asks for TLS.
    pub fn root_certificate(self, path: impl Into<PathBuf>) -> Self {
        Self { root_certificate: Some(path.into()), ..self }
    }

    /// Shows the server this certificate (PEM), and asks for TLS.
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate: Some((certificate.into(), key.into())), ..self }
    }

    /// Names the connection in the server's reports. Default: the name of the program's file.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Sets how the subjects of answers begin. Give each user of the server a prefix of their own if permissions are to keep them from
    /// reading each other's answers. Default: `_INBOX`.
    pub fn inbox(self, prefix: impl Into<String>) -> Self {
        Self { inbox: Some(prefix.into()), ..self }
    }

    /// Limits how long `connect` and `serve` may take: 100 ms to 100 years. While a cluster chooses a leader, they try again for this
    /// time. If no server listens, or one refuses the user, they fail at once. Default: 30 s.
    pub fn timeout(self, limit: Duration) -> Self {
        Self { timeout: limit, ..self }
    }

    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        check_time("timeout", Some(self.timeout), Duration::from_millis(100))
    }

    /// The user and the password in the URL, or a token alone.
    fn user_of_url(&self) -> Option<(String, Option<String>)> {
        let addresses = self.url.split(',').filter_map(|address| address.trim().parse::<ServerAddr>().ok());
        addresses.into_iter().find_map(|address| Some((plain(address.username()?), address.password().map(plain))))
    }

    /// Connects. The link tells of the connection, and the rest of the time is for opening a namespace.
    pub(crate) async fn open(&self) -> Result<(Client, Arc<Link>, Opening), ConnectError> {
        let link = Arc::<Link>::default();
        let opening = Opening::new(link.clone(), self.timeout);
        let client = self.connect(link.clone());
        let client = timeout(self.timeout, client).await.unwrap_or_else(|late| Err(ConnectError::server(late)))?;
        Ok((client, link, opening))
    }

    async fn connect(&self, link: Arc<Link>) -> Result<Client, ConnectError> {
        let options = ConnectOptions::new().event_callback(move |event| {
            link.tell(&event);
            std::future::ready(())
        });
        let options = match &self.credentials {
            Credentials::OfUrl => match self.user_of_url() {
                Some((user, Some(password))) => options.user_and_password(user, password),
                Some((token, None)) => options.token(token),
                None => options,
            },
            Credentials::User(user, password) => options.user_and_password(user.clone(), password.clone()),
            Credentials::Token(token) => options.token(token.clone()),
            Credentials::Nkey(seed) => options.nkey(seed.clone()),
            Credentials::File(path) => options.credentials_file(path).await.map_err(ConnectError::system)?,
        };
        let options = match &self.root_certificate {
            Some(path) => options.add_root_certificates(path.clone()).require_tls(true),
            None => options,
        };
        let options = match &self.client_certificate {
            Some((certificate, key)) => {
                options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true)
            }
            None => options,
        };
        let options = match &self.inbox {
            Some(prefix) => options.custom_inbox_prefix(prefix),
            None => options,
        };
        let addresses: Vec<&str> = self.url.split(',').map(str::trim).collect();
        let name = self.name.clone().unwrap_or_else(program_name);
        let pause =
            |tries| Duration::from_millis(10).saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)).min(MAX_PAUSE);
        options
            .name(name)
            .ping_interval(PING)
            .reconnect_delay_callback(pause)
            .connect(addresses)
            .await
            .map_err(ConnectError::server)
    }
}

/// Replaces what a URL writes as `%` and two digits.
fn plain(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| str::from_utf8(digits).ok());
        let code = digits.filter(|_| first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn program_name() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    path.file_name().map_or_else(|| "executor".to_owned(), |name| name.to_string_lossy().into_owned())
}

impl From<&str> for Connection {
    fn from(url: &str) -> Self {
        Self::to(url)
    }
}

impl From<String> for Connection {
    fn from(url: String) -> Self {
        Self::to(url)
    }
}

/// Without passwords and seeds.
impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("name", &self.name).finish_non_exhaustive()
    }
}
