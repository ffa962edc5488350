//! Arguments and results that are larger than a message may be: they go through the object store.

use tokio::io::AsyncReadExt;

use super::ledger::{Retry, Unreachable};
use super::message::Body;
use super::names::JobKey;
use super::streams::Streams;

/// Room for the rest of a message.
const HEAD: usize = 4096;

impl Streams {
    /// Puts the bytes where they fit. `part` names them beside others of the same job.
    pub(crate) async fn store(&self, key: &JobKey, part: &str, bytes: Vec<u8>) -> Result<Body, Unreachable> {
        let limit = self.context.client().server_info().max_payload;
        if bytes.len() + HEAD <= limit {
            return Ok(Body::Inline(bytes));
        }
        let name = format!("{key}-{part}");
        let mut retry = Retry::new(None);
        loop {
            let mut source = &bytes[..];
            match self.large.put(name.as_str(), &mut source).await {
                Ok(_) => return Ok(Body::Large(name)),
                Err(_) => retry.pause().await?,
            }
        }
    }

    /// The bytes. `None` if they are gone: their time was up.
    pub(crate) async fn load(&self, body: Body) -> Option<Vec<u8>> {
        let name = match body {
            Body::Inline(bytes) => return Some(bytes),
            Body::Large(name) => name,
        };
        let mut object = self.large.get(&name).await.ok()?;
        let mut bytes = Vec::new();
        object.read_to_end(&mut bytes).await.ok()?;
        Some(bytes)
    }

    /// Gives the room back, if the bytes take some.
    pub(crate) async fn discard(&self, body: &Body) {
        if let Body::Large(name) = body {
            // One that fails is removed by its age.
            drop(self.large.delete(name).await);
        }
    }
}
