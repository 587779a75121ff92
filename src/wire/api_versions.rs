//! ApiVersions: how a client learns which APIs and versions a broker supports.
//!
//! The list has exactly what is served, by [`versions`]: clients use the highest version that both
//! sides have, and some infer a broker's release and features from the list as a whole.

use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, RequestHeader, ResponseHeader,
};

use super::codec::{both_ways, decode, encode};
use super::frames::{header_of_request, request_header};
use super::{Malformed, layouts, lengths, versions};
use crate::protocol::{Api, ResponseError, StrBytes, error_name, str_bytes};

/// The API key of ApiVersions.
pub(super) const KEY: i16 = ApiKey::ApiVersions as i16;

/// The first version with the client's software name (KIP-511).
const HAS_SOFTWARE_NAME: i16 = 3;

/// The version that groupsim's client sends.
const CLIENT_VERSION: i16 = 3;

const REQUEST: &str = "ApiVersions request";
const RESPONSE: &str = "ApiVersions response";

/// The supported versions of ApiVersions itself.
fn own_versions() -> RangeInclusive<i16> {
    both_ways::<ApiVersionsRequest>()
}

/// The client id of an ApiVersions request, and the error if it is refused. In an unsupported
/// version nothing is parsed, because its layout is unknown (KIP-511).
pub(super) fn check_request(
    mut bytes: Bytes,
    version: i16,
) -> Result<(StrBytes, Option<ResponseError>), Malformed> {
    if !own_versions().contains(&version) {
        return Ok((StrBytes::default(), Some(ResponseError::UnsupportedVersion)));
    }
    let header = request_header(&mut bytes, ApiKey::ApiVersions.request_header_version(version))?;
    let request = lengths::walk(&bytes, &layouts::API_VERSIONS_REQUEST, version)
        .and_then(|_| decode::<ApiVersionsRequest>(&mut bytes, version))
        .map_err(|reason| Malformed::body(REQUEST, version, reason))?;
    let software = [&request.client_software_name, &request.client_software_version];
    let is_legal =
        version < HAS_SOFTWARE_NAME || software.iter().all(|text| is_legal_software_name(text));
    let refused = (!is_legal).then_some(ResponseError::InvalidRequest);
    Ok((header.client_id.unwrap_or_default(), refused))
}

/// Whether the text is a legal software name or version: ASCII letters, digits, dots and dashes,
/// with a letter or a digit at either end (KIP-511). Operators' tools display these, so other
/// characters must not reach them.
fn is_legal_software_name(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    ends.iter().all(|end| end.is_some_and(|c| c.is_ascii_alphanumeric()))
        && text.chars().all(inside)
}

/// The response to ApiVersions, as one frame without its length prefix.
///
/// For an unsupported version it is UNSUPPORTED_VERSION in the layout of version 0, which every
/// client can read, with the versions of ApiVersions itself, so that the client retries with one of
/// them (KIP-511). The header is always that of the oldest responses: a client must read it before
/// it knows any version. Other errors have no list.
pub fn api_versions_response(
    correlation: i32,
    version: i16,
    refused: Option<ResponseError>,
) -> Bytes {
    let own = listed(KEY, own_versions());
    let refusal =
        |error: ResponseError| ApiVersionsResponse::default().with_error_code(error.code());
    match refused {
        Some(error @ ResponseError::UnsupportedVersion) => {
            return response_frame(correlation, &refusal(error).with_api_keys(vec![own]), 0);
        }
        Some(error) => return response_frame(correlation, &refusal(error), version),
        None => {}
    }
    let served = Api::ALL.iter().map(|&api| listed(api as i16, versions(api)));
    let mut keys: Vec<ApiVersion> = served.chain([own]).collect();
    keys.sort_by_key(|listed| listed.api_key);
    response_frame(correlation, &ApiVersionsResponse::default().with_api_keys(keys), version)
}

fn listed(key: i16, versions: RangeInclusive<i16>) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(key)
        .with_min_version(*versions.start())
        .with_max_version(*versions.end())
}

fn response_frame(correlation: i32, response: &ApiVersionsResponse, version: i16) -> Bytes {
    let mut bytes = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation);
    encode(&header, &mut bytes, ApiKey::ApiVersions.response_header_version(version))
        .and_then(|()| encode(response, &mut bytes, version))
        .expect("a list of versions can be encoded in every version");
    bytes.freeze()
}

/// The first request to an unknown broker, as one frame without its length prefix: version 3, with
/// groupsim's name and version as the client's software.
///
/// # Panics
///
/// If the client id is longer than 32,767 bytes, which no Kafka message can carry.
pub fn encode_api_versions_request(correlation: i32, client_id: &StrBytes) -> Bytes {
    let mut bytes = BytesMut::new();
    let header: RequestHeader = header_of_request(KEY, CLIENT_VERSION, correlation, client_id);
    let body = ApiVersionsRequest::default()
        .with_client_software_name(str_bytes(env!("CARGO_PKG_NAME")))
        .with_client_software_version(str_bytes(env!("CARGO_PKG_VERSION")));
    encode(&header, &mut bytes, ApiKey::ApiVersions.request_header_version(CLIENT_VERSION))
        .and_then(|()| encode(&body, &mut bytes, CLIENT_VERSION))
        .expect("a client's id is shorter than Kafka's longest string");
    bytes.freeze()
}

/// Decodes the response to [`encode_api_versions_request`]: each API key with the versions that the
/// broker supports.
///
/// A broker too old for version 3 returns UNSUPPORTED_VERSION in the layout of version 0; its list,
/// which has at most ApiVersions, is returned like any other. Any other error is [`Malformed`].
pub fn decode_api_versions_response(
    mut bytes: Bytes,
) -> Result<Vec<(i16, RangeInclusive<i16>)>, Malformed> {
    let header: Result<ResponseHeader, String> =
        decode(&mut bytes, ApiKey::ApiVersions.response_header_version(CLIENT_VERSION));
    header.map_err(Malformed::Header)?;
    // The error comes first in every version.
    let refusal = ResponseError::UnsupportedVersion.code();
    let version = if bytes.starts_with(&refusal.to_be_bytes()) { 0 } else { CLIENT_VERSION };
    let response: ApiVersionsResponse =
        lengths::walk(&bytes, &layouts::API_VERSIONS_RESPONSE, version)
            .and_then(|_| decode(&mut bytes, version))
            .map_err(|reason| Malformed::body(RESPONSE, version, reason))?;
    if ![0, refusal].contains(&response.error_code) {
        return Err(Malformed::body(RESPONSE, version, error_name(response.error_code)));
    }
    let each = response.api_keys.iter();
    Ok(each.map(|api| (api.api_key, api.min_version..=api.max_version)).collect())
}
