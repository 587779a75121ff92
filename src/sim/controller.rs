//! The controller: it elects the leader of each partition of the offsets log, and each broker
//! learns of it later.
//!
//! The controller notices a crash after a delay and then elects the next live broker as the leader
//! of the partitions that the crashed one led. Each broker learns of a decision after another
//! delay: a paused broker when it resumes, a crashed one when it restarts. No fault ever affects
//! the controller itself.
//!
//! The trace leaves out partitions that hold no group of the schedule. They have leaders that
//! change as well, but nothing happens in them.
//!
//! Read next: [`crate::broker::Cluster`], which carries out the decisions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::broker::{Cluster, Uncommitted};
use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{EventKind, FaultKind, Place};

use super::Sim;
use super::admin::request;
use super::broker::BrokerInput;
use super::queue::{Due, TieBreak};
use super::schedule::{Action, Schedule, Tail};

pub(super) struct Controller {
    rng: Rng,
    /// The partitions that hold a group of the schedule.
    traced: BTreeSet<i32>,
    /// What happens to the uncommitted tail of each partition without a leader when it gets one.
    leaderless: BTreeMap<i32, Tail>,
    /// The crashes that the controller has not noticed yet.
    unnoticed: BTreeMap<BrokerId, UnnoticedCrash>,
    /// The brokers that no decision reaches before a time.
    unaware_until: BTreeMap<BrokerId, Time>,
    /// The brokers that still act as the leaders of partitions that others lead.
    zombies: BTreeSet<BrokerId>,
}

/// A crash that the controller has not noticed yet.
struct UnnoticedCrash {
    /// When the controller will notice it.
    until: Time,
    tail: Tail,
}

impl Controller {
    /// With external clients, any partition may hold a group.
    pub(super) fn new(
        schedule: &Schedule,
        cluster: &Cluster<'static>,
        external_clients: bool,
    ) -> Self {
        let groups = groups_of(schedule).into_iter().map(|group| GroupId(str_bytes(group)));
        let anywhere = 0..i32::from(schedule.broker.offsets_partitions);
        Controller {
            rng: Rng::stream(schedule.seed, "controller"),
            traced: match external_clients {
                true => anywhere.collect(),
                false => groups.map(|group| cluster.partition_of(&group)).collect(),
            },
            leaderless: BTreeMap::new(),
            unnoticed: BTreeMap::new(),
            unaware_until: BTreeMap::new(),
            zombies: BTreeSet::new(),
        }
    }

    /// Whether the trace shows a partition of the offsets log.
    pub(super) fn is_traced(&self, partition: i32) -> bool {
        self.traced.contains(&partition)
    }

    /// Whether a broker acts as the leader of partitions that another broker leads.
    pub(super) fn is_zombie(&self, broker: BrokerId) -> bool {
        self.zombies.contains(&broker)
    }

    /// When the last of the brokers that no decision reaches can be reached again.
    pub(super) fn all_aware_at(&self) -> Option<Time> {
        self.unaware_until.values().copied().max()
    }

    /// When decisions can reach a broker again; time zero if they can.
    fn aware_at(&self, broker: BrokerId) -> Time {
        self.unaware_until.get(&broker).copied().unwrap_or(Time::ZERO)
    }
}

/// Every group that a schedule names.
fn groups_of(schedule: &Schedule) -> Vec<&str> {
    let mut groups: Vec<&str> = schedule.groups.iter().map(|group| group.name.as_str()).collect();
    for step in &schedule.steps {
        if let Action::Admin(request) = &step.action {
            groups.extend(request::groups_of(request));
        }
    }
    groups
}

impl From<Tail> for Uncommitted {
    fn from(tail: Tail) -> Self {
        match tail {
            Tail::Random => Uncommitted::Random,
            Tail::Lost => Uncommitted::Lost,
            Tail::Kept => Uncommitted::Kept,
        }
    }
}

impl Sim {
    /// A broker has crashed. The controller will notice later.
    pub(super) fn schedule_notice(&mut self, crashed: BrokerId, tail: Tail) {
        self.controller.unaware_until.remove(&crashed);
        self.end_zombie(crashed);
        let until = self.now + self.controller.rng.duration(self.schedule.broker.detect.clone());
        self.controller.unnoticed.insert(crashed, UnnoticedCrash { until, tail });
        self.queue.schedule(until, TieBreak::Normal, Due::Notice(crashed));
    }

