//! The state of the brokers as processes. What is in their memory and on their disks belongs to
//! [`Cluster`].

use std::sync::Arc;
use std::time::Duration;

use crate::broker::{Cluster, ConnectionId};
use crate::protocol::{BrokerId, RequestFrame, TopicName};
use crate::rng::Rng;
use crate::sim::hosted::BOOTSTRAP;
use crate::sim::node::Node;
use crate::sim::queue::TieBreak;
use crate::time::Time;

/// What arrives at a broker.
#[derive(Clone)]
pub(in crate::sim) enum BrokerInput {
    Request(ConnectionId, Arc<RequestFrame>),
    Closed(ConnectionId),
    Reset(ConnectionId),
    /// The controller's decisions.
    Decided,
    TopicGrown(TopicName),
    TopicDeleted(TopicName),
}

/// The process of one broker.
pub(in crate::sim) struct BrokerNode {
    pub(in crate::sim) id: BrokerId,
    pub(in crate::sim) node: Node<BrokerInput>,
    /// Decides whether messages that arrived during a pause are handled before the timers that
    /// expired in it. In a real broker the two race.
    resume_rng: Rng,
    race_rng: Rng,
}

impl BrokerNode {
    fn new(id: BrokerId, seed: u64) -> Self {
        let rng = |purpose: &str| Rng::stream(seed, &format!("{purpose}/{id}"));
        BrokerNode { id, node: Node::new(), resume_rng: rng("resume"), race_rng: rng("aim") }
    }

    /// Whether a broker that resumes handles its timers before its messages.
    pub(in crate::sim) fn timers_first(&mut self) -> bool {
        self.resume_rng.chance(500)
    }

    /// Delays `permille` of 1,000 requests, at random, so that each arrives just before, at or just
    /// after a deadline of the coordinator. Bugs are where timers and messages race.
    pub(in crate::sim) fn race(
        &mut self,
        cluster: &Cluster<'static>,
        soonest: Time,
        permille: u16,
    ) -> Option<(Time, TieBreak)> {
        if permille == 0 || !self.race_rng.chance(u64::from(permille)) {
            return None;
        }
        let horizon = soonest + Duration::from_secs(30);
        let clock = self.node.clock;
        let (rng, mut seen, mut chosen) = (&mut self.race_rng, 0, None);
        cluster.deadlines(self.id, &mut |deadline| {
            let deadline = clock.when(deadline);
            if deadline > soonest && deadline < horizon {
                seen += 1;
                if rng.below(seen) == 0 {
                    chosen = Some(deadline);
                }
            }
        });
        let (deadline, micro) = (chosen?, Duration::from_micros(1));
        Some(match rng.below(4) {
            0 => (deadline - micro, TieBreak::Normal),
            1 => (deadline, TieBreak::First),
            2 => (deadline, TieBreak::Last),
            _ => (deadline + micro, TieBreak::Normal),
        })
    }
}

/// The brokers of a run.
pub(in crate::sim) enum Brokers {
    /// The simulator runs them; by broker id.
    Simulated(Vec<BrokerNode>),
    /// They are third-party ones: the simulator neither runs them nor looks into them, and no fault
    /// can affect them.
    ThirdParty,
}

impl Brokers {
    pub(in crate::sim) fn simulated(count: u8, seed: u64) -> Self {
        let ids = (0..i32::from(count)).map(BrokerId);
        Brokers::Simulated(ids.map(|id| BrokerNode::new(id, seed)).collect())
    }

    pub(in crate::sim) const fn are_third_party(&self) -> bool {
        matches!(self, Brokers::ThirdParty)
    }

    /// The brokers that the simulator runs.
    pub(in crate::sim) const fn nodes(&self) -> &[BrokerNode] {
        match self {
            Brokers::Simulated(nodes) => nodes.as_slice(),
            Brokers::ThirdParty => &[],
        }
    }

    /// A broker that the simulator runs, if it has this one.
    pub(in crate::sim) fn find(&self, id: BrokerId) -> Option<&BrokerNode> {
        usize::try_from(id.0).ok().and_then(|index| self.nodes().get(index))
    }

    pub(in crate::sim) fn node(&self, id: BrokerId) -> &BrokerNode {
        &self.nodes()[id.0 as usize]
    }

    pub(in crate::sim) fn node_mut(&mut self, id: BrokerId) -> &mut BrokerNode {
        match self {
            Brokers::Simulated(nodes) => &mut nodes[id.0 as usize],
            Brokers::ThirdParty => panic!("the simulator does not run {id}, a third-party broker"),
        }
    }

    /// The ids of the brokers that the simulator runs.
    pub(in crate::sim) fn ids(&self) -> impl Iterator<Item = BrokerId> + use<> {
        (0..self.nodes().len() as i32).map(BrokerId)
    }

    /// The brokers that the consumer with this index knows from the start: all of them, in an order
    /// that makes consumers contact different ones first. Of third-party brokers it knows one
    /// address.
    pub(in crate::sim) fn bootstrap(&self, consumer: usize) -> Vec<BrokerId> {
        match self {
            Brokers::Simulated(nodes) => {
                let ids = (consumer..consumer + nodes.len()).map(|step| step % nodes.len());
                ids.map(|id| BrokerId(id as i32)).collect()
            }
            Brokers::ThirdParty => vec![BOOTSTRAP],
        }
    }

    /// The other end of a fault that names no broker, if there is only one.
    pub(in crate::sim) fn only(&self) -> Option<BrokerId> {
        match self.nodes() {
            [only] => Some(only.id),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Brokers;
    use crate::protocol::BrokerId;

    #[test]
    fn consumers_know_all_brokers_and_begin_with_different_ones() {
        let of = |consumer, brokers| Brokers::simulated(brokers, 7).bootstrap(consumer);
        assert_eq!(of(0, 3), [BrokerId(0), BrokerId(1), BrokerId(2)]);
        assert_eq!(of(4, 3), [BrokerId(1), BrokerId(2), BrokerId(0)]);
        assert_eq!(of(9, 1), [BrokerId(0)]);
    }
}
