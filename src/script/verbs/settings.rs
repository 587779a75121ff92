//! The rows of settings, which come before the first step.

use super::{Verb, setting};
use crate::script::options::*;
use crate::script::settings;

/// All settings.
pub(super) static ROWS: &[Verb] = &[
    Verb {
        about: "seed of everything that is random; default: 0",
        ..setting("seed", "NUMBER", settings::seed, "seed 42")
    },
    Verb {
        optional: &[&LATENCY, &LOSS, &RACE],
        about: "behaviour of the network",
        ..setting("network", "", settings::network, "network latency=1ms..20ms loss=10 race=20")
    },
    Verb {
        optional: &[
            &BROKERS,
            &RACKS,
            &OFFSETS_PARTITIONS,
            &INITIAL_DELAY,
            &MIN_SESSION,
            &MAX_SESSION,
            &MAX_SIZE,
            &METADATA_MAX,
            &RETENTION,
            &RETENTION_CHECK,
            &WRITE_TIMEOUT,
            &LINGER,
            &LOAD,
            &DETECT,
            &LEARN,
            &COMMIT,
        ],
        about: "number of brokers, and settings of brokers and controller",
        ..setting(
            "broker",
            "",
            settings::broker,
            "broker count=3 initial-delay=0s commit=1ms..50ms",
        )
    },
    Verb {
        required: &[&PARTITIONS],
        optional: &[&RATE],
        about: "a topic, and the rate at which the workload produces to it",
        ..setting("topic", "NAME", settings::topic, "topic payments partitions=4 rate=10/s")
    },
    Verb {
        optional: &[
            &TOPICS,
            &ASSIGNOR,
            &SESSION,
            &HEARTBEAT,
            &REBALANCE,
            &PROCESS,
            &RECORDS,
            &AUTOCOMMIT,
            &REQUEST,
            &RECONNECT_BACKOFF,
            &RECONNECT_BACKOFF_MAX,
            &FETCH,
            &METADATA,
            &VERSION,
            &RACK,
        ],
        about: "a group, and the settings that its consumers inherit",
        ..setting("group", "NAME", settings::group, "group g2 topics=orders session=10s")
    },
];
