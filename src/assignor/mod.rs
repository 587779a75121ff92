//! Client-side assignors: who in a group reads which partition (rules R14).
//!
//! Pure functions of what the members say of themselves and of what the topics look like, run by the
//! group's leader. What a sticky assignor must remember between rebalances is a plain value that the
//! consumer keeps ([`StickyMemory`]); nothing here revokes anything or knows whether a partition is in
//! use. Ids and names are ordered by their bytes.
//!
//! Read next: the assignors, one file each, or [`crate::consumer`], which calls them.

mod cooperative_sticky;
mod members;
mod range;
mod roundrobin;
mod sticky;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::protocol::sticky_user_data::{encode_generation, encode_previous};
use crate::protocol::{Generation, MemberId, StrBytes, TopicName, TopicPartition};

pub use members::{MemberSubscription, Subscriptions};

/// The topics that exist.
pub type Topics = BTreeMap<TopicName, TopicShape>;

/// What each member was given, sorted; every member has an entry, if an empty one.
pub type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

/// What an assignor knows of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicShape {
    /// For each partition, by number, the racks of its replicas; empty where they are not known.
    pub racks: Vec<BTreeSet<StrBytes>>,
}

impl TopicShape {
    /// A topic of so many partitions, of whose racks nothing is known.
    pub fn without_racks(partitions: usize) -> Self {
        TopicShape { racks: vec![BTreeSet::new(); partitions] }
    }

    /// How many partitions the topic has.
    pub fn partitions(&self) -> usize {
        self.racks.len()
    }
}

/// How members hand over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RebalanceProtocol {
    /// Everything is given up before the join.
    Eager,
    /// Only what the assignment takes away is given up, after it is known; whoever gives up joins once
    /// more (KIP-429).
    Cooperative,
}

/// What a sticky assignor remembers: the last assignment its consumer was given under this very
/// assignor. A consumer keeps one for each assignor it offers and, as Java does, does not forget it when
/// it loses its membership: that the generation is stale tells the leader enough (rule R14.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickyMemory {
    /// The partitions, sorted.
    pub partitions: Vec<TopicPartition>,
    /// The generation that gave them.
    pub generation: Generation,
}

/// The assignors a consumer can offer, under the names they have on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// Topic by topic, a contiguous range each; the first members take the remainder.
    Range,
    /// All partitions of all topics dealt out in a circle.
    RoundRobin,
    /// Balanced over all topics, and then as much like the previous assignment as can be.
    Sticky,
    /// As sticky, but nothing changes hands before its owner has given it up.
    CooperativeSticky,
}

impl Assignor {
    /// Every assignor.
    pub const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// The protocol name that members vote on.
    pub const fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor of that protocol name.
    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Assigns every partition of every subscribed topic that exists to exactly one of its subscribers;
    /// [`Assignor::CooperativeSticky`] leaves out those that somebody has yet to give up (rule R14.9).
    pub fn assign(self, members: &Subscriptions, topics: &Topics) -> Assignments {
        match self {
            Assignor::Range => range::assign(members, topics),
            Assignor::RoundRobin => roundrobin::assign(members, topics),
            Assignor::Sticky => sticky::assign(members, topics),
            Assignor::CooperativeSticky => cooperative_sticky::assign(members, topics),
        }
    }

    /// The rebalance protocols under which the assignor can be used.
    pub const fn protocols(self) -> &'static [RebalanceProtocol] {
        match self {
            Assignor::Range | Assignor::RoundRobin | Assignor::Sticky => {
                &[RebalanceProtocol::Eager]
            }
            Assignor::CooperativeSticky => {
                &[RebalanceProtocol::Eager, RebalanceProtocol::Cooperative]
            }
        }
    }

    /// Whether the assignor can be used under `protocol`.
    pub fn supports(self, protocol: RebalanceProtocol) -> bool {
        self.protocols().contains(&protocol)
    }

    /// The user data that goes into a subscription of a consumer with that memory, None before the
    /// consumer was ever given anything under this assignor (rule R14.10).
    pub fn subscription_user_data(self, memory: Option<&StickyMemory>) -> Option<Bytes> {
        match self {
            Assignor::Range | Assignor::RoundRobin => None,
            Assignor::Sticky => {
                memory.map(|memory| encode_previous(&memory.partitions, memory.generation))
            }
            Assignor::CooperativeSticky => {
                Some(encode_generation(memory.map_or(Generation::NONE, |memory| memory.generation)))
            }
        }
    }
}

/// The rebalance protocol of a consumer that offers these assignors: the highest that all of them support
/// (rule R14.11). Java's default of range and cooperative-sticky is therefore eager until range is dropped.
pub fn common_protocol(assignors: &[Assignor]) -> RebalanceProtocol {
    match assignors.iter().all(|assignor| assignor.supports(RebalanceProtocol::Cooperative)) {
        true => RebalanceProtocol::Cooperative,
        false => RebalanceProtocol::Eager,
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
