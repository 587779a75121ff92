use kafka_protocol::messages::{
    FindCoordinatorResponse, ListGroupsRequest, OffsetFetchRequest,
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopic},
};
use serde_json::{Value, json};

use super::*;
use crate::protocol::{Request, Response, TopicName, str_bytes};
use crate::trace::jsonl::places::Places;
use crate::trace::names::Names;
use crate::trace::testing::{BROKER, consumer, frame, group, sent};

/// The object of a message.
fn written(message: &Message) -> Value {
    let event = sent(1, consumer(0, 1), BROKER, message.clone());
    let mut out = String::new();
    Object::write(&event, &Names::default(), &mut out, |object| write(message, object));
    serde_json::from_str(&out).expect("an object")
}

fn read(written: &Value) -> Result<Message, Wrong> {
    message(Fields::new(written.as_object().expect("an object"), &Places::default()))
}

fn response(request: impl Into<Request>, version: i16, body: impl Into<Response>) -> Message {
    let response = Arc::new(ResponseFrame { correlation: 7, body: body.into() });
    Message::Response { request: frame(version, request), response }
}

#[test]
fn a_message_with_a_field_that_its_version_lacks_is_written_in_the_newest_that_has_it() {
    let listed = ListGroupsRequest::default().with_types_filter(vec![str_bytes("classic")]);
    let original = frame(3, listed);
    let object = written(&Message::Request(original.clone()));
    assert_eq!((&object["version"], &object["frame_version"]), (&json!(3), &json!(5)));
    assert_eq!(read(&object).expect("a message").request(), &original);

    // Version 0 has no error message, so the codec decodes an empty one.
    let found = FindCoordinatorResponse::default().with_error_message(None);
    let request = kafka_protocol::messages::FindCoordinatorRequest::default();
    let object = written(&response(request, 0, found.clone()));
    assert_eq!((&object["version"], object.get("request_frame_version")), (&json!(0), None));
    assert!(object["frame_version"].as_i64().is_some_and(|version| version > 0), "{object}");
    match read(&object) {
        Ok(Message::Response { request, response }) => {
            assert_eq!(request.version, 0);
            assert_eq!(response.body, Response::from(found));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_are_in_the_version_of_the_message_if_that_can_express_it() {
    let object = written(&Message::Request(frame(3, ListGroupsRequest::default())));
    assert_eq!(object.get("frame_version"), None);
    let bytes = object["frame"].as_str().expect("digits");
    // The API key, the version and the correlation id.
    assert!(bytes.starts_with("0010" /* ListGroups */) && bytes[4..].starts_with("000300000007"));
}

#[test]
fn a_message_that_no_version_can_express_says_so() {
    // Old versions have one group, and new ones have a list.
    let topic = OffsetFetchRequestTopic::default().with_name(TopicName(str_bytes("orders")));
    let both = OffsetFetchRequest::default()
        .with_group_id(group())
        .with_topics(Some(vec![topic]))
        .with_groups(vec![OffsetFetchRequestGroup::default().with_group_id(group())]);
    let object = written(&Message::Request(frame(8, both)));
    assert_eq!((object.get("frame"), &object["api"]), (None, &json!("OffsetFetch")));
    let Wrong(why) = read(&object).expect_err("no message");
    assert!(why.starts_with("\"frame\": the message was not recorded: no version"), "{why}");
}

#[test]
fn bytes_that_are_no_message_are_refused() {
    let mut object = written(&Message::Request(frame(3, ListGroupsRequest::default())));
    for (frame, expected) in [
        ("zz", "\"frame\": expected bytes in hexadecimal, found \"zz\""),
        ("0010", "\"frame\": header: needs 8 bytes, but 2 are left"),
        ("7fff000300000007ffff", "\"frame\": unknown API key 32767"),
    ] {
        object["frame"] = json!(frame);
        assert_eq!(read(&object).map(drop), Err(Wrong(expected.to_owned())));
    }
}
