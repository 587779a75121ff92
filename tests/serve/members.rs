//! Members of a group with arbitrary payloads, each on its own connection.

use bytes::Bytes;
use groupsim::protocol::{GroupId, Request, RequestFrame, Response, StrBytes, str_bytes};
use groupsim::wire;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use super::*;

pub fn send(stream: &mut TcpStream, version: i16, body: impl Into<Request>) {
    let (client_id, body) = (str_bytes("x"), body.into());
    let frame = RequestFrame { correlation: 7, version, client_id, body };
    let bytes = wire::encode_request(&frame).expect("a request that its version can carry");
    stream.write_all(&framed(&bytes)).expect("it takes a request");
}

pub fn exchange(stream: &mut TcpStream, version: i16, body: impl Into<Request>) -> Response {
    let body = body.into();
    let api = body.api();
    send(stream, version, body);
    wire::decode_response(Bytes::from(response(stream)), api, version).expect("a response").body
}

pub fn join(group: &str, of: &str, assignor: &str, metadata: &[u8]) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default()
        .with_name(str_bytes(assignor))
        .with_metadata(Bytes::copy_from_slice(metadata));
    JoinGroupRequest::default()
        .with_group_id(GroupId(str_bytes(group)))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(10_000)
        .with_protocol_type(str_bytes(of))
        .with_protocols(vec![protocol])
}

/// Two members join, the leader gives both the same assignment, and both send a heartbeat and
/// leave. Each member must receive the payloads for it byte for byte.
pub fn run_group(
    served: &Served,
    (group, of, assignor): (&str, &str, &str),
    metadata: &[u8],
    given: &[u8],
) {
    let mut streams = [served.connect(), served.connect()];
    for stream in &mut streams {
        send(stream, 3, join(group, of, assignor, metadata));
    }
    let joined = streams.each_mut().map(|stream| {
        let bytes = Bytes::from(response(stream));
        let api = groupsim::protocol::Api::JoinGroup;
        match wire::decode_response(bytes, api, 3).expect("a response").body {
            Response::JoinGroup(response) => response,
            other => panic!("{other:?}"),
        }
    });
    let ids: Vec<StrBytes> = joined.iter().map(|response| response.member_id.clone()).collect();
    let leads = |id: &StrBytes| *id == joined[0].leader;
    let leader = joined
        .iter()
        .find(|response| leads(&response.member_id))
        .expect("one member is the leader");
    assert!(leader.members.len() == 2 && leader.members.iter().all(|m| m.metadata == metadata));
    let group_id = || GroupId(str_bytes(group));
    for (stream, id) in streams.iter_mut().zip(&ids) {
        let entry = |id: &StrBytes| {
            let entry = SyncGroupRequestAssignment::default().with_member_id(id.clone());
            entry.with_assignment(Bytes::copy_from_slice(given))
        };
        let plan = if leads(id) { ids.iter().map(entry).collect() } else { Vec::new() };
        let sync = SyncGroupRequest::default()
            .with_group_id(group_id())
            .with_generation_id(joined[0].generation_id)
            .with_member_id(id.clone())
            .with_assignments(plan);
        send(stream, 1, sync);
    }
    for stream in &mut streams {
        let bytes = Bytes::from(response(stream));
        let api = groupsim::protocol::Api::SyncGroup;
        match wire::decode_response(bytes, api, 1).expect("a response").body {
            Response::SyncGroup(response) => assert_eq!(response.assignment, given),
            other => panic!("{other:?}"),
        }
    }
    for (stream, id) in streams.iter_mut().zip(&ids) {
        let beat = HeartbeatRequest::default()
            .with_group_id(group_id())
            .with_generation_id(joined[0].generation_id)
            .with_member_id(id.clone());
        let Response::Heartbeat(response) = exchange(stream, 1, beat) else {
            panic!("no Heartbeat")
        };
        assert_eq!(response.error_code, 0);
    }
    for (stream, id) in streams.iter_mut().zip(&ids) {
        let leave = LeaveGroupRequest::default().with_group_id(group_id());
        exchange(stream, 1, leave.with_member_id(id.clone()));
    }
}

/// A client id of the maximum string length is part of the member id, which is then too long for a
/// string.
#[test]
fn a_response_that_cannot_be_encoded_ends_its_connection_and_nothing_else() {
    let _alone = alone();
    let served = Served::start("unwritable", &["--topic", "topic:4"]);
    let (client_id, body) = (str_bytes(&"x".repeat(32_767)), join("g", "consumer", "range", b""));
    let frame = RequestFrame { correlation: 7, version: 5, client_id, body: body.into() };
    let bytes = wire::encode_request(&frame).expect("a request that its version can carry");
    let mut stream = served.connect();
    stream.write_all(&framed(&bytes)).expect("it takes a request");
    disconnected(&mut stream);
    served.responds();
}

/// From version 3 on, LeaveGroup has a list of members, which may be empty.
#[test]
fn a_leave_without_members_is_no_violation() {
    let _alone = alone();
    let mut served = Served::start("leave-without-members", &["--topic", "topic:4"]);
    let mut stream = served.connect();
    let leave = LeaveGroupRequest::default().with_group_id(GroupId(str_bytes("g")));
    match exchange(&mut stream, 3, leave) {
        Response::LeaveGroup(response) => assert_eq!(response.error_code, 0),
        other => panic!("{other:?}"),
    }
    drop(stream);
    served.end();
}
