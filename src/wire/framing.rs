//! Splits a stream of bytes into frames, and back.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// The size of the length prefix of a frame.
const LENGTH: usize = 4;
/// The initial buffer size for a frame that has just begun.
const FIRST: usize = 1024;

/// Splits a stream of bytes into frames, and adds length prefixes to outgoing frames: four bytes,
/// big-endian. See [`framing`].
#[derive(Debug)]
pub struct Framing {
    inner: LengthDelimitedCodec,
    longest: usize,
}

/// Frames of up to `max_frame` bytes.
///
/// A longer frame is an error in either direction; so is a negative length, which is a very large
/// one here. Kafka allocates a buffer for a whole frame as soon as it knows its length. Here the
/// buffer grows with the bytes that arrive, to at most twice as many, so a client cannot claim
/// memory for bytes that it never sends.
///
/// A frame of many tiny entries takes a hundred times its size once decoded: for untrusted clients,
/// `max_frame` should be no more than the longest request they need.
pub fn framing(max_frame: usize) -> Framing {
    let inner = LengthDelimitedCodec::builder()
        .length_field_length(LENGTH)
        .max_frame_length(max_frame)
        .new_codec();
    Framing { inner, longest: max_frame }
}

impl Decoder for Framing {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, stream: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        let Some(length) = stream.first_chunk() else { return Ok(None) };
        let whole = u32::from_be_bytes(*length) as usize + LENGTH;
        // The codec would allocate the whole frame as soon as it sees a part of it.
        if whole <= self.longest.saturating_add(LENGTH) && stream.len() < whole {
            if stream.len() == stream.capacity() {
                stream.reserve((whole - stream.len()).min(stream.len().max(FIRST)));
            }
            return Ok(None);
        }
        self.inner.decode(stream)
    }
}

impl Encoder<Bytes> for Framing {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, stream: &mut BytesMut) -> io::Result<()> {
        self.inner.encode(frame, stream)
    }
}
