//! The controller: who leads which partition of the offsets log, and when each broker learns of it.
//!
//! It notices a crash after a while, names the next broker that is up as the leader of what the crashed one
//! led, and its decisions reach each broker some time later; a broker that is paused learns when it runs
//! again, one that is down when it starts. Nothing ever happens to the controller itself.
//!
//! Of the partitions that no group of the schedule lives in, the trace does not speak: they have leaders
//! too, which come and go, and nothing happens in them.
//!
//! Read next: [`crate::cluster::Cluster`], which carries the decisions out.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, Uncommitted};
use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::rng::Rng;
use crate::time::Time;
use crate::trace::{Kind, Place};

use super::Sim;
use super::admin::request;
use super::broker::{Input, Unnoticed};
use super::queue::{Due, Turn};
use super::schedule::{Action, Schedule, Tail};

pub(super) struct Controller {
    luck: Rng,
    /// The partitions that a group of the schedule lives in.
    inhabited: BTreeSet<i32>,
    /// What the next leader will have of the uncommitted end of each partition that nobody leads.
    orphans: BTreeMap<i32, Tail>,
}

impl Controller {
    /// Groups of outsiders may live anywhere.
    pub(super) fn new(schedule: &Schedule, cluster: &Cluster<'static>, outsiders: bool) -> Self {
        let groups = groups_of(schedule).into_iter().map(|group| GroupId(str_bytes(group)));
        let anywhere = 0..i32::from(schedule.broker.offsets_partitions);
        Controller {
            luck: Rng::stream(schedule.seed, "controller"),
            inhabited: match outsiders {
                true => anywhere.collect(),
                false => groups.map(|group| cluster.partition_of(&group)).collect(),
            },
            orphans: BTreeMap::new(),
        }
    }

    /// Whether the trace speaks of a partition of the offsets log.
    pub(super) fn is_inhabited(&self, partition: i32) -> bool {
        self.inhabited.contains(&partition)
    }
}

/// Every group that a schedule speaks of.
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
            Tail::Luck => Uncommitted::Luck,
            Tail::Lost => Uncommitted::Lost,
            Tail::Kept => Uncommitted::Kept,
        }
    }
}

impl Sim {
    /// A broker has crashed, which the controller will notice.
    pub(super) fn schedule_notice(&mut self, crashed: BrokerId, tail: Tail) {
        let until = self.now + self.controller.luck.duration(self.schedule.broker.detect.clone());
        self.broker_mut(crashed).unnoticed = Some(Unnoticed { until, tail });
        self.queue.schedule(until, Turn::Normal, Due::Notice(crashed));
    }

    pub(super) fn notice_in_time(&mut self, crashed: BrokerId) {
        let unnoticed = &self.broker(crashed).unnoticed;
        if unnoticed.as_ref().is_some_and(|unnoticed| unnoticed.until <= self.now) {
            self.notice(crashed);
            self.spread();
        }
    }

    /// The controller knows of a crash: others lead what the broker led. Also when the broker is back
    /// before its session with the controller has ended, because it has lost its memory all the same.
    pub(super) fn notice(&mut self, crashed: BrokerId) {
        let Some(Unnoticed { tail, .. }) = self.broker_mut(crashed).unnoticed.take() else {
            return;
        };
        let next = self.next_up(crashed);
        for partition in 0..i32::from(self.schedule.broker.offsets_partitions) {
            if self.cluster.leader(partition) == Some(crashed) {
                if next.is_none() {
                    // Nothing is decided about the log's end until somebody leads.
                    self.controller.orphans.insert(partition, tail);
                }
                self.elect(partition, next, tail);
            }
        }
    }

    /// A broker has started: it leads what nobody leads.
    pub(super) fn adopt_orphans(&mut self, started: BrokerId) {
        for partition in 0..i32::from(self.schedule.broker.offsets_partitions) {
            if self.cluster.leader(partition).is_none() {
                let tail = self.controller.orphans.remove(&partition).unwrap_or_default();
                self.elect(partition, Some(started), tail);
            }
        }
    }

    pub(super) fn elect(&mut self, partition: i32, leader: Option<BrokerId>, tail: Tail) {
        let elected = self.cluster.elect(partition, leader, tail.into());
        if self.controller.is_inhabited(partition) {
            let kind = Kind::LeaderElected {
                shard: elected.shard,
                leader: elected.leader,
                lost: elected.lost,
            };
            self.emit(Place::Controller, kind);
        }
    }

    /// The first broker after this one that is up, in the order of their ids.
    pub(super) fn next_up(&self, broker: BrokerId) -> Option<BrokerId> {
        let count = self.brokers.len() as i32;
        let others = (1..=count).map(|step| BrokerId((broker.0 + step) % count));
        others.into_iter().find(|&other| self.cluster.is_up(other))
    }

    /// What the controller has decided is on its way to every broker that is up.
    pub(super) fn spread(&mut self) {
        for broker in self.broker_ids() {
            if self.cluster.is_up(broker) {
                let range = self.schedule.broker.learn.clone();
                let at = self.now + self.controller.luck.duration(range);
                // Decisions reach a broker in their order, so none overtakes what it is unaware of.
                let at = at.max(self.broker(broker).unaware_until);
                self.queue.schedule(at, Turn::Normal, Due::Learn(broker));
            }
            self.after_broker(broker);
        }
    }

    pub(super) fn learn_in_time(&mut self, broker: BrokerId) {
        if self.broker(broker).unaware_until <= self.now {
            self.learn(broker);
        }
    }

    /// What the controller has decided so far reaches a broker.
    pub(super) fn learn(&mut self, broker: BrokerId) {
        if self.cluster.is_up(broker) {
            self.broker_mut(broker).unaware_until = Time::ZERO;
            self.tell_broker(broker, Input::Decided);
        }
    }
}
