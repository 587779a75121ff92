//! Client-side assignors: they decide which member reads which partition (rules R14).
//!
//! They are pure functions of the members' subscriptions and the shape of the topics, and the
//! group's leader runs them. The state that a sticky assignor needs between rebalances is a plain
//! value that the consumer keeps ([`StickyMemory`]). Nothing here revokes partitions or knows
//! whether one is in use. Ids and names are ordered by their bytes.
//!
//! Read next: the assignors, one file each, or [`crate::client`], which calls them.

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

/// The partitions of each member, sorted; members without partitions have an empty entry.
pub type Assignments = BTreeMap<MemberId, Vec<TopicPartition>>;

/// The shape of a topic, as far as assignors use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicShape {
    /// The racks of each partition's replicas, by partition number; empty where they are unknown.
    pub racks: Vec<BTreeSet<StrBytes>>,
}

impl TopicShape {
    /// A topic with that many partitions and unknown racks.
    pub fn without_racks(partitions: usize) -> Self {
        TopicShape { racks: vec![BTreeSet::new(); partitions] }
    }

    /// The number of partitions.
    pub fn partitions(&self) -> usize {
        self.racks.len()
    }
}

/// How members hand over partitions in a rebalance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RebalanceProtocol {
    /// Members give up all partitions before they join.
    Eager,
    /// Members give up only the partitions that the new assignment takes away, and then join once
    /// more (KIP-429).
    Cooperative,
}

/// The state of a sticky assignor: its consumer's last assignment under this assignor. A consumer
/// keeps one for each assignor it offers. As in Java, it keeps it when it loses its membership: the
/// leader sees that the generation is stale (rule R14.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StickyMemory {
    /// The assigned partitions, sorted.
    pub partitions: Vec<TopicPartition>,
    /// The generation of the assignment.
    pub generation: Generation,
}

/// The assignors that a consumer can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignor {
    /// Topic by topic, a contiguous range per member; the first members take the remainder.
    Range,
    /// All partitions of all topics, round-robin.
    RoundRobin,
    /// Balanced over all topics, and then as close to the previous assignment as possible.
    Sticky,
    /// Like sticky, but a partition changes hands only after its owner has given it up.
    CooperativeSticky,
}

impl Assignor {
    /// Every assignor.
    pub const ALL: [Assignor; 4] =
        [Assignor::Range, Assignor::RoundRobin, Assignor::Sticky, Assignor::CooperativeSticky];

    /// The protocol name for which members vote.
    pub const fn name(self) -> &'static str {
        match self {
            Assignor::Range => "range",
            Assignor::RoundRobin => "roundrobin",
            Assignor::Sticky => "sticky",
            Assignor::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The assignor with that protocol name, if there is one.
    pub fn from_name(name: &str) -> Option<Assignor> {
        Assignor::ALL.into_iter().find(|assignor| assignor.name() == name)
    }

    /// Assigns every partition of every subscribed topic that exists to exactly one of its
    /// subscribers. [`Assignor::CooperativeSticky`] leaves out partitions that another member must
    /// give up first (rule R14.9).
    pub fn assign(self, members: &Subscriptions, topics: &Topics) -> Assignments {
        match self {
            Assignor::Range => range::assign(members, topics),
            Assignor::RoundRobin => roundrobin::assign(members, topics),
            Assignor::Sticky => sticky::assign(members, topics),
            Assignor::CooperativeSticky => cooperative_sticky::assign(members, topics),
        }
    }

    /// The rebalance protocols that the assignor supports.
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

    /// Whether the assignor supports `protocol`.
    pub fn supports(self, protocol: RebalanceProtocol) -> bool {
        self.protocols().contains(&protocol)
    }

    /// The user data for the subscription of a consumer with that memory. `None` for `sticky`
    /// before the consumer had an assignment under it (rule R14.10).
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

/// The rebalance protocol of a consumer that offers these assignors: the highest that all of them
/// support (rule R14.11). So Java's default of range and cooperative-sticky is eager until range is
/// removed from the list.
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
