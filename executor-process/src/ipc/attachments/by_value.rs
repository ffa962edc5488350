//! Bytes for another host, where a descriptor has no meaning: blobs go by value, and every other handle is refused.

use super::{MAX_DESCRIPTORS, RECEIVED, RECEIVES, Received, SENDS, SENT, Scope, Sent, SetUp, too_many, with_list};

/// Runs `encode`, in which blobs go by value and nothing can be attached: the bytes are for another host.
pub(crate) fn encode_by_value<T>(encode: impl FnOnce() -> T) -> T {
    let scope = Scope::begin(&SENDS, &SENT);
    scope.fill(Sent { by_value: Some(0), ..Sent::default() });
    encode()
}

/// Runs `decode`, for bytes that were [encoded by value](encode_by_value).
pub(crate) fn decode_by_value<T>(decode: impl FnOnce() -> T) -> T {
    let scope = Scope::begin(&RECEIVES, &RECEIVED);
    scope.fill(Received { by_value: Some(0), ..Received::default() });
    decode()
}

/// Whether a blob goes by value.
///
/// # Errors
///
/// If it is one too many: the receiver needs a descriptor for each.
pub(crate) fn blob_goes_by_value() -> Result<bool, String> {
    if SENDS.get() != SetUp::List {
        return Ok(false);
    }
    with_list(&SENDS, &SENT, |sent| sent.map_or(Ok(false), |sent| count_blob(&mut sent.by_value, &mut sent.refused)))
}

/// Whether a blob comes by value.
///
/// # Errors
///
/// If it is one too many: each needs a descriptor.
pub(crate) fn blob_comes_by_value() -> Result<bool, String> {
    if RECEIVES.get() != SetUp::List {
        return Ok(false);
    }
    with_list(&RECEIVES, &RECEIVED, |received| {
        received.map_or(Ok(false), |received| count_blob(&mut received.by_value, &mut received.refused))
    })
}

fn count_blob(by_value: &mut Option<usize>, refused: &mut Option<String>) -> Result<bool, String> {
    let Some(count) = by_value else { return Ok(false) };
    if *count == MAX_DESCRIPTORS {
        return Err(refused.insert(too_many()).clone());
    }
    *count += 1;
    Ok(true)
}

pub(super) fn stays_here(what: &str) -> String {
    format!(
        "{what} cannot leave this host, because its file descriptor has no meaning on another one; pass values as \
         arguments and results instead, or submit the job to a `ProcessPool` of this host"
    )
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;

    use super::super::{Attachment, attach, collect, not_attached, take};
    use super::*;
    use crate::ipc::shared_memory;

    fn attachment() -> Attachment {
        Attachment { descriptor: Arc::new(shared_memory::file().unwrap()), is_channel: false }
    }

    #[test]
    fn nothing_is_attached_to_bytes_for_another_host() {
        encode_by_value(|| {
            let error = attach("a `Sender`", attachment()).unwrap_err();
            assert!(error.starts_with("a `Sender` cannot leave this host, "), "{error}");
            assert_eq!(not_attached(), Some(error));
            assert!(blob_goes_by_value() == Ok(true));
            let ((), attached) = collect(|| {
                assert!(blob_goes_by_value() == Ok(false), "a list of its own");
                attach("a test", attachment()).unwrap();
            });
            assert_eq!(attached.len(), 1);
            assert!((1..MAX_DESCRIPTORS).all(|_| blob_goes_by_value() == Ok(true)));
            assert!(blob_goes_by_value().unwrap_err().contains("more than 64 handles"));
        });
        decode_by_value(|| {
            let error = take("a `Sender`", 0, Ok).unwrap_err();
            assert!(error.starts_with("a `Sender` cannot leave this host, "), "{error}");
            assert!((0..MAX_DESCRIPTORS).all(|_| blob_comes_by_value() == Ok(true)));
            assert!(blob_comes_by_value().unwrap_err().contains("more than 64 handles"));
        });
        assert!(blob_comes_by_value() == Ok(false));
    }
}
