//! The one place that turns values into bytes and back.
//!
//! Both codecs are an implementation of serde's traits, [`write`] and [`read`], over words of their own: so what holds for one, such
//! as the limit of depth, holds for the other.

mod compact;
mod depth;
mod expand;
mod fault;
mod guard;
mod handles;
mod in_place;
mod names;
mod pack;
mod parts;
mod read;
mod step;
#[cfg(all(test, not(loom)))]
mod tests;
mod unpack;
mod variant;
mod write;

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use executor_core::bytes::{self, InOnePiece};
use executor_core::panics::drop_catching;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde::{Deserialize, Deserializer, Serialize};

use self::compact::Compact;
pub(crate) use self::compact::Output;
use self::depth::Depth;
use self::expand::Expand;
pub(crate) use self::fault::Fault;
use self::guard::{DESERIALIZE, SERIALIZE, guarded};
use self::handles::{Handles, with_handles};
use self::pack::Pack;
use self::read::Source;
pub(crate) use self::step::Step;
use self::unpack::Unpack;
use self::write::To;
use crate::ipc::attachments::{self, Attachment, collect, offer};
use crate::ipc::foreign;
use crate::ipc::large_pages::{self, LARGE, make_room};
use crate::ipc::numbers::Numbers;
use crate::ipc::payload::Payload;
use crate::ipc::plain;

/// The encoding of arguments, results and messages.
///
/// A value arrives as it was sent, or its job fails with [`JobError::Codec`](executor_core::JobError::Codec), which names
/// the type, the field and the reason. Values may be nested 128 levels deep: each struct, enum, `Some` and list counts as a level. Send a linked
/// list of more than 64 nodes as a `Vec`.
///
/// A `Vec` of numbers is copied as a whole if it is the only argument of a [`call`](executor_core::call()), its
/// result, or an item of a `map`: `u8` to `u64`, `i8` to `i64`, `f32` and `f64`. In any other place, serde visits each
/// number: use a [`Blob`](crate::Blob) or a [`SharedSlice`](crate::SharedSlice) there, or the types of the crate
/// `serde_bytes`.
///
/// Handles can be anywhere in a value: `Blob`s, ends of channels, and those of the crate `ipc-channel` (its senders,
/// receivers and shared memory). With that crate, an encoded receiver is gone from the value, also if the job is then
/// rejected; and an end can be decoded once only, so a value fails if `#[serde(untagged)]` tries several variants with
/// it. A value with such an end is decoded twice, the first time with stand-ins. Shared memory of that crate is copied
/// when it is encoded, because the crate cannot protect it from being shortened under its readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Codec {
    /// Compact and fast, based on [postcard](https://postcard.jamesmunns.com). The types on both sides define what
    /// the bytes mean, so types that need a self-describing format are refused: `serde_json::Value`,
    /// `#[serde(untagged)]`, `#[serde(flatten)]`, `#[serde(tag)]`.
    ///
    /// Numbers, text and bytes are written as postcard does. Variants are written by name. A struct is written with
    /// its number of fields and a two-byte check of their names, or field by field with names if
    /// `#[serde(skip_serializing_if)]` omits one.
    #[default]
    Postcard,
    /// [MessagePack](https://msgpack.org) with field names: self-describing, so it supports every type that
    /// implements serde's traits. An extension of type 0x53 distinguishes `Some(None)` and `Some(())` from `None`.
    MessagePack,
}

/// Why a codec cannot encode or decode a value.
type Cause = String;

impl Codec {
    /// `value` as bytes and descriptors. A panic of the user's `Serialize` is a cause like any other.
    pub(crate) fn encode(self, value: &impl Serialize) -> Result<Payload, Cause> {
        let mut bytes = Vec::new();
        let (encoded, attachments) = collect(|| self.encode_into(value, &mut bytes));
        encoded?;
        Ok(Payload::new(bytes, attachments))
    }

    /// Appends the bytes of `value`, or a part of them if that fails. It is for the caller to [`collect`] what is attached.
    pub(crate) fn encode_into(self, value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        let encoded = guarded(SERIALIZE, || with_handles(|| self.append(value, bytes)));
        let handles = encoded.map_err(|cause| attachments::not_attached().unwrap_or(cause))?;
        bytes.extend(handles.iter().flat_map(Handles::tail));
        Ok(())
    }

    /// The same, and the caller catches the panics of the user's `Serialize`, too. Returns whether handles are attached to it.
    #[inline]
    pub(crate) fn encode_unguarded<T>(self, value: &T, bytes: &mut Vec<u8>) -> Result<bool, Cause>
    where
        T: Serialize + 'static,
    {
        let handles = with_handles(|| self.append(&InOnePiece(value), bytes))
            .map_err(|cause| attachments::not_attached().unwrap_or(cause))?;
        let Some(handles) = handles else { return Ok(false) };
        bytes.extend(handles.tail());
        Ok(true)
    }

