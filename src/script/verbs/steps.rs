//! The rows of steps of consumers, processes and the network, of the workload and of time.

use super::{Verb, action};
use crate::script::actions;
use crate::script::options::*;

/// Consumers, processes and the network.
pub(super) static FAULTS: &[Verb] = &[
    Verb {
        optional: &[
            &GROUP,
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
            &INSTANCE,
            &RACK,
        ],
        about: "starts a consumer that is new, or was closed",
        ..action("join", "CONSUMER", actions::join, "join c3 group=g process=5ms")
    },
    Verb {
        about: "closes a consumer, as its application does",
        ..action("leave", "CONSUMER", actions::leave, "leave c1")
    },
    Verb {
        optional: &[&TAIL],
        about: "ends a process at once; it loses its memory, but a broker keeps its disk",
        ..action("crash", "NODE", actions::crash, "crash b1 tail=lost")
    },
    Verb {
        about: "restarts a crashed broker, or a crashed or closed consumer with its old settings",
        ..action("restart", "NODE", actions::restart, "restart b1")
    },
    Verb {
        about: "suspends a process, like a long garbage collection",
        ..action("pause", "NODE", actions::pause, "pause c1")
    },
    Verb { about: "ends a pause", ..action("resume", "NODE", actions::resume, "resume c1") },
    Verb {
        about: "cuts a link in both directions, or with `->` only from the first node to the second",
        ..action("partition", "NODE [->] NODE", actions::partition, "partition c1 -> b0")
    },
    Verb { about: "ends a partition", ..action("heal", "NODE NODE", actions::heal, "heal c1 b0") },
    Verb {
        about: "cuts all links of a node in both directions, including those of later consumers",
        ..action("isolate", "NODE", actions::isolate, "isolate b1")
    },
    Verb {
        about: "ends an isolation; links that `partition` has cut stay cut",
        ..action("reconnect", "NODE", actions::reconnect, "reconnect b1")
    },
    Verb {
        required: &[&BY],
        about: "delays all messages on a link, in both directions",
        ..action("clog", "NODE NODE", actions::clog, "clog c1 b0 by=2s")
    },
    Verb { about: "ends a clog", ..action("unclog", "NODE NODE", actions::unclog, "unclog c1 b0") },
    Verb {
        about: "resets all connections of a consumer, or only bootstrap, coordinator or data",
        ..action("reset", "CONSUMER [CONNECTION]", actions::reset, "reset c1 coordinator")
    },
    Verb {
        optional: &[&NTH, &COUNT],
        about: "drops messages of one API; SIDE is `request` or `response`",
        ..action("drop", "CONSUMER API SIDE", actions::drop, "drop c1 Heartbeat request nth=2")
    },
    Verb {
        required: &[&PPM],
        about: "makes the clock of a node run fast or slow from now on",
        ..action("skew", "NODE", actions::skew, "skew c1 ppm=50000")
    },
    Verb {
        required: &[&PROCESS],
        about: "changes the time that the application takes per record from now on",
        ..action("slow", "CONSUMER", actions::slow, "slow c1 process=400s")
    },
];

/// The workload, and time.
pub(super) static COURSE: &[Verb] = &[
    Verb {
        optional: &[&PARTITION, &COUNT],
        about: "produces records to a topic",
        ..action("produce", "TOPIC", actions::produce, "produce orders partition=0 count=10")
    },
    Verb {
        about: "runs for this long",
        ..action("advance", "DURATION", actions::advance, "advance 11s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until no rebalance is in progress; paused and partitioned consumers are ignored",
        ..action("settle", "", actions::settle, "settle within=90s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until all records in the logs have been processed",
        ..action("drain", "", actions::drain, "drain within=90s")
    },
    Verb {
        about: "ends all faults of brokers and of the named consumers (default: all); stops the workload",
        ..action("quiesce", "[CONSUMER …]", actions::quiesce, "quiesce c1 c2")
    },
];
