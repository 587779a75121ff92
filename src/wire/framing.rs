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

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;
    use crate::wire::MAX_FRAME;

    #[test]
    fn frames_are_split_from_a_stream() {
        let mut stream = BytesMut::new();
        let mut codec = framing(10);
        codec.encode(Bytes::from_static(b"first"), &mut stream).expect("short enough");
        codec.encode(Bytes::from_static(b"second"), &mut stream).expect("short enough");
        assert_eq!(stream[..9], *b"\x00\x00\x00\x05first");
        let second = stream.split_off(12);
        assert_eq!(codec.decode(&mut stream).expect("a frame").as_deref(), Some(&b"first"[..]));
        assert_eq!(codec.decode(&mut stream).expect("half a frame"), None);
        stream.unsplit(second);
        assert_eq!(codec.decode(&mut stream).expect("a frame").as_deref(), Some(&b"second"[..]));
    }

    #[test]
    fn a_frame_that_is_too_long_is_an_error() {
        for length in [11, 100_000_000, i32::MIN, -1] {
            let mut stream = BytesMut::new();
            stream.put_i32(length);
            framing(10).decode(&mut stream).expect_err("more than 10 bytes");
        }
        let mut stream = BytesMut::new();
        framing(10)
            .encode(Bytes::from_static(b"more than ten"), &mut stream)
            .expect_err("13 bytes");
    }

    #[test]
    fn the_buffer_of_a_frame_grows_with_the_bytes_that_arrive() {
        let mut stream = BytesMut::new();
        stream.put_i32(MAX_FRAME as i32);
        let mut codec = framing(MAX_FRAME);
        while stream.len() < 10_000 {
            assert_eq!(codec.decode(&mut stream).expect("a part of a frame"), None);
            let (room, arrived) = (stream.capacity(), stream.len());
            assert!(
                room <= 2 * arrived + 1_100,
                "room for {room} bytes, of which {arrived} have come"
            );
            stream.put_slice(&[7; 100]);
        }
    }
}
