//! ApiVersions, the first request of every client.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Decodable, Encodable};

use super::sample;
use crate::protocol::{Api, ResponseError, str_bytes};
use crate::wire::{
    Incoming, Malformed, api_versions_response, decode_api_versions_response, decode_request,
    encode_api_versions_request, layouts, lengths, versions,
};

const UNSUPPORTED: Option<ResponseError> = Some(ResponseError::UnsupportedVersion);

fn decoded(mut bytes: Bytes, version: i16) -> ApiVersionsResponse {
    assert_eq!(bytes.split_to(4), 7_i32.to_be_bytes()[..], "the header is only the correlation id");
    let response = ApiVersionsResponse::decode(&mut bytes, version).expect("a response");
    assert!(bytes.is_empty());
    response
}

#[test]
fn the_list_is_what_is_served() {
    for version in 0..=4 {
        let response = decoded(api_versions_response(7, version, None), version);
        assert_eq!(response.error_code, 0);
        let listed: Vec<_> = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, api.min_version..=api.max_version))
            .collect();
        let mut served: Vec<_> =
            Api::ALL.iter().map(|&api| (api as i16, versions(api))).chain([(18, 0..=4)]).collect();
        served.sort_by_key(|(key, _)| *key);
        assert_eq!(listed, served, "v{version}");
        assert!(response.supported_features.is_empty() && response.finalized_features.is_empty());
    }
}

#[test]
fn a_future_version_is_refused_in_the_oldest_layout() {
    for version in [5, 99, -1, i16::MAX] {
        let wanted = b"\x00\x00\x00\x07\x00\x23\x00\x00\x00\x01\x00\x12\x00\x00\x00\x04";
        assert_eq!(api_versions_response(7, version, UNSUPPORTED), &wanted[..]);
    }
}

fn api_versions(version: i16, client_id: &str, refused: Option<ResponseError>) -> Incoming {
    Incoming::ApiVersions { correlation: 7, version, client_id: str_bytes(client_id), refused }
}

/// The request of a client with this software, at version 3 or 4.
fn requested_by(version: i16, name: &str, software_version: &str) -> Bytes {
    let mut bytes = BytesMut::from(&b"\x00\x12"[..]);
    bytes.put_i16(version);
    bytes.put_slice(b"\x00\x00\x00\x07\x00\x02c1\x00");
    let body = ApiVersionsRequest::default()
        .with_client_software_name(str_bytes(name))
        .with_client_software_version(str_bytes(software_version));
    body.encode(&mut bytes, version).expect("a request");
    bytes.freeze()
}

/// R3.18, KIP-511.
#[test]
fn malformed_names_of_software_are_refused() {
    let refused = Some(ResponseError::InvalidRequest);
    for plain in ["a", "9", "a-b", "librdkafka", "1.2.3-x", "a--b", "a..b", "A9"] {
        for (name, software_version) in [(plain, "1"), ("a", plain)] {
            let incoming = decode_request(requested_by(3, name, software_version));
            assert_eq!(incoming, Ok(api_versions(3, "c1", None)), "{plain}");
        }
    }
    for odd in ["", "-", "-a", "a-", ".a", "a.", "a b", "a_b", "a/b", "a+b", "é", "aé"] {
        for (name, software_version) in [(odd, "1"), ("a", odd)] {
            for version in [3, 4] {
                let incoming = decode_request(requested_by(version, name, software_version));
                assert_eq!(incoming, Ok(api_versions(version, "c1", refused)), "{odd}");
            }
        }
    }
    for version in [3, 4] {
        let response = decoded(api_versions_response(7, version, refused), version);
        assert_eq!((response.error_code, response.api_keys.len()), (42, 0));
    }
}

#[test]
fn a_client_learns_the_supported_versions() {
    let request = encode_api_versions_request(7, &str_bytes("c1"));
    let incoming = decode_request(request).expect("a request");
    assert_eq!(incoming, api_versions(3, "c1", None));
    let listed = decode_api_versions_response(api_versions_response(7, 3, None)).expect("a list");
    assert!(listed.contains(&(Api::JoinGroup as i16, versions(Api::JoinGroup))));
    assert_eq!(listed.len(), Api::ALL.len() + 1);
    let refused = decode_api_versions_response(api_versions_response(7, 99, UNSUPPORTED));
    assert_eq!(refused, Ok(vec![(18, 0..=4)]));
}

#[test]
fn another_error_is_reported_by_its_name() {
    let bytes = Bytes::from_static(b"\x00\x00\x00\x07\x00\x2a\x01\x00\x00\x00\x00\x00");
    let error = decode_api_versions_response(bytes).expect_err("an error");
    assert_eq!(error.to_string(), "ApiVersions response v3: INVALID_REQUEST");
}

#[test]
fn a_request_of_an_unknown_version_is_not_parsed() {
    let bytes = Bytes::from_static(b"\x00\x12\x00\x63\x00\x00\x00\x07\xff\xff\xff");
    let incoming = decode_request(bytes);
    assert_eq!(incoming, Ok(api_versions(99, "", UNSUPPORTED)));
}

#[test]
fn a_truncated_request_is_malformed() {
    let request = encode_api_versions_request(7, &str_bytes("c1"));
    for end in 0..request.len() {
        let refused = decode_request(request.slice(..end));
        assert!(matches!(refused, Err(Malformed::Header(_) | Malformed::Body { .. })), "{end}");
    }
}

#[test]
fn the_layout_matches_the_codec() {
    let layout = &layouts::API_VERSIONS_RESPONSE;
    for version in 0..=4 {
        let bytes = sample::message(layout, version, 2);
        assert_eq!(lengths::walk(&bytes, layout, version), Ok(bytes.len()));
        decoded(Bytes::from([&7_i32.to_be_bytes()[..], &bytes].concat()), version);
    }
}

#[test]
fn a_response_that_claims_a_billion_apis_is_malformed() {
    for bytes in [
        &b"\x00\x00\x00\x07\x00\x00\xff\xff\xff\xff\x0f"[..],
        b"\0\0\0\x07\x00\x23\x7f\xff\xff\xff",
    ] {
        decode_api_versions_response(Bytes::from_static(bytes)).expect_err("a billion");
    }
}
