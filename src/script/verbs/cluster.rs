//! The rows of what happens to brokers, to the offsets log and to topics.

use super::{Verb, action};
use crate::script::cluster;
use crate::script::options::*;

/// Brokers, the offsets log and topics.
pub(super) static ROWS: &[Verb] = &[
    Verb {
        optional: &[&TO, &UNAWARE, &TAIL],
        about: "another broker coordinates the group, and all groups of its partition of the offsets log",
        ..action("move", "[GROUP]", cluster::move_group, "move g to=b2 unaware=10s tail=lost")
    },
    Verb {
        about: "nothing more is committed in the group's partition of the offsets log",
        ..action("stall", "[GROUP]", cluster::stall, "stall g")
    },
    Verb { about: "ends a stall", ..action("unstall", "[GROUP]", cluster::unstall, "unstall g") },
    Verb {
        optional: &[&ERROR],
        about: "the group's partition of the offsets log refuses appends",
        ..action("refuse", "[GROUP]", cluster::refuse, "refuse g error=KAFKA_STORAGE_ERROR")
    },
    Verb {
        about: "takes appends again",
        ..action("accept", "[GROUP]", cluster::accept, "accept g")
    },
    Verb {
        about: "compacts the committed part of the group's partition of the offsets log",
        ..action("compact", "[GROUP]", cluster::compact, "compact g")
    },
    Verb {
        required: &[&PARTITIONS],
        about: "the topic has more partitions from here on",
        ..action("grow", "TOPIC", cluster::grow, "grow orders partitions=8")
    },
    Verb {
        about: "the topic is gone",
        ..action("delete-topic", "TOPIC", cluster::delete_topic, "delete-topic orders")
    },
];
