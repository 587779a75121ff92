//! The rows of what happens to consumers, to processes and to the network, and of the workload and time.

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
        about: "starts a consumer, new or closed",
        ..action("join", "CONSUMER", actions::join, "join c3 group=g process=5ms")
    },
    Verb {
        about: "the application closes the consumer",
        ..action("leave", "CONSUMER", actions::leave, "leave c1")
    },
    Verb {
        optional: &[&TAIL],
        about: "the process is gone at once, with its memory; a broker keeps its disk",
        ..action("crash", "NODE", actions::crash, "crash b1 tail=lost")
    },
    Verb {
        about: "starts a crashed or closed consumer again, with the settings it had, or a crashed broker",
        ..action("restart", "NODE", actions::restart, "restart b1")
    },
    Verb {
        about: "alive, but not running: a long garbage collection",
        ..action("pause", "NODE", actions::pause, "pause c1")
    },
    Verb { about: "ends a pause", ..action("resume", "NODE", actions::resume, "resume c1") },
    Verb {
        about: "cuts a link: both ways, or with `->` only what the first node sends",
        ..action("partition", "NODE [->] NODE", actions::partition, "partition c1 -> b0")
    },
    Verb { about: "ends a partition", ..action("heal", "NODE NODE", actions::heal, "heal c1 b0") },
    Verb {
        about: "cuts all links of a node, both ways, and those of consumers that come later",
        ..action("isolate", "NODE", actions::isolate, "isolate b1")
    },
    Verb {
        about: "ends an isolation; links that are partitioned one by one stay so",
        ..action("reconnect", "NODE", actions::reconnect, "reconnect b1")
    },
    Verb {
        required: &[&BY],
        about: "everything on the link, both ways, takes that much longer",
        ..action("clog", "NODE NODE", actions::clog, "clog c1 b0 by=2s")
    },
    Verb { about: "ends a clog", ..action("unclog", "NODE NODE", actions::unclog, "unclog c1 b0") },
    Verb {
        about: "resets a consumer's connections, or one of bootstrap, coordinator, data",
        ..action("reset", "CONSUMER [CONNECTION]", actions::reset, "reset c1 coordinator")
    },
    Verb {
        optional: &[&NTH, &COUNT],
        about: "swallows messages of one API, either the `request` or the `response`",
        ..action("drop", "CONSUMER API SIDE", actions::drop, "drop c1 Heartbeat request nth=2")
    },
    Verb {
        required: &[&PPM],
        about: "from now on the node's clock runs that much fast, or slow",
        ..action("skew", "NODE", actions::skew, "skew c1 ppm=50000")
    },
    Verb {
        required: &[&PROCESS],
        about: "from now on the application takes this long for each record",
        ..action("slow", "CONSUMER", actions::slow, "slow c1 process=400s")
    },
];

/// The workload, and time.
pub(super) static COURSE: &[Verb] = &[
    Verb {
        optional: &[&PARTITION, &COUNT],
        about: "produces records",
        ..action("produce", "TOPIC", actions::produce, "produce orders partition=0 count=10")
    },
    Verb {
        about: "lets time pass",
        ..action("advance", "DURATION", actions::advance, "advance 11s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until no rebalance is under way",
        ..action("settle", "", actions::settle, "settle within=90s")
    },
    Verb {
        optional: &[&WITHIN],
        about: "runs until every record in the logs has been processed",
        ..action("drain", "", actions::drain, "drain within=90s")
    },
    Verb {
        about: "faults are over, for the named consumers or for all; the workload stops",
        ..action("calm", "[CONSUMER …]", actions::calm, "calm c1 c2")
    },
];
