//! Random settings of the network, of brokers and of consumers.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use groupsim::assignor::Assignor;
use groupsim::sim::schedule::{BrokerSpec, NetworkSpec, Settings, TopicSpec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use super::{SECOND, maybe_zero, millis, name, range};

pub(super) fn network() -> impl Strategy<Value = NetworkSpec> {
    let spec = (range(), 0..=500_u16, 0..=1_000_u16);
    let spec = spec.prop_map(|(latency, loss, race)| NetworkSpec { latency, loss, race });
    prop_oneof![Just(NetworkSpec::default()), spec]
}

pub(super) fn broker() -> impl Strategy<Value = BrokerSpec> {
    let racks = prop::collection::vec(name(), 0..3);
    let times = (
        prop_oneof![Just(Duration::ZERO), millis()],
        (millis(), millis()),
        (millis(), millis(), millis()),
        prop_oneof![Just(Duration::ZERO), millis()],
    );
    let sizes = (1..=100_u8, 1..=255_u8, 1..=i32::MAX as usize, 0..=1_000_000_usize);
    let ranges = (range(), range(), range(), range());
    let spec = (racks, times, sizes, ranges).prop_map(|(mut racks, times, sizes, ranges)| {
        let (initial_delay, (a, b), (retention, retention_check, write_timeout), linger) = times;
        let (count, offsets_partitions, max_size, metadata_max) = sizes;
        let (load, detect, learn, commit) = ranges;
        racks.truncate(usize::from(count));
        let short = |length: Duration| length.min(Duration::from_secs(4));
        BrokerSpec {
            count,
            racks,
            offsets_partitions,
            initial_delay,
            min_session: a.min(b),
            max_session: a.max(b),
            max_size,
            metadata_max,
            retention,
            retention_check,
            write_timeout,
            linger: linger.min(Duration::from_secs(1)),
            load,
            detect,
            learn,
            commit: short(*commit.start())..=short(*commit.end()),
        }
    });
    let default_spec = BrokerSpec::default;
    prop_oneof![
        Just(default_spec()),
        (1..4_u8).prop_map(move |count| BrokerSpec { count, ..default_spec() }),
        spec
    ]
}

/// Settings before the topics and the inherited settings are known.
#[derive(Clone, Debug)]
pub(super) struct RawSettings(pub(super) Settings, Option<Vec<Index>>);

pub(super) fn settings() -> impl Strategy<Value = RawSettings> {
    let assignors = subsequence(Assignor::ALL.to_vec(), 1..=Assignor::ALL.len()).prop_shuffle();
    let session = (6_000..=1_800_000_u64).prop_map(Duration::from_millis);
    let times = (
        option::of(session),
        option::of(millis()),
        option::of(millis()),
        option::of(maybe_zero()),
        option::of(millis()),
        option::of(millis()),
        option::of(millis()),
        option::of(millis()),
    );
    let rest = (option::of(assignors), option::of(1..=1_000_000_usize), option::of(0..=9_i16));
    let topics = option::of(prop::collection::vec(any::<Index>(), 1..4));
    let names = (option::of(name()), option::of(name()));
    let backoffs = (option::of(millis()), option::of(millis()));
    (times, rest, topics, names, backoffs).prop_map(|(times, rest, topics, names, backoffs)| {
        let (instance, rack) = names;
        let (reconnect_backoff, reconnect_backoff_max) = backoffs;
        let (assignors, records, version) = rest;
        let (session, heartbeat, rebalance, process, autocommit, request, fetch, metadata) = times;
        let settings = Settings {
            topics: None,
            assignors,
            session,
            heartbeat,
            rebalance,
            process,
            records,
            autocommit,
            request,
            reconnect_backoff,
            reconnect_backoff_max,
            fetch,
            metadata,
            version,
            instance,
            rack,
        };
        RawSettings(settings, topics)
    })
}

impl RawSettings {
    pub(super) fn group(
        self,
        topics: &[TopicSpec],
        sessions: &RangeInclusive<Duration>,
    ) -> Settings {
        Settings { instance: None, ..self.settle(topics, &Settings::default(), sessions) }
    }

    pub(super) fn settle(
        self,
        topics: &[TopicSpec],
        inherited: &Settings,
        sessions: &RangeInclusive<Duration>,
    ) -> Settings {
        let RawSettings(mut settings, wanted) = self;
        settings.topics = wanted.map(|wanted| {
            let names: BTreeSet<&String> =
                wanted.iter().map(|index| &index.get(topics).name).collect();
            names.into_iter().cloned().collect()
        });
        settings.session =
            settings.session.map(|session| session.clamp(*sessions.start(), *sessions.end()));
        let session = settings.session.or(inherited.session).unwrap_or(Duration::from_secs(45));
        let heartbeat = settings.heartbeat.or(inherited.heartbeat).unwrap_or(3 * SECOND);
        // The parser checks these two only on lines that set one of them.
        if heartbeat >= session {
            settings.heartbeat = None;
            settings.session = None;
        }
        let version = settings.version.or(inherited.version).unwrap_or(9);
        settings.instance = settings.instance.filter(|_| version >= 5);
        settings
    }
}
