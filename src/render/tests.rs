use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, JoinGroupResponse, MetadataRequest, MetadataResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    SyncGroupResponse,
};

use super::line::outcome_text;
use super::*;
use crate::client::ClientObservation as Consumer;
use crate::coordinator::{GroupState, Removal, TimerKind, TransitionReason};
use crate::protocol::{Generation, MemberId, ResponseError, records, str_bytes, subscription};
use crate::time::Time;
use crate::trace::testing::*;
use crate::trace::{ConnectionId, FaultKind, Loss, Message, Place};

/// The lines of the events, without those of the two consumers' starts.
pub(super) fn lines(zoom: Zoom, events: &[Event]) -> String {
    let (mut renderer, mut model) = (Renderer::new(zoom), Model::default());
    let mut out = String::new();
    let mut render = |event: &Event, out: &mut String| {
        model.feed(event);
        renderer.render(event, &model, out);
    };
    render(&started(0, 0, "c1"), &mut out);
    render(&started(0, 1, "c2"), &mut out);
    out.clear();
    events.iter().for_each(|event| render(event, &mut out));
    out
}

pub(super) fn wire(event: Event) -> String {
    lines(Zoom::Wire, &[event])
}

#[test]
fn a_join_is_shown_in_aligned_columns_with_short_ids() {
    let (c1, c2) = (consumer(0, 1), consumer(1, 1));
    let id = member("c2", 1);
    let events = [
        script(14_000, "join c2"),
        sent(14_003, c2, BROKER, Message::Request(frame(9, join(&MemberId::default())))),
        responded(
            14_005,
            c2,
            join(&MemberId::default()),
            join_refused(&id, ResponseError::MemberIdRequired),
        ),
        sent(14_006, c2, BROKER, Message::Request(frame(9, join(&id)))),
        added(14_008, id.clone()),
        moved(
            14_008,
            GroupState::Stable,
            GroupState::PreparingRebalance,
            TransitionReason::MemberJoined,
        ),
        responded(
            16_000,
            c1,
            heartbeat(&member("c1", 1), 1),
            heartbeat_response(Some(ResponseError::RebalanceInProgress)),
        ),
        removed(17_000, id, Removal::SessionExpired),
        event(17_100, Place::Schedule, EventKind::Settled { took: Duration::from_millis(3_100) }),
    ];
    let text = lines(Zoom::Wire, &events);
    let expected = [
        "  14.000000  ── join c2",
        "  14.003000  c2.1     → b0 JoinGroup version=9 member=none protocols=range[orders] \
         session=10s rebalance=30s",
        "  14.005000  b0       → c2.1 JoinGroup MEMBER_ID_REQUIRED member=c2#1",
        "  14.006000  c2.1     → b0 JoinGroup version=9 member=c2#1 protocols=range[orders] \
         session=10s rebalance=30s",
        "  14.008000  b0       member-added g c2#1 session=10s rebalance=30s",
        "  14.008000  b0       ⇨ g Stable → PreparingRebalance why=\"member joined\"",
        "  16.000000  b0       → c1.1 Heartbeat REBALANCE_IN_PROGRESS",
        "  17.000000  b0       member-removed g c2#1 session-expired",
        "  17.100000  sim      settled took=3.1s",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn group_zoom_leaves_out_messages_without_errors() {
    let c1 = consumer(0, 1);
    let id = member("c1", 1);
    let beat = || Message::Request(frame(4, heartbeat(&id, 1)));
    let lost = |why| EventKind::Lost { to: BROKER, conn: ConnectionId(3), message: beat(), why };
    let fetch = Message::Request(frame(4, FetchRequest::default()));
    let lost_fetch = EventKind::Lost {
        to: BROKER,
        conn: ConnectionId(4),
        message: fetch,
        why: Loss::ConnectionReset,
    };
    let events = [
        sent(1_000, c1, BROKER, beat()),
        received(1_001, c1, heartbeat(&id, 1)),
        responded(1_001, c1, heartbeat(&id, 1), heartbeat_response(None)),
        event(2_000, c1, lost(Loss::Dropped)),
        event(2_000, c1, lost_fetch),
        responded(
            3_000,
            c1,
            heartbeat(&id, 1),
            heartbeat_response(Some(ResponseError::UnknownMemberId)),
        ),
        fault(4_000, c1, FaultKind::Pause),
    ];
    let text = lines(Zoom::Group, &events);
    let expected = [
        "   2.000000  c1.1     ⇥ b0 dropped Heartbeat generation=1 member=c1#1",
        "   3.000000  b0       → c1.1 Heartbeat UNKNOWN_MEMBER_ID",
        "   4.000000  c1.1     fault-began pause",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_message_is_received_without_a_line() {
    assert_eq!(wire(received(1, consumer(0, 1), heartbeat(&member("c1", 1), 1))), "");
}

pub(super) fn tail(event: Event) -> String {
    let line = wire(event);
    line.split_at(line.char_indices().nth(22).expect("a line is longer than its columns").0)
        .1
        .trim_end()
        .to_owned()
}

#[test]
fn assignments_are_decoded() {
    let (c1, c2) = (member("c1", 1), member("c2", 1));
    let body = sync(3, &c1, &[(&c1, &[0, 1]), (&c2, &[])]);
    assert_eq!(
        tail(sent(1, consumer(0, 1), BROKER, Message::Request(frame(5, body.clone())))),
        "→ b0 SyncGroup generation=3 member=c1#1 assignments=c1#1[orders-0,orders-1],c2#1[none]"
    );
    let response = SyncGroupResponse::default()
        .with_assignment(subscription::encode_assignment(&[partition(0)], 1));
    assert_eq!(
        tail(responded(1, consumer(0, 1), body, response)),
        "→ c1.1 SyncGroup ok assignment=orders-0"
    );
}

#[test]
fn payloads_of_another_protocol_type_are_shown_undecoded() {
    let c1 = member("c1", 1);
    let shown = |metadata: &[u8]| {
        let mut body = join(&c1).with_protocol_type(str_bytes("sr"));
        body.protocols[0].metadata = Bytes::copy_from_slice(metadata);
        tail(sent(1, consumer(0, 1), BROKER, Message::Request(frame(5, body))))
    };
    assert_eq!(
        shown(br#"{"host":"a"}"#),
        "→ b0 JoinGroup version=5 member=c1#1 protocols=range[\"{\\\"host\\\":\\\"a\\\"}\"] session=10s rebalance=30s"
    );
    assert!(shown(&[b'x'; 61]).contains(&format!("range[\"{}\"…]", "x".repeat(60))));
    assert!(shown(&[0, 1, 0xff]).contains("range[3 bytes]"));
    // In the response to the leader, too, if its version does not contain the type.
    let member = kafka_protocol::messages::join_group_response::JoinGroupResponseMember::default()
        .with_member_id(c1.0.clone())
        .with_metadata(Bytes::from_static(b"{}"));
    let response = JoinGroupResponse::default().with_members(vec![member]);
    let request = join(&c1).with_protocol_type(str_bytes("sr"));
    assert!(tail(responded(1, consumer(0, 1), request, response)).ends_with("members=c1#1[{}]"));
}

#[test]
fn the_join_response_of_a_leader_shows_its_members() {
    let c1 = member("c1", 1);
    let response = JoinGroupResponse::default()
        .with_generation_id(2)
        .with_protocol_name(Some(str_bytes("range")))
        .with_leader(c1.0.clone())
        .with_member_id(c1.0.clone())
        .with_members(vec![
            kafka_protocol::messages::join_group_response::JoinGroupResponseMember::default()
                .with_member_id(c1.0.clone())
                .with_metadata(Bytes::from_static(b"?")),
        ]);
    assert_eq!(
        tail(responded(1, consumer(0, 1), join(&c1), response)),
        "→ c1.1 JoinGroup ok generation=2 member=c1#1 leader=c1#1 protocol=range \
         members=c1#1[malformed: 1 bytes, too short for a version]"
    );
}

#[test]
fn offsets_are_shown_with_their_partitions() {
    let commit = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(2)
        .with_member_id(member("c1", 1).0)
        .with_topics(vec![OffsetCommitRequestTopic::default().with_name(topic()).with_partitions(
            vec![
                OffsetCommitRequestPartition::default()
                    .with_partition_index(1)
                    .with_committed_offset(5),
            ],
        )]);
    assert_eq!(
        tail(sent(1, consumer(0, 1), BROKER, Message::Request(frame(8, commit.clone())))),
        "→ b0 OffsetCommit generation=2 member=c1#1 offsets=orders-1@5"
    );
    let response = |error: i16| {
        OffsetCommitResponse::default().with_topics(vec![
            OffsetCommitResponseTopic::default().with_name(topic()).with_partitions(vec![
                OffsetCommitResponsePartition::default()
                    .with_partition_index(1)
                    .with_error_code(error),
            ]),
        ])
    };
    assert_eq!(
        tail(responded(1, consumer(0, 1), commit.clone(), response(0))),
        "→ c1.1 OffsetCommit ok"
    );
    assert_eq!(
        tail(responded(1, consumer(0, 1), commit, response(22))),
        "→ c1.1 OffsetCommit ILLEGAL_GENERATION results=orders-1:ILLEGAL_GENERATION"
    );
}

#[test]
fn a_fetched_offset_names_its_group() {
    let found = OffsetFetchResponsePartitions::default().with_committed_offset(-1);
    let topics =
        OffsetFetchResponseTopics::default().with_name(topic()).with_partitions(vec![found]);
    let response = OffsetFetchResponse::default().with_groups(vec![
        OffsetFetchResponseGroup::default().with_group_id(group()).with_topics(vec![topics]),
    ]);
    assert_eq!(
        tail(responded(1, consumer(0, 1), OffsetFetchRequest::default(), response)),
        "→ c1.1 OffsetFetch ok groups=g[orders-0@-1]"
    );
}

#[test]
fn records_and_partitions_are_counted() {
    use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::messages::metadata_response::{
        MetadataResponsePartition, MetadataResponseTopic,
    };
    let batch = records::encode_batch(&[Bytes::from_static(b"a")], Time::ZERO);
    let data = |index| PartitionData::default().with_partition_index(index);
    let fetched = FetchResponse::default().with_responses(vec![
        FetchableTopicResponse::default()
            .with_topic(topic())
            .with_partitions(vec![data(0).with_records(Some(batch)), data(1)]),
    ]);
    assert_eq!(
        tail(responded(1, consumer(0, 1), FetchRequest::default(), fetched)),
        "→ c1.1 Fetch ok records=orders-0×1,orders-1×0"
    );
    let metadata = MetadataResponse::default().with_topics(vec![
        MetadataResponseTopic::default()
            .with_name(Some(topic()))
            .with_partitions(vec![MetadataResponsePartition::default(); 4]),
    ]);
    assert_eq!(
        tail(responded(1, consumer(0, 1), MetadataRequest::default(), metadata)),
        "→ c1.1 Metadata ok topics=orders×4"
    );
}

fn seen(seen: Consumer) -> String {
    tail(event(1, consumer(0, 1), EventKind::Consumer(seen)))
}

#[test]
fn values_are_shown_up_to_five() {
    let values = |n: usize| (0..n).map(|i| Bytes::from(format!("v{i}"))).collect();
    let polled = |values| seen(Consumer::Polled { partition: partition(2), first: 5, values });
    assert_eq!(polled(values(2)), "polled orders-2@5 v0,v1");
    assert_eq!(polled(values(8)), "polled orders-2@5 v0,v1,v2,v3,v4,… +3");
    assert_eq!(
        polled(vec![Bytes::from_static(b"two words"), Bytes::from_static(&[0xff, 0])]),
        "polled orders-2@5 \"two words\",0xff00"
    );
}

#[test]
fn owned_partitions_are_listed() {
    let assigned = |count: i32| {
        let partitions: Vec<_> = (0..count).map(partition).collect();
        seen(Consumer::Assigned {
            member: member("c1", 1),
            generation: Generation(2),
            added: partitions.clone(),
            partitions,
        })
    };
    assert_eq!(assigned(0), "assigned none generation=2 member=c1#1");
    assert_eq!(assigned(2), "assigned orders-0,orders-1 generation=2 member=c1#1");
    assert!(assigned(20).contains("orders-15,… +4 generation=2"), "{}", assigned(20));
    assert_eq!(seen(Consumer::Lost { partitions: vec![partition(0)] }), "lost orders-0");
    let (partition, offset) = (partition(0), 3);
    assert_eq!(
        seen(Consumer::Positioned { partition: partition.clone(), offset, committed: true }),
        "position orders-0@3 committed"
    );
    assert_eq!(
        seen(Consumer::Processed { partition, first: 3, next: 5 }),
        "processed orders-0@3..5"
    );
}

#[test]
fn a_generation_names_its_leader_and_members() {
    let members = [member("c1", 1), member("c2", 1)];
    assert_eq!(
        tail(began(1, 4, &members)),
        "generation g 4 protocol=range leader=c1#1 members=c1#1,c2#1 took=3.004s"
    );
    assert_eq!(tail(began(1, 5, &[])), "generation g 5 members=none took=3.004s");
}

#[test]
fn a_session_timer_names_its_member() {
    let timer = |timer, member| {
        let group = group();
        tail(observed(
            1,
            crate::coordinator::Observation::Classic(
                crate::coordinator::ClassicObservation::TimerFired { group, timer, member },
            ),
        ))
    };
    assert_eq!(timer(TimerKind::Session, Some(member("c2", 3))), "timer g session member=c2#1");
    assert_eq!(timer(TimerKind::Join, None), "timer g join");
}

#[test]
fn a_skewed_clock_is_shown() {
    let mut skewed = event(2_000, consumer(0, 2), EventKind::ConsumerClosed);
    skewed.local = Time::from_micros(2_500_000);
    assert_eq!(wire(skewed), "   2.000000  c1.2     closed local=2.500000\n");
}

#[test]
fn an_unmet_expectation_says_what_was_found() {
    let expected = |found: Option<&str>| {
        let found = found.map(str::to_owned);
        let expected = "stable generation=4".into();
        tail(event(1, Place::Schedule, EventKind::Expected { line: 9, expected, found }))
    };
    let met = EventKind::Expected { line: 9, expected: "stable".into(), found: None };
    assert_eq!(wire(event(1, Place::Schedule, met)), "", "its line in the script says it all");
    assert_eq!(expected(Some("Empty")), "NOT AS EXPECTED: stable generation=4 found=Empty");
    let what = "c1 has not rejoined".to_owned();
    let waiting_for = vec![crate::trace::Awaited { group: None, what }];
    let within = Duration::from_secs(60);
    assert_eq!(
        tail(event(1, Place::Schedule, EventKind::NotSettled { within, waiting_for })),
        "NOT SETTLED within=1m waiting-for=\"c1 has not rejoined\""
    );
}

#[test]
fn durations_are_short() {
    for (micros, text) in [
        (0, "0s"),
        (90_000_000, "90s"),
        (3_004_211, "3.004211s"),
        (3_100_000, "3.1s"),
        (250_000, "250ms"),
        (4_210, "4.21ms"),
        (7, "7us"),
    ] {
        assert_eq!(brief_duration(Duration::from_micros(micros)), text);
    }
}

#[test]
fn errors_outside_the_protocol_keep_their_numbers() {
    assert_eq!(outcome_text(0), "ok");
    assert_eq!(outcome_text(79), "MEMBER_ID_REQUIRED");
    assert_eq!(outcome_text(1_234), "ERROR_1234");
}
