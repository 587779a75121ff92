//! Parses the settings above the first step, and the settings of consumers, which `group` and
//! `join` share.

use crate::client::ConsumerConfig;
use crate::protocol::{GroupId, StrBytes};
use crate::sim::schedule::{BrokerSpec, GroupSpec, NetworkSpec, Schedule, Settings, TopicSpec};
use crate::time::Pretty;

use super::args::Args;
use super::error::ScriptError;
use super::lexer::Piece;
use super::options::{
    ASSIGNOR, AUTOCOMMIT, BROKERS, COMMIT, DETECT, FETCH, HEARTBEAT, INITIAL_DELAY, INSTANCE,
    LATENCY, LEARN, LINGER, LOAD, LOSS, MAX_SESSION, MAX_SIZE, METADATA, METADATA_MAX, MIN_SESSION,
    OFFSETS_PARTITIONS, PARTITIONS, PROCESS, RACE, RACK, RACKS, RATE, REBALANCE, RECONNECT_BACKOFF,
    RECONNECT_BACKOFF_MAX, RECORDS, REQUEST, RETENTION, RETENTION_CHECK, SESSION, TOPICS, VERSION,
    WRITE_TIMEOUT,
};
use super::scope::Scope;
use super::values::{self, Parsed};

/// `seed 42`
pub(super) fn seed(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let seed = args.operand("a number").map(values::seed);
    if let Some(seed) = seed.and_then(|seed| args.ok(seed)) {
        schedule.seed = seed;
    }
}

/// `network latency=1ms..5ms loss=10 race=20`
pub(super) fn network(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let default = NetworkSpec::default();
    schedule.network = NetworkSpec {
        latency: args.option(&LATENCY).unwrap_or(default.latency),
        loss: args.option(&LOSS).unwrap_or(default.loss),
        race: args.option(&RACE).unwrap_or(default.race),
    };
}

/// `broker count=3 racks=a,b,c initial-delay=3s commit=1ms..4ms`
pub(super) fn broker(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    only_once(args, scope);
    let default = BrokerSpec::default();
    let given = args.given(&BROKERS);
    let count = args.option(&BROKERS);
    let (racks, racks_at) = args.placed(&RACKS).unzip();
    let racks = racks.unwrap_or_default();
    let (min_session, min_at) = args.placed(&MIN_SESSION).unzip();
    let (max_session, max_at) = args.placed(&MAX_SESSION).unzip();
    let broker = BrokerSpec {
        count: count.unwrap_or(default.count),
        racks,
        offsets_partitions: args.option(&OFFSETS_PARTITIONS).unwrap_or(default.offsets_partitions),
        initial_delay: args.option(&INITIAL_DELAY).unwrap_or(default.initial_delay),
        min_session: min_session.unwrap_or(default.min_session),
        max_session: max_session.unwrap_or(default.max_session),
        max_size: args.option(&MAX_SIZE).unwrap_or(default.max_size),
        metadata_max: args.option(&METADATA_MAX).unwrap_or(default.metadata_max),
        retention: args.option(&RETENTION).unwrap_or(default.retention),
        retention_check: args.option(&RETENTION_CHECK).unwrap_or(default.retention_check),
        write_timeout: args.option(&WRITE_TIMEOUT).unwrap_or(default.write_timeout),
        linger: args.option(&LINGER).unwrap_or(default.linger),
        load: args.option(&LOAD).unwrap_or(default.load),
        detect: args.option(&DETECT).unwrap_or(default.detect),
        learn: args.option(&LEARN).unwrap_or(default.learn),
        commit: args.option(&COMMIT).unwrap_or(default.commit),
    };
    args.ok(check_racks(&broker, racks_at));
    args.ok(check_session_limits(&broker, max_at.or(min_at)));
    scope.declare_brokers(&broker, if given { count } else { Some(default.count) });
    schedule.broker = broker;
}

/// Checks that there is a broker for each rack.
fn check_racks(broker: &BrokerSpec, place: Option<Piece<'_>>) -> Parsed<()> {
    let Some(place) = place.filter(|_| broker.racks.len() > usize::from(broker.count)) else {
        return Ok(());
    };
    let label = format!("{} racks, count={}", broker.racks.len(), broker.count);
    Err(ScriptError::new(place, "more racks than brokers").label(label))
}

