//! The rows of steps of leadership, the offsets log and topics.

use super::{Verb, action};
use crate::script::cluster;
use crate::script::options::*;

/// Leadership, the offsets log and topics.
pub(super) static ROWS: &[Verb] = &[
    Verb {
        optional: &[&TO, &UNAWARE, &TAIL],
        about: "moves a group, with all groups in its partition of the offsets log, to another coordinator",
        ..action("move", "[GROUP]", cluster::move_group, "move g to=b2 unaware=10s tail=lost")
    },
    Verb {
        about: "stops commits in the group's partition of the offsets log",
        ..action("stall", "[GROUP]", cluster::stall, "stall g")
    },
    Verb { about: "ends a stall", ..action("unstall", "[GROUP]", cluster::unstall, "unstall g") },
    Verb {
        optional: &[&ERROR],
        about: "refuses appends to the group's partition of the offsets log",
        ..action("refuse", "[GROUP]", cluster::refuse, "refuse g error=KAFKA_STORAGE_ERROR")
    },
    Verb {
        about: "accepts appends again",
        ..action("accept", "[GROUP]", cluster::accept, "accept g")
    },
    Verb {
        about: "compacts the committed part of the group's partition of the offsets log",
        ..action("compact", "[GROUP]", cluster::compact, "compact g")
    },
    Verb {
        required: &[&PARTITIONS],
        about: "adds partitions to a topic, up to this number",
        ..action("grow", "TOPIC", cluster::grow, "grow orders partitions=8")
    },
    Verb {
        about: "deletes a topic",
        ..action("delete-topic", "TOPIC", cluster::delete_topic, "delete-topic orders")
    },
];
