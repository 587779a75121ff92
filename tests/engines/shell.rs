//! The client's end of connections, on simulated networks that break them: refused, never answered, half-open.

use std::collections::BTreeSet;
use std::time::Duration;

use groupsim::engine::{Engine, run_on};
use groupsim::protocol::Api;
use groupsim::run::{Checks, Systems};
use groupsim::script;
use groupsim::time::Time;
use groupsim::trace::{ConnectionId, Event, Kind, Loss, Message, Place};

/// The networks on which something can be lost.
fn networks() -> impl Iterator<Item = Engine> {
    [Engine::Sim, Engine::Turmoil, Engine::Madsim]
        .into_iter()
        .filter(|engine| *engine != Engine::Madsim || cfg!(madsim))
}

fn events(engine: Engine, text: &str) -> Vec<Event> {
    let schedule = script::parse("shell.sim", text).unwrap_or_else(|error| panic!("{error}"));
    let mut events = Vec::new();
    let watch = &mut |event: &Event| events.push(event.clone());
    let report = run_on(engine, &schedule, &Systems::default(), Checks::ALL, watch)
        .unwrap_or_else(|refused| panic!("{engine}: {refused}"));
    assert_eq!(report.finding, None, "{engine}");
    events
}

/// When the consumers have sent requests of an API, and over what.
fn requests(events: &[Event], api: Api) -> Vec<(Time, ConnectionId)> {
    let sent = events.iter().filter(|event| matches!(event.place, Place::Consumer(_)));
    sent.filter_map(|event| match &event.kind {
        Kind::Sent { conn, message: Message::Request(request), .. }
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

/// `socket.connection.setup.timeout.ms` is 10 s (KIP-601): what was to be sent on such a connection is lost with
/// it, well before any request times out.
#[test]
fn a_connection_that_is_never_answered_is_given_up_after_ten_seconds() {
    let text = "topic t partitions=1\ngroup g request=40s\njoin c1\npartition c1 b0\nadvance 12s\n\
                heal c1 b0\nadvance 12s\nsettle\nexpect stable members=1\n";
    let events = events(Engine::Turmoil, text);
    let lost = events
        .iter()
        .find(|event| matches!(event.kind, Kind::Lost { why: Loss::ConnectionReset, .. }));
    let at = lost.expect("what was sent is lost").at;
    assert!((seconds(10)..seconds(11)).contains(&at), "{at}");
}

#[test]
fn a_refused_connection_is_tried_again_after_a_pause() {
    let text = "topic t partitions=1\ngroup g\ncrash b0\njoin c1\nadvance 5s\nrestart b0\nsettle\n\
                expect stable members=1\n";
    for engine in networks() {
        let events = events(engine, text);
        let asked = |api| requests(&events, api).into_iter();
        let asked: BTreeSet<_> = asked(Api::Metadata).chain(asked(Api::FindCoordinator)).collect();
        let tries = asked.iter().filter(|(at, _)| *at < seconds(5)).count();
        // `retry.backoff.ms` is 100 ms, and doubles up to a second.
        assert!((4..=60).contains(&tries), "{tries} tries in 5 s on {engine}");
    }
}

/// The broker cannot be reached and nobody says so: the connection is open until a request on it times out. Then
/// it is another one.
#[test]
fn a_half_open_connection_is_given_up_when_a_request_times_out() {
    let text = "topic t partitions=1\ngroup g session=30s heartbeat=1s request=8s\n\
                join c1\nsettle\nadvance 1s\npartition c1 b0\nadvance 20s\nheal c1 b0\n\
                advance 15s\nsettle\nexpect stable generation=1 members=1\n";
    for engine in networks() {
        let events = events(engine, text);
        let at = |place: &str| {
            let said = |event: &&Event| matches!(&event.kind, Kind::Script { text, .. } if text.starts_with(place));
            events.iter().find(said).expect("a line of the script").at
        };
        let heartbeats = requests(&events, Api::Heartbeat);
        let before = heartbeats.iter().rfind(|(sent, _)| *sent < at("partition"));
        let (_, before) = before.expect("a heartbeat before the partition");
        let kept = at("partition") + Duration::from_secs(10);
        let later = heartbeats.iter().filter(|(sent, _)| *sent > kept);
        let later: Vec<_> = later.collect();
        assert!(!later.is_empty(), "no heartbeat after the partition on {engine}");
        assert!(later.iter().all(|(_, conn)| conn != before), "{engine} never gave it up");
    }
}
