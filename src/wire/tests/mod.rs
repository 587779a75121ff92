//! Valid bytes in every version; bytes that are invalid in every way that can be listed or
//! generated.

mod api_versions;
mod by_hand;
mod hostile;
mod round_trip;
mod sample;

use bytes::{Bytes, BytesMut};

use super::{codec, layouts, lengths, versions};
use crate::protocol::{Api, str_bytes};

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Request,
    Response,
}

/// Every message: each API in each version, requests and responses.
fn every_message() -> impl Iterator<Item = (Api, i16, Direction)> {
    Api::ALL.iter().flat_map(|&api| {
        versions(api).flat_map(move |version| {
            [(api, version, Direction::Request), (api, version, Direction::Response)]
        })
    })
}

fn layout(api: Api, direction: Direction) -> &'static layouts::Layout {
    match direction {
        Direction::Request => layouts::request(api),
        Direction::Response => layouts::response(api),
    }
}

/// The length of the message at the start of the bytes, by the walk alone.
fn walk_length(
    bytes: &[u8],
    (api, version, direction): (Api, i16, Direction),
) -> Result<usize, String> {
    lengths::walk(bytes, layout(api, direction), version)
}

/// How many of the bytes the codec decoded, and the message encoded again.
fn reencoded(
    bytes: &[u8],
    (api, version, direction): (Api, i16, Direction),
) -> Result<(usize, Bytes), String> {
    let (mut rest, mut again) = (Bytes::copy_from_slice(bytes), BytesMut::new());
    match direction {
        Direction::Request => {
            let body = codec::decode_request(&mut rest, api, version)?;
            codec::encode_request(&body, &mut again, version)
        }
        Direction::Response => {
            let body = codec::decode_response(&mut rest, api, version)?;
            codec::encode_response(&body, &mut again, version)
        }
    }
    .expect("what was decoded can be encoded");
    Ok((bytes.len() - rest.len(), again.freeze()))
}

/// The frame of a body, with correlation id 7 and client id `c`.
fn framed(body: &[u8], (api, version, direction): (Api, i16, Direction)) -> Bytes {
    let mut bytes = BytesMut::new();
    let key = codec::api_key(api);
    match direction {
        Direction::Request => {
            let header = super::frames::header_of_request(api as i16, version, 7, &str_bytes("c"));
            codec::encode(&header, &mut bytes, key.request_header_version(version))
        }
        Direction::Response => {
            let header = kafka_protocol::messages::ResponseHeader::default().with_correlation_id(7);
            codec::encode(&header, &mut bytes, key.response_header_version(version))
        }
    }
    .expect("a header");
    bytes.extend_from_slice(body);
    bytes.freeze()
}
