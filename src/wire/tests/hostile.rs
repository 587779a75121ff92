//! Untrusted bytes: never a panic, never more memory than they justify.
//!
//! The walk limits what the codec reserves, provided that both see the same lengths at the same
//! positions. So where both succeed, both must have consumed the same number of bytes. A count that
//! the walk missed would show here as an allocation that aborts the tests.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, RngSeed};

use super::{Direction, codec, every_message, framed, layout, sample, walk_length};
use crate::protocol::Api;
use crate::wire::{Incoming, Malformed, decode_request, decode_response, nulls};

/// Lengths that no frame can have, in their fixed and compact encodings.
const HUGE: [&[u8]; 5] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x77, 0x35, 0x94, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0x80, 0x80, 0x80, 0x80, 0x08],
];

/// Whether the bytes are the body of the message; panics where walk and codec disagree.
fn is_decoded(bytes: &[u8], message: (Api, i16, Direction)) -> bool {
    let (api, version, direction) = message;
    let frame = framed(bytes, message);
    let outcome = match direction {
        Direction::Request => decode_request(frame).map(drop),
        Direction::Response => decode_response(frame, api, version).map(drop),
    };
    let Ok(length) = walk_length(bytes, message) else {
        assert!(outcome.is_err(), "{message:?}: {bytes:02x?}");
        return false;
    };
    let mut rest = Bytes::copy_from_slice(bytes);
    let body = match direction {
        Direction::Request => codec::decode_request(&mut rest, api, version).and_then(|body| {
            nulls::forbidden(&body, version).map_or(Ok(()), |field| Err(field.to_owned()))
        }),
        Direction::Response => codec::decode_response(&mut rest, api, version).map(drop),
    };
    assert_eq!(outcome.is_ok(), body.is_ok());
    if body.is_ok() {
        assert_eq!(bytes.len() - rest.len(), length, "{message:?}: {bytes:02x?}");
    }
    body.is_ok()
}

#[test]
fn a_truncated_message_is_malformed() {
    for message @ (api, version, direction) in every_message() {
        let body = sample::message(layout(api, direction), version, 2);
        for end in 0..body.len() {
            assert!(!is_decoded(&body[..end], message), "{message:?} of {end} bytes");
        }
    }
}

#[test]
fn a_truncated_frame_is_malformed() {
    for message @ (api, version, direction) in every_message() {
        let frame = framed(&sample::message(layout(api, direction), version, 2), message);
        for end in 0..frame.len() {
            let cut = frame.slice(..end);
            let error = match direction {
                Direction::Request => decode_request(cut).map(drop),
                Direction::Response => decode_response(cut, api, version).map(drop),
            };
            error.expect_err("a part of a frame");
        }
    }
}

#[test]
fn any_byte_may_be_any_other() {
    for message @ (api, version, direction) in every_message() {
        let body = sample::message(layout(api, direction), version, 2);
        for at in 0..body.len() {
            for byte in [0, 0x7f, 0xff, !body[at], body[at].wrapping_add(1)] {
                let mut changed = body.clone();
                changed[at] = byte;
                is_decoded(&changed, message);
            }
        }
    }
}

#[test]
fn any_place_may_hold_a_huge_length() {
    for message @ (api, version, direction) in every_message() {
        let body = sample::message(layout(api, direction), version, 2);
        for at in 0..body.len() {
            for huge in HUGE {
                let over = (at + huge.len()).min(body.len());
                is_decoded(&[&body[..at], huge, &body[over..]].concat(), message);
                is_decoded(&[&body[..at], huge, &body[at..]].concat(), message);
            }
        }
    }
}

#[test]
fn the_reasons_can_be_read() {
    let reason = |bytes: &[u8]| {
        decode_request(Bytes::copy_from_slice(bytes)).expect_err("malformed").to_string()
    };
    assert_eq!(reason(b"\x00\x0b"), "header: needs 8 bytes, but 2 are left");
    assert_eq!(reason(b"\x00\x63\0\0\0\0\0\x01\0\0"), "unknown API key 99");
    assert_eq!(
        reason(b"\x00\x0b\x00\x0c\0\0\0\x01\0\0"),
        "JoinGroup version 12 is not supported, only 0..=9"
    );
    // Group g, session 0, no member id, no protocol type; and 2,000,000,000 protocols, of which two
    // begin.
    let join = b"\x00\x0b\x00\x00\0\0\0\x01\0\0\x00\x01g\0\0\0\0\0\0\0\0\x77\x35\x94\x00\
        \0\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(
        reason(join),
        "JoinGroup request v0: protocols: array of 2000000000 entries, but 12 bytes are left"
    );
    let instance = b"\x00\x0c\x00\x04\0\0\0\x01\0\0\x00\x02g\0\0\0\0\x01\xff\xff\xff\xff\xff";
    assert_eq!(
        reason(instance),
        "Heartbeat request v4: group_instance_id: varint of more than 5 bytes"
    );
    let negative = b"\x00\x0c\x00\x00\0\0\0\x01\0\0\xff\xfe";
    assert_eq!(reason(negative), "Heartbeat request v0: group_id: length of -2");
    let absent = b"\x00\x0c\x00\x00\0\0\0\x01\0\0\xff\xff\0\0\0\0\0\0";
    assert_eq!(reason(absent), "Heartbeat request v0: String length is negative (-1)");
}

#[test]
fn a_string_longer_than_kafka_reads_is_refused() {
    // Heartbeat, version 4; a group id of that many bytes, generation 0, no member id, no instance
    // id.
    let heartbeat = |length: usize| {
        let mut bytes = b"\x00\x0c\x00\x04\0\0\0\x01\0\0\x00".to_vec();
        let encoded = length as u32 + 1;
        bytes.extend([encoded as u8 | 0x80, (encoded >> 7) as u8 | 0x80, (encoded >> 14) as u8]);
        bytes.extend(vec![b'g'; length]);
        bytes.extend([0, 0, 0, 0, 1, 0, 0]);
        decode_request(Bytes::from(bytes))
    };
    assert!(matches!(heartbeat(0x7fff), Ok(Incoming::Request(_))));
    let error = heartbeat(0x8000).expect_err("too long").to_string();
    assert_eq!(error, "Heartbeat request v4: group_id: string of 32768 bytes");
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    }
}

fn any_message() -> impl Strategy<Value = (Api, i16, Direction)> {
    prop::sample::select(every_message().collect::<Vec<_>>())
}

/// Small numbers are likely, because plausible lengths reach deeper code.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 0..120)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_bodies_are_handled(message in any_message(), body in any_bytes()) {
        is_decoded(&body, message);
    }

    #[test]
    fn random_changes_are_handled(
        message in any_message(),
        entries in 0..4_u8,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (api, version, direction) = message;
        let mut body = sample::message(layout(api, direction), version, entries);
        for (at, byte) in changes.into_iter().filter(|_| !body.is_empty()).collect::<Vec<_>>() {
            let at = at.index(body.len());
            body[at] = byte;
        }
        is_decoded(&body, message);
    }

    #[test]
    fn random_frames_are_handled(frame in any_bytes()) {
        match decode_request(Bytes::from(frame)) {
            Ok(_) | Err(Malformed::UnknownApi(_) | Malformed::UnknownVersion { .. }) => {}
            Err(malformed) => prop_assert!(!malformed.to_string().is_empty()),
        }
    }
}
