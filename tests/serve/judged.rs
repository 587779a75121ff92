//! What `serve` reports about its clients: in its log, in its verdict, and to administrators.

use std::time::SystemTime;

use groupsim::protocol::records::BatchHeader;
use groupsim::protocol::{GroupId, Request, RequestFrame, Response, StrBytes, str_bytes};
use groupsim::wire;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, SyncGroupRequest, TransactionalId,
};

use super::*;

/// The response to a request of a client with this id.
fn request_as(
    stream: &mut TcpStream,
    client: &str,
    version: i16,
    body: impl Into<Request>,
) -> Response {
    let (client_id, body) = (str_bytes(client), body.into());
    let api = body.api();
    let frame = RequestFrame { correlation: 1, version, client_id, body };
    let bytes = wire::encode_request(&frame).expect("a request");
    stream.write_all(&framed(&bytes)).expect("it takes a request");
    let decoded = wire::decode_response(response(stream).into(), api, version);
    decoded.expect("a response").body
}

/// Becomes the only member of a group, with a version that admits new members at once, and returns
/// the member id.
fn join(stream: &mut TcpStream, group: &str, client: &str) -> StrBytes {
    let group = GroupId(str_bytes(group));
    let protocol = JoinGroupRequestProtocol::default().with_name(str_bytes("range"));
    let join = JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(str_bytes("opaque"))
        .with_protocols(vec![protocol]);
    let Response::JoinGroup(joined) = request_as(stream, client, 2, join) else {
        panic!("no response")
    };
    assert_eq!(joined.error_code, 0, "{joined:?}");
    let sync = SyncGroupRequest::default()
        .with_group_id(group)
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone());
    let Response::SyncGroup(synced) = request_as(stream, client, 2, sync) else {
        panic!("no response")
    };
    assert_eq!(synced.error_code, 0, "{synced:?}");
    joined.member_id
}

/// Whether a heartbeat of generation 1 succeeds.
fn heartbeat_succeeds(
    stream: &mut TcpStream,
    group: &str,
    client: &str,
    member: &StrBytes,
) -> bool {
    let beat = HeartbeatRequest::default()
        .with_group_id(GroupId(str_bytes(group)))
        .with_member_id(member.clone())
        .with_generation_id(1);
    let Response::Heartbeat(response) = request_as(stream, client, 2, beat) else {
        panic!("no response")
    };
    response.error_code == 0
}

#[test]
fn a_disconnected_client_is_warned_of_once_by_default() {
    let _alone = alone();
    let served = Served::start_with("warnings", &["--topic", "topic:4"]);
    let no_header = |key: i16, client: &str| {
        let length = i16::try_from(client.len()).expect("a short id").to_be_bytes();
        let header = [&key.to_be_bytes()[..], &0_i16.to_be_bytes(), &7_i32.to_be_bytes()].concat();
        framed(&[&header[..], &length, client.as_bytes()].concat())
    };
    let array = request_by(b'a', METADATA, 1, &i32::MAX.to_be_bytes());
    let cases: [(&[u8], &[&str]); 6] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &["WARN", "127.0.0.1:", "it sent TLS"]),
        (b"GET / HTTP/1.1\r\n\r\n", &["WARN", "127.0.0.1:", "it sent HTTP"]),
        (
            &array,
            &[
                "WARN",
                "a (127.0.0.1:",
                "Metadata request v1: topics: array of 2147483647",
                "15 bytes",
            ],
        ),
        (
            &no_header(68, "c7"),
            &[
                "WARN",
                "c7 (127.0.0.1:",
                "requests ConsumerGroupHeartbeat",
                "set group.protocol=classic",
            ],
        ),
        (
            &no_header(24, "c8"),
            &["WARN", "c8", "AddPartitionsToTxn", "transactions are not supported"],
        ),
        (&no_header(999, "c9"), &["WARN", "c9", "key 999"]),
    ];
    for (bytes, line) in cases {
        let mut stream = served.connect();
        stream.write_all(bytes).expect("it takes the bytes");
        disconnected(&mut stream);
        served.logs(line);
    }
    for _ in 0..20 {
        let mut stream = served.connect();
        stream.write_all(&array).expect("it takes the bytes");
        disconnected(&mut stream);
    }
    served.responds();
    let log = served.log();
    assert_eq!(log.matches("Metadata request v1").count(), 1, "{log}");
}

