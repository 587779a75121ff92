//! The layouts match the codec, and a round trip loses nothing.

use bytes::Bytes;

use super::{Direction, every_message, framed, layout, reencoded, sample, walk_length};
use crate::protocol::{Api, str_bytes};
use crate::wire::{
    Incoming, Malformed, decode_request, decode_response, encode_request, encode_response, versions,
};

#[test]
fn a_message_generated_from_a_layout_decodes_and_encodes_to_the_same_bytes() {
    for message @ (api, version, direction) in every_message() {
        for entries in [0, 1, 2, 5] {
            let bytes = sample::message(layout(api, direction), version, entries);
            let encoded = format!("{api} v{version} {direction:?} of {entries}");
            assert_eq!(walk_length(&bytes, message), Ok(bytes.len()), "{encoded}");
            let (decoded, again) = reencoded(&bytes, message).expect(&encoded);
            assert_eq!((decoded, &again[..]), (bytes.len(), &bytes[..]), "{encoded}");
        }
    }
}

#[test]
fn frames_survive_a_round_trip() {
    for message @ (api, version, direction) in every_message() {
        let body = sample::message(layout(api, direction), version, 2);
        let bytes = framed(&body, message);
        let again = match direction {
            Direction::Request => {
                let Ok(Incoming::Request(frame)) = decode_request(bytes.clone()) else {
                    panic!("{api} v{version} is no request");
                };
                assert_eq!((frame.correlation, frame.version), (7, version));
                assert_eq!((frame.client_id.as_str(), frame.body.api()), ("c", api));
                encode_request(&frame)
            }
            Direction::Response => {
                let frame = decode_response(bytes.clone(), api, version).expect("a response");
                assert_eq!((frame.correlation, frame.body.api()), (7, api));
                encode_response(&frame, version)
            }
        };
        assert_eq!(again, Ok(bytes), "{api} v{version} {direction:?}");
    }
}

#[test]
fn bytes_after_a_message_are_ignored() {
    for message @ (api, version, direction) in every_message() {
        let body = sample::message(layout(api, direction), version, 1);
        let alone = framed(&body, message);
        let followed = Bytes::from([&alone[..], b"more"].concat());
        match direction {
            Direction::Request => assert_eq!(decode_request(followed), decode_request(alone)),
            Direction::Response => assert_eq!(
                decode_response(followed, api, version),
                decode_response(alone, api, version)
            ),
        }
    }
}

#[test]
fn a_version_without_request_or_response_is_not_supported() {
    assert_eq!(versions(Api::JoinGroup), 0..=9);
    // The codec has version 10 of the responses, and claims that the APIs have it.
    assert_eq!(versions(Api::OffsetCommit), 2..=9);
    assert_eq!(versions(Api::OffsetFetch), 1..=9);
}

#[test]
fn versions_beyond_the_range_are_refused_in_both_directions() {
    for &api in Api::ALL {
        let spoken = versions(api);
        for version in [-1, spoken.start() - 1, spoken.end() + 1, i16::MIN, i16::MAX] {
            let refused = Malformed::UnknownVersion { api, version };
            let body = sample::message(layout(api, Direction::Request), *spoken.end(), 0);
            let Ok(Incoming::Request(mut frame)) =
                decode_request(framed(&body, (api, *spoken.end(), Direction::Request)))
            else {
                panic!("{api} is no request");
            };
            frame.version = version;
            assert_eq!(encode_request(&frame), Err(refused.clone()));
            let header = framed(&[], (api, version, Direction::Request));
            assert_eq!(decode_request(header), Err(refused.clone()));
            assert_eq!(decode_response(Bytes::new(), api, version), Err(refused));
        }
    }
}

#[test]
fn a_client_id_of_null_is_an_empty_one() {
    // Heartbeat, version 0, correlation 9; no client id; group g, generation 1, member m.
    let bytes = Bytes::from_static(&[
        0, 12, 0, 0, 0, 0, 0, 9, 0xff, 0xff, 0, 1, b'g', 0, 0, 0, 1, 0, 1, b'm',
    ]);
    let Ok(Incoming::Request(frame)) = decode_request(bytes) else { panic!("no request") };
    assert_eq!((frame.correlation, frame.client_id), (9, str_bytes("")));
}
