//! Bytes that are right, in every version; bytes that are wrong, in every way that can be listed or drawn.

mod api_versions;
mod by_hand;
mod hostile;
mod round_trip;
mod sample;

use bytes::{Bytes, BytesMut};

use super::{codec, layouts, lengths, versions};
use crate::protocol::{Api, str_bytes};

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Request,
    Response,
}

/// Every message there is: each API in each version, both ways.
fn every_message() -> impl Iterator<Item = (Api, i16, Way)> {
    Api::ALL.iter().flat_map(|&api| {
        versions(api)
            .flat_map(move |version| [(api, version, Way::Request), (api, version, Way::Response)])
    })
}

fn layout(api: Api, way: Way) -> &'static layouts::Layout {
    match way {
        Way::Request => layouts::request(api),
        Way::Response => layouts::response(api),
    }
}

/// How many of the bytes are the message, by the walk that looks at lengths alone.
fn walked(bytes: &[u8], (api, version, way): (Api, i16, Way)) -> Result<usize, String> {
    lengths::walk(bytes, layout(api, way), version)
}

/// How many of the bytes the codec decoded, and what it made of them, encoded again.
fn recoded(bytes: &[u8], (api, version, way): (Api, i16, Way)) -> Result<(usize, Bytes), String> {
    let (mut rest, mut again) = (Bytes::copy_from_slice(bytes), BytesMut::new());
    match way {
        Way::Request => {
            let body = codec::decode_request(&mut rest, api, version)?;
            codec::encode_request(&body, &mut again, version)
        }
        Way::Response => {
            let body = codec::decode_response(&mut rest, api, version)?;
            codec::encode_response(&body, &mut again, version)
        }
    }
    .expect("what was decoded can be encoded");
    Ok((bytes.len() - rest.len(), again.freeze()))
}

/// The frame of a body: with the correlation number 7, and from the client `c`.
fn framed(body: &[u8], (api, version, way): (Api, i16, Way)) -> Bytes {
    let mut bytes = BytesMut::new();
    let key = codec::api_key(api);
    match way {
        Way::Request => {
            let header = super::frames::header_of_request(api as i16, version, 7, &str_bytes("c"));
            codec::encode(&header, &mut bytes, key.request_header_version(version))
        }
        Way::Response => {
            let header = kafka_protocol::messages::ResponseHeader::default().with_correlation_id(7);
            codec::encode(&header, &mut bytes, key.response_header_version(version))
        }
    }
    .expect("a header");
    bytes.extend_from_slice(body);
    bytes.freeze()
}