#[test]
fn a_step_for_an_unknown_client_lists_the_connected_clients() {
    let _alone = alone();
    let mut served = Served::start_with("strangers", &["--topic", "topic:4"]);
    let mut stream = served.connect();
    stream.write_all(&request(API_VERSIONS, 0, &[])).expect("it takes a request");
    response(&mut stream);
    let stdin = served.child.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(b"partition xx b0\nheal xx b0\nreset xx\n").expect("it reads steps");
    served.logs(&["WARN", "no client has the id xx: there are: x"]);
    served.logs(&["xx is not connected: there are: x"]);
    // The client may connect later, so the step is carried out.
    assert!(served.end().contains("1 fault"));
}

#[test]
fn a_step_for_an_unknown_group_lists_the_existing_groups() {
    let _alone = alone();
    let mut served = Served::start("no-group", &["--topic", "topic:4"]);
    served.carry_out("compact orders");
    served.logs(&["WARN", "there is no group orders: there are no groups"]);
    let mut stream = served.connect();
    join(&mut stream, "orders", "one");
    served.carry_out("refuse ordres");
    served.logs(&["WARN", "there is no group ordres: there are: orders"]);
    // Without a name the step is about the script's first group, which external clients do not
    // have.
    served.carry_out("compact");
    served.logs(&["WARN", "there is no group group1: there are: orders"]);
    assert_eq!(served.log().matches("there is no group ").count(), 3, "{}", served.log());
}

#[test]
fn member_ids_depend_on_the_seed_alone() {
    let _alone = alone();
    let id = |name: &str, flags: &[&str]| {
        let flags = [&["--topic", "topic:4", "--initial-delay", "0s"], flags].concat();
        let mut served = Served::start(name, &flags);
        let id = join(&mut served.connect(), "g", "c");
        (served.end(), id)
    };
    let (summary, first) = id("seed-1", &["--seed", "7"]);
    assert!(summary.starts_with("seed 7\n"), "{summary}");
    let (_, again) = id("seed-2", &["--seed", "7"]);
    let (_, other) = id("seed-3", &[]);
    let (_, another) = id("seed-4", &[]);
    assert_eq!(first, again);
    assert!(first != other && other != another, "{first} {other} {another}");
    let script = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("seed.sim");
    std::fs::write(&script, "seed 7\n").expect("the folder for test files can be written");
    let (summary, written) = id("seed-5", &[script.to_str().expect("a path of text")]);
    assert!(summary.starts_with("seed 7\n") && written == first, "{summary}");
}

#[test]
fn two_processes_under_one_member_id_are_noticed_and_judging_goes_on() {
    let _alone = alone();
    let flags = ["--topic", "topic:4", "--initial-delay", "0s"];
    let mut served = Served::start("identity", &flags);
    for group in ["g", "h"] {
        let mut streams = [served.connect(), served.connect()];
        let id = join(&mut streams[0], group, "c");
        for turn in 0..20 {
            assert!(heartbeat_succeeds(&mut streams[turn % 2], group, "c", &id));
        }
    }
    let summary = served.end_with(1);
    let found = |group: &str| summary.matches(&format!("group {group}: Heartbeat of c#")).count();
    // Each is reported when it is found, and again in the summary, which counts the repetitions.
    assert_eq!((found("g"), found("h")), (2, 2), "{summary}");
    assert_eq!(summary.matches("violation (member-identity)").count(), 4, "{summary}");
    assert!(summary.contains(", 3 times\n") && summary.contains("VIOLATED"), "{summary}");
}