    pub(super) fn notice_if_due(&mut self, crashed: BrokerId) {
        let unnoticed = self.controller.unnoticed.get(&crashed);
        if unnoticed.is_some_and(|unnoticed| unnoticed.until <= self.now) {
            self.notice(crashed);
            self.announce_decisions();
        }
    }

    /// The controller notices a crash and elects new leaders for the broker's partitions. It does
    /// so even if the broker is back before its session with the controller has expired, because
    /// the broker has lost its memory.
    pub(super) fn notice(&mut self, crashed: BrokerId) {
        let Some(UnnoticedCrash { tail, .. }) = self.controller.unnoticed.remove(&crashed) else {
            return;
        };
        let next = self.next_live_broker(crashed);
        for partition in 0..i32::from(self.schedule.broker.offsets_partitions) {
            if self.cluster.leader(partition) == Some(crashed) {
                if next.is_none() {
                    // The fate of the log's tail stays open until a broker leads the partition.
                    self.controller.leaderless.insert(partition, tail);
                }
                self.elect(partition, next, tail);
            }
        }
    }

    /// Makes a broker that has started the leader of all partitions without one.
    pub(super) fn lead_leaderless_partitions(&mut self, started: BrokerId) {
        for partition in 0..i32::from(self.schedule.broker.offsets_partitions) {
            if self.cluster.leader(partition).is_none() {
                let tail = self.controller.leaderless.remove(&partition).unwrap_or_default();
                self.elect(partition, Some(started), tail);
            }
        }
    }

    pub(super) fn elect(&mut self, partition: i32, leader: Option<BrokerId>, tail: Tail) {
        let elected = self.cluster.elect(partition, leader, tail.into());
        if self.controller.is_traced(partition) {
            let kind = EventKind::LeaderElected {
                term: elected.term,
                leader: elected.leader,
                lost: elected.lost,
            };
            self.emit(Place::Controller, kind);
        }
    }

    /// The next live broker after `broker`, in the order of their ids.
    pub(super) fn next_live_broker(&self, broker: BrokerId) -> Option<BrokerId> {
        let count = self.broker_ids().count() as i32;
        let others = (1..=count).map(|step| BrokerId((broker.0 + step) % count));
        others.into_iter().find(|&other| self.cluster.is_up(other))
    }

    /// Sends the controller's decisions to every live broker.
    pub(super) fn announce_decisions(&mut self) {
        for broker in self.broker_ids() {
            if self.cluster.is_up(broker) {
                let range = self.schedule.broker.learn.clone();
                let at = self.now + self.controller.rng.duration(range);
                // A broker learns decisions in their order, so none overtakes one that it is
                // unaware of.
                let at = at.max(self.controller.aware_at(broker));
                self.queue.schedule(at, TieBreak::Normal, Due::Learn(broker));
            }
            self.schedule_broker_wake(broker);
        }
    }

    pub(super) fn learn_if_due(&mut self, broker: BrokerId) {
        if self.controller.aware_at(broker) <= self.now {
            self.learn(broker);
        }
    }

    /// The controller's decisions so far reach a broker.
    pub(super) fn learn(&mut self, broker: BrokerId) {
        if self.cluster.is_up(broker) {
            self.controller.unaware_until.remove(&broker);
            self.deliver_to_broker(broker, BrokerInput::Decided);
        }
    }

    /// No decision reaches a broker for a while. It acts as a zombie meanwhile.
    pub(super) fn leave_unaware(&mut self, old: BrokerId, unaware: Duration) {
        let until = self.now + unaware;
        let until = until.max(self.controller.aware_at(old));
        self.controller.unaware_until.insert(old, until);
        if self.controller.zombies.insert(old) {
            let (fault, place) = (FaultKind::Zombie, Place::Broker(old));
            self.emit(place, EventKind::FaultBegan { fault, peer: None, direction: None });
        }
    }

    /// Ends the zombie fault: the broker has learned of the new leaders, or has crashed.
    pub(super) fn end_zombie(&mut self, at: BrokerId) {
        if self.controller.zombies.remove(&at) {
            let kind = EventKind::FaultEnded { fault: FaultKind::Zombie, peer: None };
            self.emit(Place::Broker(at), kind);
        }
    }
}
