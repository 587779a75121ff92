//! Frames out of a stream of bytes, and back.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// How many bytes come before a frame.
const LENGTH: usize = 4;
/// Room for so many bytes is made for a frame that has only just begun.
const FIRST: usize = 1024;

/// Splits a stream of bytes into frames, and puts a frame's length in front of it: four bytes, the highest
/// first. See [`framing`].
#[derive(Debug)]
pub struct Framing {
    inner: LengthDelimitedCodec,
    longest: usize,
}

/// Frames of up to `max_frame` bytes.
///
/// A longer frame is an error, whichever way it goes; so is a negative length, which is a very long one here.
/// Kafka makes room for a whole frame as soon as it knows its length. Here the room grows with the bytes that
/// arrive, to twice as much at most, so a client cannot claim memory for what it never sends.
///
/// A frame of nothing but tiny entries takes a hundred times its bytes once decoded: where clients are not
/// trusted, `max_frame` should be no more than the longest request they need.
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
        // The codec makes room for all of a frame that it is shown a part of.
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