#[test]
fn an_allowed_violation_does_not_fail_the_run() {
    let _alone = alone();
    let flags = ["--topic", "topic:4", "--initial-delay", "0s"];
    let allow = ["--allow", "session", "--allow", "member-identity:g"];
    let mut served = Served::start("allowed", &[&flags[..], &allow].concat());
    let mut streams = [served.connect(), served.connect()];
    let id = join(&mut streams[0], "g", "c");
    for turn in 0..20 {
        assert!(heartbeat_succeeds(&mut streams[turn % 2], "g", "c", &id));
    }
    assert!(served.end().contains("held"));
}

#[test]
fn an_unknown_invariant_cannot_be_allowed() {
    for verb in [&["serve", "--topic", "t:1"][..], &["probe", "--bootstrap", "x:1", "--topic", "t"]]
    {
        let run = Command::new(env!("CARGO_BIN_EXE_groupsim"))
            .args(verb)
            .args(["--allow", "sesion:g"])
            .output()
            .expect("groupsim starts");
        let summary = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{summary}");
        let message = "unknown invariant 'sesion': did you mean `session`?";
        assert!(summary.contains(message), "{summary}");
    }
}

#[test]
fn a_described_member_has_the_host_that_it_connects_from() {
    let _alone = alone();
    let served = Served::start("host", &["--topic", "topic:4", "--initial-delay", "0s"]);
    let mut stream = served.connect();
    join(&mut stream, "g", "c");
    let describe = DescribeGroupsRequest::default().with_groups(vec![GroupId(str_bytes("g"))]);
    let Response::DescribeGroups(described) = request_as(&mut served.connect(), "d", 4, describe)
    else {
        panic!("no response")
    };
    let member = &described.groups[0].members[0];
    let (client, host) = (member.client_id.as_str(), member.client_host.as_str());
    assert_eq!((client, host), ("c", "/127.0.0.1"));
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "serving happens in real time")]
fn wall_clock() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("a time after 1970").as_millis()
}

#[test]
fn fed_records_have_wall_clock_timestamps() {
    let _alone = alone();
    let before = wall_clock();
    let served = Served::start("clock", &["--topic", "topic:1", "--feed", "topic=500/s"]);
    pause(500);
    let mut stream = served.connect();
    stream.write_all(&fetch()).expect("it takes a request");
    let bytes = response(&mut stream);
    // The response contains the header of a batch somewhere.
    let headers = (0..bytes.len()).filter_map(|start| BatchHeader::read(&bytes[start..]));
    let now = wall_clock();
    let in_time = |header: &BatchHeader| {
        let same = header.base_timestamp == header.max_timestamp && header.count == 1;
        same && u128::try_from(header.base_timestamp).is_ok_and(|at| (before..=now).contains(&at))
    };
    assert!(headers.filter(in_time).count() > 0, "no batch was made between {before} and {now}");
}

#[test]
fn a_transaction_is_refused_for_good_and_warned_of() {
    let _alone = alone();
    let served = Served::start_with("transactions", &["--topic", "topic:1"]);
    let mut stream = served.connect();
    let find = FindCoordinatorRequest::default().with_key_type(1).with_key(str_bytes("t"));
    let Response::FindCoordinator(found) = request_as(&mut stream, "p", 2, find) else {
        panic!("none")
    };
    let begin = InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(str_bytes("t"))))
        .with_transaction_timeout_ms(60_000);
    let Response::InitProducerId(begun) = request_as(&mut stream, "p", 1, begin) else {
        panic!("none")
    };
    assert_eq!((found.error_code, begun.error_code), (53, 53), "a fatal error");
    served.logs(&["WARN", "p (127.0.0.1:", "requests a transaction", "transactional.id"]);
    assert_eq!(served.log().matches("requests a transaction").count(), 1);
}