    #[inline]
    fn append(self, value: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), Cause> {
        match self {
            Self::Postcard => {
                let (start, attached) = (bytes.len(), attachments::count());
                let mut words = Compact::new(Behind(bytes), false);
                let written = value.serialize(To::new(&mut words, value));
                if words.wants_names() {
                    bytes.truncate(start);
                    attachments::truncate(attached);
                    return append_by_name(value, Behind(bytes));
                }
                written.map_err(cause)
            }
            Self::MessagePack => value.serialize(To::new(&mut Pack::new(Behind(bytes)), value)).map_err(cause),
        }
    }

    /// As [`encode`](Codec::encode), into what the caller has: bytes that are of no use where it fails.
    pub(crate) fn encode_out<T, O>(self, value: &T, out: &mut O) -> (Result<(), Cause>, Vec<Attachment>)
    where
        T: Serialize + 'static,
        O: Output + Restart,
    {
        self.write_out(&InOnePiece(value), out)
    }

    fn write_out(
        self,
        value: &impl Serialize,
        out: &mut (impl Output + Restart),
    ) -> (Result<(), Cause>, Vec<Attachment>) {
        collect(|| {
            let out = &mut *out;
            let write = || match self {
                Self::Postcard => {
                    let mut words = Compact::new(&mut *out, false);
                    let written = value.serialize(To::new(&mut words, value));
                    if words.wants_names() {
                        out.restart();
                        attachments::truncate(0);
                        return append_by_name(value, &mut *out);
                    }
                    written.map_err(cause)
                }
                Self::MessagePack => value.serialize(To::new(&mut Pack::new(&mut *out), value)).map_err(cause),
            };
            let encoded = guarded(SERIALIZE, || with_handles(write));
            match encoded.map_err(|cause| attachments::not_attached().unwrap_or(cause))? {
                Some(handles) => out.extend(&handles.tail()).map_err(cause),
                None => Ok(()),
            }
        })
    }

    /// `value` as bytes for another host: blobs by value, and any other handle is a cause.
    pub(crate) fn encode_by_value(self, value: &impl Serialize) -> Result<Vec<u8>, Cause> {
        let mut bytes = Vec::new();
        attachments::encode_by_value(|| self.encode_into(value, &mut bytes))?;
        Ok(bytes)
    }

    /// Decodes `bytes` of [`encode_by_value`](Codec::encode_by_value) with `seed`.
    pub(crate) fn decode_by_value<'de, S: DeserializeSeed<'de>>(
        self,
        bytes: &'de [u8],
        seed: S,
    ) -> Result<S::Value, Cause> {
        attachments::decode_by_value(|| {
            let decoded = guarded(DESERIALIZE, || self.read(bytes, seed));
            decoded.map_err(|cause| attachments::not_taken().unwrap_or(cause))
        })
    }

    /// The result in `bytes` of [`encode_by_value`](Codec::encode_by_value), which was given it [`InOnePiece`].
    pub(crate) fn decode_result_by_value<T: DeserializeOwned + 'static>(self, bytes: &[u8]) -> Result<T, Cause> {
        self.decode_by_value(bytes, ResultSeed(PhantomData))
    }

    /// The value without handles in `bytes`, which was written [`InOnePiece`].
    pub(crate) fn decode_in_one_piece<T: DeserializeOwned + 'static>(self, bytes: &[u8]) -> Result<T, Cause> {
        self.decode(bytes, Vec::new(), || ResultSeed(PhantomData))
    }

    /// The result that `payload` is.
    pub(crate) fn decode_result<T: DeserializeOwned + 'static>(self, payload: Payload) -> Result<T, Cause> {
        if payload.bytes().are_numbers() {
            let list = payload.into_bytes().into_numbers().and_then(Numbers::into_list);
            return list.ok_or_else(|| "it came as a list of other numbers".to_owned());
        }
        self.decode(payload.bytes(), descriptors_of(&payload), || ResultSeed(PhantomData))
    }

    /// The message of a channel that `payload` is.
    pub(crate) fn decode_payload<T: DeserializeOwned>(self, payload: &Payload) -> Result<T, Cause> {
        self.decode_value(payload.bytes(), descriptors_of(payload))
    }

    /// The value that `bytes` are.
    pub(crate) fn decode_value<T: DeserializeOwned>(
        self,
        bytes: &[u8],
        descriptors: Vec<Arc<OwnedFd>>,
    ) -> Result<T, Cause> {
        self.decode(bytes, descriptors, || PhantomData)
    }

    /// The same, for callers that catch the panics of the user's `Deserialize`.
    #[inline]
    pub(crate) fn decode_unguarded<T: DeserializeOwned + 'static>(
        self,
        bytes: &[u8],
        descriptors: Vec<Arc<OwnedFd>>,
    ) -> Result<T, Cause> {
        if descriptors.is_empty() {
            return offer(descriptors, || {
                let read = self.read(bytes, ResultSeed(PhantomData));
                read.map_err(|cause| attachments::not_taken().unwrap_or(cause))
            });
        }
        self.decode(bytes, descriptors, || ResultSeed(PhantomData))
    }

    /// Decodes `bytes` with a `seed`: twice, if there are ends of channels of ipc-channel.
    pub(crate) fn decode<'de, S>(
        self,
        bytes: &'de [u8],
        descriptors: Vec<Arc<OwnedFd>>,
        seed: impl Fn() -> S,
    ) -> Result<S::Value, Cause>
    where
        S: DeserializeSeed<'de>,
    {
        if bytes.len() >= LARGE {
            MEMORY.install();
        }
        let (bytes, foreign) = Handles::split(bytes, &descriptors)?;
        offer(descriptors, || {
            let read = || guarded(DESERIALIZE, || self.read(bytes, seed()));
            let decoded = if foreign.is_empty() { read() } else { foreign::within(&foreign, read) };
            decoded.map_err(|cause| attachments::not_taken().unwrap_or(cause))
        })
    }

    /// The one way from bytes to a value.
    #[inline]
    fn read<'de, S: DeserializeSeed<'de>>(self, bytes: &'de [u8], seed: S) -> Result<S::Value, Cause> {
        match self {
            Self::Postcard => {
                let mut source = Expand::new(bytes);
                let value = source.read(Depth::new(), seed).map_err(cause)?;
                all_read(value, source.rest())
            }
            Self::MessagePack => {
                let mut source = Unpack::new(bytes);
                let value = source.read(Depth::new(), seed).map_err(cause)?;
                all_read(value, source.rest())
            }
        }
    }
}

