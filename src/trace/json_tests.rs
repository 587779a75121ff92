use super::*;
use crate::coordinator::GroupState;
use crate::trace::Message;
use crate::trace::testing::*;

fn object(event: &Event) -> Value {
    let mut json = Json::default();
    let mut out = String::new();
    json.render(&started(0, 0, "c1"), &mut out);
    out.clear();
    json.render(event, &mut out);
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn a_message_is_one_object_with_its_payloads_decoded() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    let body = sync(2, &c1, &[(&c1, &[0, 1]), (&c2, &[])]);
    let event = sent(1_000, consumer(0, 1), BROKER, Message::Request(request(5, body)));
    assert_eq!(
        object(&event),
        json!({
            "at": 1_000_000, "local": 1_000_000, "place": "c1.1", "event": "sent", "to": "b0",
            "api": "SyncGroup", "side": "request", "correlation": 7, "version": 5, "client": "c1",
            "group": "g", "generation": 2, "member": c1.as_str(), "conn": 3,
            "assignments": [
                { "member": c1.as_str(), "assignment": ["orders-0", "orders-1"] },
                { "member": c2.as_str(), "assignment": [] },
            ],
        })
    );
}

#[test]
fn lists_of_plain_values_are_plain() {
    let members = [member("c1", 1), member("c2", 1)];
    let object = object(&began(1, 4, &members));
    assert_eq!(object["members"], json!([members[0].as_str(), members[1].as_str()]));
    assert_eq!(object["took"], json!(3_004_000));
}

#[test]
fn what_is_absent_is_left_out_and_text_is_escaped() {
    let told = object(&script(1, "say \"hi\"\n"));
    assert_eq!(told["text"], json!("say \"hi\"\n"));
    let moved = object(&moved(1, GroupState::Stable, GroupState::Dead, "why"));
    assert_eq!(moved["to"], json!("Dead"));
    let empty = object(&began(1, 5, &[]));
    assert_eq!((empty.get("leader"), &empty["members"]), (None, &json!([])));
}
