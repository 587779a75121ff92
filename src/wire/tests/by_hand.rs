//! Messages against bytes laid out by hand, and fields that a version does not have.

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use super::{Direction, framed};
use crate::protocol::{Api, GroupId, RequestFrame, ResponseFrame, str_bytes};
use crate::wire::{Incoming, decode_request, decode_response, encode_request, encode_response};

fn join() -> JoinGroupRequest {
    let range = JoinGroupRequestProtocol::default()
        .with_name(str_bytes("range"))
        .with_metadata(Bytes::from_static(b"MM"));
    JoinGroupRequest::default()
        .with_group_id(GroupId(str_bytes("g")))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(str_bytes("consumer"))
        .with_protocols(vec![range])
}

fn request(version: i16, body: JoinGroupRequest) -> RequestFrame {
    RequestFrame { correlation: 5, version, client_id: str_bytes("c1"), body: body.into() }
}

#[test]
fn join_group_with_fixed_lengths() {
    let wanted = b"\x00\x0b\x00\x01\x00\x00\x00\x05\x00\x02c1\
        \x00\x01g\x00\x00\x27\x10\x00\x00\xea\x60\x00\x00\x00\x08consumer\
        \x00\x00\x00\x01\x00\x05range\x00\x00\x00\x02MM";
    let frame = request(1, join());
    let bytes = encode_request(&frame).expect("bytes");
    assert_eq!(bytes, &wanted[..]);
    assert_eq!(decode_request(bytes), Ok(Incoming::Request(frame)));
}

#[test]
fn join_group_with_compact_lengths() {
    // The client id keeps its two-byte length (KIP-482); tagged fields end the header and each
    // struct.
    let wanted = b"\x00\x0b\x00\x06\x00\x00\x00\x05\x00\x02c1\x00\
        \x02g\x00\x00\x27\x10\x00\x00\xea\x60\x01\x03i1\x09consumer\
        \x02\x06range\x03MM\x00\x00";
    let frame = request(6, join().with_group_instance_id(Some(str_bytes("i1"))));
    let bytes = encode_request(&frame).expect("bytes");
    assert_eq!(bytes, &wanted[..]);
    assert_eq!(decode_request(bytes), Ok(Incoming::Request(frame)));
}

#[test]
fn on_join_response() {
    let member = JoinGroupResponseMember::default()
        .with_member_id(str_bytes("m1"))
        .with_metadata(Bytes::from_static(b"MM"));
    let body = JoinGroupResponse::default()
        .with_generation_id(3)
        .with_protocol_name(Some(str_bytes("range")))
        .with_leader(str_bytes("m1"))
        .with_member_id(str_bytes("m1"))
        .with_members(vec![member]);
    let frame = ResponseFrame { correlation: 5, body: body.into() };
    for version in 0..=9 {
        let bytes = encode_response(&frame, version).expect("bytes");
        assert_eq!(decode_response(bytes, Api::JoinGroup, version).as_ref(), Ok(&frame));
    }
}

#[test]
fn a_field_that_the_version_cannot_carry_is_refused() {
    let frame = request(4, join().with_group_instance_id(Some(str_bytes("i1"))));
    let refused = encode_request(&frame).expect_err("v4 has no instance id").to_string();
    assert_eq!(
        refused,
        "JoinGroup request v4: \
         A field is set that is not available on the selected protocol version"
    );
}

#[test]
fn null_is_refused_before_the_version_that_allows_it() {
    let all: &[u8] = b"\xff\xff\xff\xff";
    let nameless: &[u8] = b"\x00\x00\x00\x01\xff\xff\x01\x00\x00";
    let offsets: &[u8] = b"\x00\x01g\xff\xff\xff\xff";
    let read =
        |api, version, body| decode_request(framed(body, (api, version, Direction::Request)));
    let refused = |api, version, body| match read(api, version, body) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("{read:?}"),
    };
    assert_eq!(refused(Api::Metadata, 0, all), "Metadata request v0: topics: null");
    assert!(read(Api::Metadata, 1, all).is_ok());
    assert_eq!(refused(Api::Metadata, 8, nameless), "Metadata request v8: name: null");
    assert_eq!(refused(Api::OffsetFetch, 1, offsets), "OffsetFetch request v1: topics: null");
    assert!(read(Api::OffsetFetch, 2, offsets).is_ok());
}
