//! Client-side assignors: who in a group reads which partition (rules R14).
//!
//! Pure functions of the members' subscriptions and the topics' partition counts, run by the group's
//! leader. Sticky assignors, which need to know who owned what before, are not here yet.

mod range;
mod roundrobin;

use std::collections::BTreeMap;
use std::fmt;

use crate::protocol::{MemberId, TopicName, TopicPartition};

/// What each member subscribes to (topics sorted), in the order of member ids.
pub type Subscriptions = BTreeMap<MemberId, Vec<TopicName>>;

/// How many partitions each known topic has.
pub type PartitionCounts = BTreeMap<TopicName, i32>;

/// What each member was given, sorted; every subscriber has an entry, if an empty one.
pub type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

/// The assignors a consumer can offer, under the names they have on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// Topic by topic, a contiguous range each; the first members take the remainder.
    Range,
    /// All partitions of all topics dealt out in a circle.
    RoundRobin,
}

impl Assignor {
    /// Every assignor.
    pub const ALL: [Assignor; 2] = [Assignor::Range, Assignor::RoundRobin];

    /// The protocol name that members vote on.
    pub const fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
        }
    }

    /// The assignor of that protocol name.
    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Assigns every partition of every subscribed topic that exists to exactly one of its subscribers.
    pub fn assign(self, members: &Subscriptions, partitions: &PartitionCounts) -> Assignments {
        match self {
            Assignor::Range => range::assign(members, partitions),
            Assignor::RoundRobin => roundrobin::assign(members, partitions),
        }
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
