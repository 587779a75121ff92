//! Decoding of frames from streams, and of messages from frames.

use bytes::{Bytes, BytesMut};
use groupsim::protocol::ResponseError;
use groupsim::protocol::{Api, RequestFrame, ResponseFrame, refusal};
use groupsim::wire::{self, Incoming};
use tokio_util::codec::{Decoder, Encoder};

use super::{joined, parts};

/// The longest permitted frame.
const LONGEST: usize = 1 << 20;

/// A stream that arrives in pieces yields the same frames however it was split.
pub fn framing(bytes: &[u8]) {
    let whole: Vec<u8> = parts(bytes).flatten().copied().collect();
    let mut frames = Vec::new();
    let (mut codec, mut stream) = (wire::framing(LONGEST), BytesMut::new());
    let mut broken = false;
    for part in parts(bytes) {
        stream.extend_from_slice(part);
        loop {
            match codec.decode(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => broken = true,
            }
            if broken {
                break;
            }
        }
        if broken {
            break;
        }
    }
    let mut rest = &whole[..];
    for frame in frames {
        let (length, behind) = rest.split_first_chunk().expect("a length");
        let length = u32::from_be_bytes(*length) as usize;
        assert_eq!(frame, behind[..length]);
        rest = &behind[length..];
    }
    if let Some(length) = rest.first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        assert_eq!(broken, length > LONGEST, "{length}");
        assert!(broken || rest.len() < length + 4, "a whole frame is left");
    }
}

pub fn streams() -> Vec<Vec<u8>> {
    let mut stream = BytesMut::new();
    for frame in ["first", "", "second"] {
        let frame = Bytes::from_static(frame.as_bytes());
        wire::framing(LONGEST).encode(frame, &mut stream).expect("a short frame");
    }
    vec![joined([&stream[..]]), joined(stream.chunks(3)), joined([&[0xff_u8; 4][..], b"GET /"])]
}

/// A request that can be decoded can be encoded again. (The bytes may differ: the codec reorders
/// tagged fields that it does not know.)
pub fn request(bytes: &[u8]) {
    // Each byte that is not UTF-8 is shown as a character of three bytes.
    assert!(wire::client_id(bytes).len() <= 3 * bytes.len());
    if let Ok(Incoming::Request(frame)) = wire::decode_request(Bytes::copy_from_slice(bytes)) {
        let _ = wire::encode_request(&frame);
    }
}

/// Frames of each API in each version: with all lengths and counts zero, and with short ones.
pub fn requests() -> Vec<Vec<u8>> {
    every_version().flat_map(|(api, version)| request_frames(api, version)).collect()
}

/// Two frames of this API, with a body of zeros and one of ones, as far as it can be decoded.
pub fn request_frames(api: Api, version: i16) -> Vec<Vec<u8>> {
    let frames = [0, 1].map(|byte| {
        let header = [&(api as i16).to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 7]];
        let client = [&[0, 1, b'x'][..], &[byte; 200]];
        [header.concat(), client.concat()].concat()
    });
    frames.into()
}

fn every_version() -> impl Iterator<Item = (Api, i16)> {
    Api::ALL.iter().flat_map(|api| wire::versions(*api).map(move |version| (*api, version)))
}

/// A response to a request that was sent. The first two bytes select its API and version.
pub fn response(bytes: &[u8]) {
    let Some((&[api, version], rest)) = bytes.split_first_chunk() else { return };
    let bytes = Bytes::copy_from_slice(rest);
    if let Ok(listed) = wire::decode_api_versions_response(bytes.clone()) {
        assert!(listed.len() <= rest.len());
    }
    let (api, version) = (Api::ALL[usize::from(api) % Api::ALL.len()], i16::from(version));
    if let Ok(frame) = wire::decode_response(bytes, api, version) {
        let _ = wire::encode_response(&frame, version);
    }
}

/// An error response to each request that can be decoded.
pub fn responses() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (index, api) in Api::ALL.iter().enumerate() {
        for version in wire::versions(*api) {
            for frame in request_frames(*api, version) {
                let Ok(Incoming::Request(RequestFrame { correlation, version, body, .. })) =
                    wire::decode_request(Bytes::from(frame))
                else {
                    continue;
                };
                let body = refusal(&body, version, ResponseError::NotCoordinator);
                let frame = ResponseFrame { correlation, body };
                if let Ok(bytes) = wire::encode_response(&frame, version) {
                    let head = [u8::try_from(index).expect("few APIs"), version as u8];
                    seeds.push([&head[..], &bytes].concat());
                }
            }
        }
    }
    seeds.push([&[0, 0][..], &wire::api_versions_response(0, 3, None)].concat());
    seeds
}
