//! The rows of the lines above the first step.

use super::{Verb, setting};
use crate::script::options::*;
use crate::script::settings;

/// Every setting.
pub(super) static ROWS: &[Verb] = &[
    Verb {
        about: "the seed of all luck that the script leaves open; default: 0",
        ..setting("seed", "NUMBER", settings::seed, "seed 42")
    },
    Verb {
        optional: &[&LATENCY, &LOSS, &AIM],
        about: "how the network behaves",
        ..setting("network", "", settings::network, "network latency=1ms..20ms loss=10 aim=20")
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
        about: "how many brokers there are, and how they and the controller are set",
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
        about: "a topic, and what the workload produces into it",
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
        about: "a group, and what its consumers are set to where their `join` line says nothing",
        ..setting("group", "NAME", settings::group, "group g2 topics=orders session=10s")
    },
];
