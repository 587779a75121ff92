//! Encodes and decodes requests and responses, one frame each.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{RequestHeader, ResponseHeader};

use super::codec::{self, api_key, decode, encode};
use super::{Malformed, api_versions, layouts, lengths, nulls, versions};
use crate::protocol::{
    Api, Request, RequestFrame, Response, ResponseError, ResponseFrame, StrBytes,
};

/// A decoded request frame.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "made once per frame, and taken apart at once")]
pub enum Incoming {
    /// A request for the broker's state machine.
    Request(RequestFrame),
    /// An ApiVersions request. The owner of the connection responds to it, not the broker's state
    /// machine: with [`api_versions_response`](super::api_versions_response).
    ApiVersions {
        /// The correlation id for the response.
        correlation: i32,
        /// The version that the client chose, which may be unsupported.
        version: i16,
        /// The client id; empty in an unsupported version.
        client_id: StrBytes,
        /// The error, if the request is refused.
        refused: Option<ResponseError>,
    },
}

/// Decodes one frame from a client, without its length prefix.
///
/// Bytes after the request are ignored, as in Kafka. A null client id becomes an empty one. The
/// strings of the request are views into the frame and keep all of it in memory.
pub fn decode_request(mut bytes: Bytes) -> Result<Incoming, Malformed> {
    // Their positions are the same in every version.
    let Some((&[k0, k1, v0, v1, c0, c1, c2, c3], _)) = bytes.split_first_chunk() else {
        return Err(Malformed::Header(format!("needs 8 bytes, but {} are left", bytes.len())));
    };
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let correlation = i32::from_be_bytes([c0, c1, c2, c3]);
    if key == api_versions::KEY {
        let (client_id, refused) = api_versions::check_request(bytes, version)?;
        return Ok(Incoming::ApiVersions { correlation, version, client_id, refused });
    }
    let api = Api::ALL.iter().copied().find(|api| *api as i16 == key);
    let api = api.ok_or(Malformed::UnknownApi(key))?;
    check_version(api, version)?;
    let header = request_header(&mut bytes, api_key(api).request_header_version(version))?;
    let body = request_body(bytes, api, version)?;
    let client_id = header.client_id.unwrap_or_default();
    Ok(Incoming::Request(RequestFrame { correlation, version, client_id, body }))
}

/// The client id of a frame, even if the rest cannot be decoded: it is at the same position in the
/// header of every version. Empty if the frame has none.
pub fn client_id(frame: &[u8]) -> String {
    let Some((_, rest)) = frame.split_at_checked(8) else { return String::new() };
    let Some((length, rest)) = rest.split_first_chunk() else { return String::new() };
    let length = usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0);
    let text = rest.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    text.unwrap_or_default().to_owned()
}

/// Encodes a request as one frame, without its length prefix.
///
/// The codec refuses a field that the version does not have and that is not at its default; such a
/// request is [`Malformed`] too.
pub fn encode_request(frame: &RequestFrame) -> Result<Bytes, Malformed> {
    let (api, version) = (frame.body.api(), frame.version);
    check_version(api, version)?;
    let mut bytes = BytesMut::new();
    let key = api_key(api);
    let header = header_of_request(key as i16, version, frame.correlation, &frame.client_id);
    encode(&header, &mut bytes, key.request_header_version(version)).map_err(Malformed::Header)?;
    codec::encode_request(&frame.body, &mut bytes, version)
        .map_err(|reason| Malformed::body(format!("{api} request"), version, reason))?;
    Ok(bytes.freeze())
}

/// Decodes one frame from a broker, without its length prefix. The frame does not have the `api`
/// and `version` of its request.
///
/// Bytes after the response are ignored. Its strings are views into the frame.
pub fn decode_response(
    mut bytes: Bytes,
    api: Api,
    version: i16,
) -> Result<ResponseFrame, Malformed> {
    check_version(api, version)?;
    let header: ResponseHeader = decode(&mut bytes, api_key(api).response_header_version(version))
        .map_err(Malformed::Header)?;
    let body = response_body(bytes, api, version)?;
    Ok(ResponseFrame { correlation: header.correlation_id, body })
}

/// Encodes a response as one frame, without its length prefix, in the `version` of the request.
///
/// The codec refuses a field that the version does not have and that is not at its default; such a
/// response is [`Malformed`] too.
pub fn encode_response(frame: &ResponseFrame, version: i16) -> Result<Bytes, Malformed> {
    let api = frame.body.api();
    check_version(api, version)?;
    let mut bytes = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(frame.correlation);
    encode(&header, &mut bytes, api_key(api).response_header_version(version))
        .map_err(Malformed::Header)?;
    codec::encode_response(&frame.body, &mut bytes, version)
        .map_err(|reason| Malformed::body(format!("{api} response"), version, reason))?;
    Ok(bytes.freeze())
}

/// Checks the lengths in the body of a response against its bytes, if the layout of the API is
/// known here: for callers that decode responses of more APIs than are served.
pub fn check_response(key: i16, version: i16, body: &[u8]) -> Result<(), String> {
    let api = Api::ALL.iter().find(|api| **api as i16 == key);
    let layout = match api {
        Some(api) => layouts::response(*api),
        None if key == api_versions::KEY => &layouts::API_VERSIONS_RESPONSE,
        None => return Ok(()),
    };
    lengths::walk(body, layout, version).map(drop)
}

fn check_version(api: Api, version: i16) -> Result<(), Malformed> {
    match versions(api).contains(&version) {
        true => Ok(()),
        false => Err(Malformed::UnknownVersion { api, version }),
    }
}

fn request_body(mut bytes: Bytes, api: Api, version: i16) -> Result<Request, Malformed> {
    lengths::walk(&bytes, layouts::request(api), version)
        .and_then(|_| codec::decode_request(&mut bytes, api, version))
        .and_then(|body| match nulls::forbidden(&body, version) {
            None => Ok(body),
            Some(field) => Err(format!("{field}: null")),
        })
        .map_err(|reason| Malformed::body(format!("{api} request"), version, reason))
}

fn response_body(mut bytes: Bytes, api: Api, version: i16) -> Result<Response, Malformed> {
    lengths::walk(&bytes, layouts::response(api), version)
        .and_then(|_| codec::decode_response(&mut bytes, api, version))
        .map_err(|reason| Malformed::body(format!("{api} response"), version, reason))
}

/// Takes the header off a frame that is at least as long as the fixed-size part of the header.
pub(super) fn request_header(bytes: &mut Bytes, version: i16) -> Result<RequestHeader, Malformed> {
    decode(bytes, version).map_err(Malformed::Header)
}

pub(super) fn header_of_request(
    key: i16,
    version: i16,
    correlation: i32,
    client_id: &StrBytes,
) -> RequestHeader {
    RequestHeader::default()
        .with_request_api_key(key)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(client_id.clone()))
}
