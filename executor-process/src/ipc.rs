//! Bytes, descriptors and memory between any two processes: the codecs, sockets, shared memory, `Blob` and channels.

pub(crate) mod attachments;
pub(crate) mod blob;
pub(crate) mod channel;
pub(crate) mod codec;
pub(crate) mod foreign;
pub(crate) mod large_pages;
pub(crate) mod numbers;
pub(crate) mod os_error;
pub mod os_str;
pub(crate) mod packet_size;
pub(crate) mod payload;
pub(crate) mod peer_pid;
pub(crate) mod plain;
pub(crate) mod random;
pub(crate) mod raw_channel;
pub(crate) mod shared;
pub(crate) mod shared_memory;
pub(crate) mod shared_slice;
pub(crate) mod socket;
pub(crate) mod travels;