/// An output that can forget what was written.
pub(crate) trait Restart {
    fn restart(&mut self);
}

/// The most bytes of a `u64`, at seven bits per byte.
const LONGEST_NUMBER: usize = 10;

/// Appends what a codec writes.
#[inline]
pub(crate) fn write_behind(buffer: &mut Vec<u8>, bytes: &[u8]) {
    if let Ok(double) = <[u8; size_of::<f64>()]>::try_from(bytes) {
        // A floating-point number, of which nothing was written to memory.
        buffer.extend_from_slice(&double);
    } else if bytes.len() <= LONGEST_NUMBER {
        // Mostly other numbers, just written byte by byte: reading several bytes at once would stall until they are in the cache.
        for &byte in bytes {
            buffer.push(byte);
        }
    } else {
        if buffer.capacity() - buffer.len() < bytes.len() && buffer.len() + bytes.len() >= LARGE {
            make_room(buffer, bytes.len());
        }
        buffer.extend_from_slice(bytes);
    }
}

/// Appends to the buffer.
struct Behind<'a>(&'a mut Vec<u8>);

impl Output for Behind<'_> {
    #[inline]
    fn push(&mut self, byte: u8) -> Result<(), Fault> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        write_behind(self.0, bytes);
        Ok(())
    }
}

/// Appends a message of this crate's own, which no user's type is part of, in postcard.
pub(crate) fn append_message(message: &impl Serialize, bytes: &mut Vec<u8>) -> Result<(), Cause> {
    struct Message<'a>(Behind<'a>);
    impl postcard::ser_flavors::Flavor for Message<'_> {
        type Output = ();

        fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
            self.0.0.push(byte);
            Ok(())
        }

        fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
            write_behind(self.0.0, bytes);
            Ok(())
        }

        fn finalize(self) -> postcard::Result<()> {
            Ok(())
        }
    }
    postcard::serialize_with_flavor(message, Message(Behind(bytes))).map_err(cause)
}

/// Encodes again, with all fields by name: one was left out.
#[cold]
fn append_by_name(value: &impl Serialize, out: impl Output) -> Result<(), Cause> {
    value.serialize(To::new(&mut Compact::new(out, true), value)).map_err(cause)
}

/// How core makes memory for many numbers, and sees them as bytes.
const MEMORY: bytes::Memory =
    bytes::Memory { advise: large_pages::advise, bytes_of: |numbers| Some(plain::bytes_of_numbers(numbers)?.0) };

/// Reads a value written [`InOnePiece`].
struct ResultSeed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + 'static> DeserializeSeed<'de> for ResultSeed<T> {
    type Value = T;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<T, D::Error> {
        bytes::deserialize(source)
    }
}

fn descriptors_of(payload: &Payload) -> Vec<Arc<OwnedFd>> {
    payload.lend().into_iter().map(|attachment| attachment.descriptor).collect()
}

fn cause(error: impl fmt::Display) -> Cause {
    error.to_string()
}

/// Bytes that are left over mean that the two sides disagree about the type: what was read is not what was sent.
fn all_read<T>(value: T, rest: usize) -> Result<T, Cause> {
    if rest == 0 {
        return Ok(value);
    }
    drop_catching(value);
    Err(format!("{rest} bytes were left over: `Serialize` wrote more than `Deserialize` reads"))
}
