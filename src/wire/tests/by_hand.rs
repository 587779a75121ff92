//! Messages against bytes laid out by hand, and fields that a version does not have.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use tokio_util::codec::{Decoder, Encoder};

use super::{Direction, framed};
use crate::protocol::{Api, GroupId, RequestFrame, ResponseFrame, str_bytes};
use crate::wire::{
    Incoming, MAX_FRAME, decode_request, decode_response, encode_request, encode_response, framing,
};

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
    framing(10).encode(Bytes::from_static(b"more than ten"), &mut stream).expect_err("13 bytes");
}

#[test]
fn the_buffer_of_a_frame_grows_with_the_bytes_that_arrive() {
    let mut stream = BytesMut::new();
    stream.put_i32(MAX_FRAME as i32);
    let mut codec = framing(MAX_FRAME);
    while stream.len() < 10_000 {
        assert_eq!(codec.decode(&mut stream).expect("a part of a frame"), None);
        let (room, arrived) = (stream.capacity(), stream.len());
        assert!(room <= 2 * arrived + 1_100, "room for {room} bytes, of which {arrived} have come");
        stream.put_slice(&[7; 100]);
    }
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
