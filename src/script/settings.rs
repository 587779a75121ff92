//! The lines above the first step, and the settings of consumers, which `group` and `join` share.

use crate::consumer::ConsumerConfig;
use crate::protocol::{GroupId, StrBytes};
use crate::sim::schedule::{BrokerSpec, GroupSpec, NetworkSpec, Schedule, Settings, TopicSpec};
use crate::time::Pretty;

use super::args::Args;
use super::error::ScriptError;
use super::lexer::Piece;
use super::options::{
    AIM, ASSIGNOR, AUTOCOMMIT, COMMIT, FETCH, HEARTBEAT, INITIAL_DELAY, LATENCY, PARTITIONS,
    PROCESS, RATE, REBALANCE, RECORDS, REQUEST, SESSION, TOPICS, VERSION,
};
use super::scope::Scope;
use super::values::{self, Read};

/// `seed 42`
pub(super) fn seed(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let seed = args.operand("a number").map(values::seed);
    if let Some(seed) = seed.and_then(|seed| args.ok(seed)) {
        schedule.seed = seed;
    }
}

/// `network latency=1ms..5ms aim=20`
pub(super) fn network(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let default = NetworkSpec::default();
    schedule.network = NetworkSpec {
        latency: args.option(&LATENCY).unwrap_or(default.latency),
        aim: args.option(&AIM).unwrap_or(default.aim),
    };
}

/// `broker initial-delay=3s commit=1ms..4ms`
pub(super) fn broker(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let default = BrokerSpec::default();
    schedule.broker = BrokerSpec {
        initial_delay: args.option(&INITIAL_DELAY).unwrap_or(default.initial_delay),
        commit: args.option(&COMMIT).unwrap_or(default.commit),
    };
}

/// `topic orders partitions=4 rate=10/s`
pub(super) fn topic(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    let name = new_name(args, "the name of a topic");
    let partitions = args.required(&PARTITIONS);
    let rate = args.option(&RATE).unwrap_or(0);
    let Some((name, place)) = name else { return };
    // Declared even when the rest of the line is wrong, or each use of the name would be a mistake more.
    args.ok(scope.declare_topic(place, partitions));
    schedule.topics.extend(partitions.map(|partitions| TopicSpec { name, partitions, rate }));
}

/// `group g topics=orders assignor=range session=10s`
pub(super) fn group(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    let name = new_name(args, "the name of a group");
    let (settings, places) = read(args);
    if let Some(topics) = places.topics {
        scope.topics_later(topics);
    }
    args.ok(heartbeat_within_session(&settings, &Settings::default(), &places));
    let Some((name, place)) = name else { return };
    args.ok(scope.declare_group(place, settings.clone()));
    schedule.groups.push(GroupSpec { name, settings });
}

/// Where those settings stand that are judged by more than themselves.
pub(super) struct Places<'a> {
    /// The list of topics.
    pub(super) topics: Option<Piece<'a>>,
    /// The session timeout or, failing that, the heartbeat interval.
    pub(super) heartbeat: Option<Piece<'a>>,
}

/// The settings of consumers.
pub(super) fn read<'a>(args: &mut Args<'a>) -> (Settings, Places<'a>) {
    let (topics, topics_at) = args.placed(&TOPICS).unzip();
    let (session, session_at) = args.placed(&SESSION).unzip();
    let (heartbeat, heartbeat_at) = args.placed(&HEARTBEAT).unzip();
    let settings = Settings {
        topics,
        assignors: args.option(&ASSIGNOR),
        session,
        heartbeat,
        rebalance: args.option(&REBALANCE),
        process: args.option(&PROCESS),
        records: args.option(&RECORDS),
        autocommit: args.option(&AUTOCOMMIT),
        request: args.option(&REQUEST),
        fetch: args.option(&FETCH),
        version: args.option(&VERSION),
    };
    (settings, Places { topics: topics_at, heartbeat: session_at.or(heartbeat_at) })
}

/// A member that heartbeats no more often than its session lasts would be removed all the time. `own`
/// settings come before `inherited` ones, and those before Kafka's.
pub(super) fn heartbeat_within_session(
    own: &Settings,
    inherited: &Settings,
    places: &Places<'_>,
) -> Read<()> {
    let Some(place) = places.heartbeat else { return Ok(()) };
    let kafka = ConsumerConfig::new(StrBytes::default(), GroupId::default(), Vec::new());
    let session = own.session.or(inherited.session).unwrap_or(kafka.session_timeout);
    let heartbeat = own.heartbeat.or(inherited.heartbeat).unwrap_or(kafka.heartbeat_interval);
    if session > heartbeat {
        return Ok(());
    }
    let (session, heartbeat) = (Pretty(session), Pretty(heartbeat));
    Err(ScriptError::new(place, "the session is not longer than the heartbeat interval")
        .label(format!("the session is {session}, the heartbeat interval {heartbeat}"))
        .help("the member would be removed between any two heartbeats"))
}

fn new_name<'a>(args: &mut Args<'a>, what: &str) -> Option<(String, Piece<'a>)> {
    let place = args.operand(what)?;
    args.ok(values::name(place)).map(|name| (name, place))
}

fn only_once(args: &mut Args<'_>, scope: &mut Scope) {
    let head = args.head();
    if !scope.first_of_its_kind(head.text) {
        let message = format!("there are two `{}` lines", head.text);
        args.note(ScriptError::new(head, message).label("has been set above"));
    }
}