/// Checks that the brokers accept any session timeout.
fn check_session_limits(broker: &BrokerSpec, place: Option<Piece<'_>>) -> Parsed<()> {
    let Some(place) = place.filter(|_| broker.min_session > broker.max_session) else {
        return Ok(());
    };
    let (min, max) = (Pretty(broker.min_session), Pretty(broker.max_session));
    Err(ScriptError::new(place, "brokers would accept no session timeout")
        .label(format!("the minimum is {min}, the maximum {max}")))
}

/// `topic orders partitions=4 rate=10/s`
pub(super) fn topic(args: &mut Args<'_>, schedule: &mut Schedule, scope: &mut Scope) {
    let name = new_name(args, "the name of a topic");
    let partitions = args.required(&PARTITIONS);
    let rate = args.option(&RATE).unwrap_or(0);
    let Some((name, place)) = name else { return };
    // Declared even if the rest of the line has errors; else each use of the name would be another
    // error.
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
    if let (Some(session), Some(place)) = (settings.session, places.session) {
        scope.session_later(place, session);
    }
    args.ok(heartbeat_within_session(&settings, &Settings::default(), &places));
    let Some((name, place)) = name else { return };
    args.ok(scope.declare_group(place, settings.clone()));
    schedule.groups.push(GroupSpec { name, settings });
}

/// The positions of the settings that are checked against other settings.
pub(super) struct Places<'a> {
    /// The list of topics.
    pub(super) topics: Option<Piece<'a>>,
    /// The session timeout.
    pub(super) session: Option<Piece<'a>>,
    /// The instance id.
    pub(super) instance: Option<Piece<'a>>,
    /// The session timeout, or without one the heartbeat interval.
    pub(super) heartbeat: Option<Piece<'a>>,
}

/// Parses the settings of consumers. Only `join` takes an instance id, because it belongs to one
/// consumer.
pub(super) fn read<'a>(args: &mut Args<'a>) -> (Settings, Places<'a>) {
    let (instance, instance_at) = match args.takes(&INSTANCE) {
        true => args.placed(&INSTANCE).unzip(),
        false => (None, None),
    };
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
        reconnect_backoff: args.option(&RECONNECT_BACKOFF),
        reconnect_backoff_max: args.option(&RECONNECT_BACKOFF_MAX),
        fetch: args.option(&FETCH),
        metadata: args.option(&METADATA),
        version: args.option(&VERSION),
        instance,
        rack: args.option(&RACK),
    };
    let heartbeat = session_at.or(heartbeat_at);
    let places =
        Places { topics: topics_at, session: session_at, instance: instance_at, heartbeat };
    (settings, places)
}

/// Checks that the session timeout is longer than the heartbeat interval: otherwise the session
/// would expire between heartbeats. `own` settings override `inherited` ones, and those override
/// Kafka's defaults.
pub(super) fn heartbeat_within_session(
    own: &Settings,
    inherited: &Settings,
    places: &Places<'_>,
) -> Parsed<()> {
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
        .help("the session would expire between any two heartbeats"))
}

/// Checks that the client can send its instance id, which JoinGroup has since version 5 (KIP-345).
pub(super) fn instance_within_version(
    own: &Settings,
    inherited: &Settings,
    places: &Places<'_>,
) -> Parsed<()> {
    const FIRST: i16 = 5;
    let version = own.version.or(inherited.version).unwrap_or(i16::MAX);
    let Some(place) = places.instance.filter(|_| version < FIRST) else { return Ok(()) };
    Err(ScriptError::new(place, "the consumer is too old for an instance id")
        .label(format!("the consumer uses JoinGroup version {version}"))
        .help(format!("static membership requires version={FIRST} or later")))
}

fn new_name<'a>(args: &mut Args<'a>, what: &str) -> Option<(String, Piece<'a>)> {
    let place = args.operand(what)?;
    args.ok(values::name(place)).map(|name| (name, place))
}

fn only_once(args: &mut Args<'_>, scope: &mut Scope) {
    let head = args.head();
    if !scope.first_of_its_kind(head.text) {
        let message = format!("there are two `{}` lines", head.text);
        args.note(ScriptError::new(head, message).label("already set above"));
    }
}
