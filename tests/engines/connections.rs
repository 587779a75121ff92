//! The client's end of connections on simulated networks that break them: refused, never accepted,
//! half-open.

use std::collections::BTreeSet;
use std::time::Duration;

use groupsim::engine::EngineKind;
use groupsim::protocol::Api;
use groupsim::run::Run;
use groupsim::script;
use groupsim::time::Time;
use groupsim::trace::{ConnectionId, Event, EventKind, Loss, Message, Place};

/// The engines that can lose messages.
fn networks() -> impl Iterator<Item = EngineKind> {
    [EngineKind::Sim, EngineKind::Turmoil, EngineKind::Madsim]
        .into_iter()
        .filter(|engine| *engine != EngineKind::Madsim || cfg!(madsim))
}

fn events(engine: EngineKind, text: &str) -> Vec<Event> {
    crate::plug_in();
    let schedule = script::parse("connections.sim", text).unwrap_or_else(|error| panic!("{error}"));
    let mut events = Vec::new();
    let run = Run::of(&schedule).watch(|event, _| events.push(event.clone()));
    let report = run.run_on(engine).unwrap_or_else(|refused| panic!("{engine}: {refused}"));
    assert_eq!(report.finding, None, "{engine}");
    events
}

/// The requests of an API that consumers sent: when, and on which connection.
fn requests(events: &[Event], api: Api) -> Vec<(Time, ConnectionId)> {
    let sent = events.iter().filter(|event| matches!(event.place, Place::Consumer(_)));
    sent.filter_map(|event| match &event.kind {
        EventKind::Sent { conn, message: Message::Request(request), .. }
            if request.body.api() == api =>
        {
            Some((event.at, *conn))
        }
        _ => None,
    })
    .collect()
}

fn seconds(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// `socket.connection.setup.timeout.ms` is 10 s (KIP-601). Requests that wait for such a connection
/// are lost with it, well before any of them times out.
#[test]
fn a_connection_attempt_without_a_response_is_given_up_after_ten_seconds() {
    let text = "topic t partitions=1\ngroup g request=40s\njoin c1\npartition c1 b0\nadvance 12s\n\
                heal c1 b0\nadvance 12s\nsettle\nexpect stable members=1\n";
    let events = events(EngineKind::Turmoil, text);
    let lost = events
        .iter()
        .find(|event| matches!(event.kind, EventKind::Lost { why: Loss::ConnectionReset, .. }));
    let at = lost.expect("the requests are lost").at;
    assert!((seconds(10)..seconds(11)).contains(&at), "{at}");
}

#[test]
fn a_refused_connection_is_retried_with_backoff() {
    let text = "topic t partitions=1\ngroup g\ncrash b0\njoin c1\nadvance 5s\nrestart b0\nsettle\n\
                expect stable members=1\n";
    for engine in networks() {
        let events = events(engine, text);
        let sent = |api| requests(&events, api).into_iter();
        let attempts: BTreeSet<_> = sent(Api::Metadata).chain(sent(Api::FindCoordinator)).collect();
        let tries = attempts.iter().filter(|(at, _)| *at < seconds(5)).count();
        // `retry.backoff.ms` is 100 ms and doubles up to a second.
        assert!((4..=60).contains(&tries), "{tries} tries in 5 s on {engine}");
    }
}

/// The broker cannot be reached and sends no reset, so the connection stays open until a request on
/// it times out. Then the client opens another one.
#[test]
fn a_half_open_connection_is_given_up_when_a_request_times_out() {
    let text = "topic t partitions=1\ngroup g session=30s heartbeat=1s request=8s\n\
                join c1\nsettle\nadvance 1s\npartition c1 b0\nadvance 20s\nheal c1 b0\n\
                advance 15s\nsettle\nexpect stable generation=1 members=1\n";
    for engine in networks() {
        let events = events(engine, text);
        let at = |place: &str| {
            let matches = |event: &&Event| matches!(&event.kind, EventKind::Script { text, .. } if text.starts_with(place));
            events.iter().find(matches).expect("a line of the script").at
        };
        let heartbeats = requests(&events, Api::Heartbeat);
        let before = heartbeats.iter().rfind(|(sent, _)| *sent < at("partition"));
        let (_, before) = before.expect("a heartbeat before the partition");
        let kept = at("partition") + Duration::from_secs(10);
        let later = heartbeats.iter().filter(|(sent, _)| *sent > kept);
        let later: Vec<_> = later.collect();
        assert!(!later.is_empty(), "no heartbeat after the partition on {engine}");
        assert!(
            later.iter().all(|(_, conn)| conn != before),
            "the client never gives it up on {engine}"
        );
    }
}
