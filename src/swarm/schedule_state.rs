//! Keeps a generated schedule valid: tracks which processes run, are paused, partitioned or gone.
//!
//! Fault families are independent of each other. They propose actions, and this check drops the
//! ones that are illegal at their time ([`crate::sim::schedule::legal`]): the resume of a consumer
//! that has crashed since, records for a deleted topic. It also drops legal ones that would waste a
//! fault: a second partition of the same link, a reset of a consumer that does not run. So a family
//! can be added or switched off without changing what the others draw.

use std::collections::BTreeMap;

use crate::sim::schedule::legal::{
    ClusterState, Facts, Illegal, LinkState, ProcessState, topic_exists,
};
use crate::sim::schedule::{Action, AdminRequest, NodeName};

use super::options::{ConsumerOptions, Options};

/// The state of consumers, links, brokers and topics at one point of a schedule.
pub struct ScheduleState<'a> {
    options: &'a Options,
    consumers: BTreeMap<&'a str, &'a ConsumerOptions>,
    cluster: ClusterState,
}

impl<'a> ScheduleState<'a> {
    /// The state before the first step.
    pub fn new(options: &'a Options) -> Self {
        let mut cluster = ClusterState::default();
        cluster.set_brokers(Some(options.broker.count));
        for topic in &options.topics {
            cluster.declare_topic(&topic.name, Some(topic.partitions));
        }
        for group in &options.groups {
            cluster.declare_group(group.clone());
        }
        let consumers = options.consumers.iter().map(|one| (one.name.as_str(), one)).collect();
        ScheduleState { options, consumers, cluster }
    }

    /// Applies an action and returns true, or returns false if the action is illegal or pointless
    /// now.
    pub fn admit(&mut self, action: &Action) -> bool {
        if self.is_pointless(action) || self.cluster.is_redundant(action) {
            return false;
        }
        let applied = self.cluster.apply(action);
        assert!(
            !matches!(
                applied,
                Err(Illegal::NoGroup
                    | Illegal::NoTopic(_)
                    | Illegal::NoBroker(_)
                    | Illegal::NoLink(..))
            ),
            "a generated action names what its options do not have: {action:?}"
        );
        applied.is_ok()
    }

    /// Whether an action would do nothing worth a step. Consumers that have left stay out of the
    /// schedule, and so do consumers that have not joined yet.
    fn is_pointless(&self, action: &Action) -> bool {
        match action {
            Action::Leave(name) => !self.may_leave(name),
            Action::Produce { topic, .. } => topic_exists(&self.cluster, topic).is_err(),
            Action::Restart(NodeName::Consumer(name)) => !self.is(name, ProcessState::Crashed),
            Action::Crash(NodeName::Consumer(name), _)
            | Action::Pause(NodeName::Consumer(name))
            | Action::Resume(NodeName::Consumer(name))
            | Action::Skew(NodeName::Consumer(name), _)
            | Action::Reset(name, _)
            | Action::Drop { consumer: name, .. }
            | Action::Slow(name, _)
            | Action::Admin(
                AdminRequest::Remove { member: Some(name), .. }
                | AdminRequest::TxnCommit { consumer: Some(name), .. },
            ) => !self.is(name, ProcessState::Running),
            Action::Partition(NodeName::Consumer(name), _, _)
            | Action::Partition(_, NodeName::Consumer(name), _)
            | Action::Clog(NodeName::Consumer(name), _, _)
            | Action::Clog(_, NodeName::Consumer(name), _)
            | Action::Isolate(NodeName::Consumer(name))
            | Action::Reconnect(NodeName::Consumer(name)) => !self.takes_part(name),
            _ => false,
        }
    }

    /// The consumers that have joined and not left, each with whether it is broken: crashed, paused
    /// or partitioned until `quiesce` heals it as part of the core.
    pub fn members(&self) -> impl Iterator<Item = (&'a ConsumerOptions, bool)> {
        let members = self.consumers.values().filter(|one| self.takes_part(&one.name));
        members.map(|one| {
            let healthy = self.is(&one.name, ProcessState::Running)
                && self.is_reachable(&one.name)
                && self.cluster.cut_links(&one.name).next().is_none();
            (*one, !healthy)
        })
    }

    /// Whether a running consumer can send to a broker but not receive from it, or can reach some
    /// brokers but not all. A group cannot converge with such a member: it would request to join
    /// again and again, or own partitions that it cannot fetch.
    pub fn is_partially_cut(&self, name: &str) -> bool {
        let cut = self.cluster.cut_links(name).count();
        let some_cut = cut > 0 && cut < usize::from(self.options.broker.count);
        let mut links = self.cluster.cut_links(name);
        let responses_lost = links.any(|link| link == LinkState::ResponsesLost);
        (responses_lost || some_cut)
            && self.is(name, ProcessState::Running)
            && self.is_reachable(name)
    }

    /// A consumer may leave if it is not paused (a paused application cannot close it) and another
    /// member of its group reads all topics.
    fn may_leave(&self, name: &str) -> bool {
        let leaving = self.consumers[name];
        let stays = |other: &&ConsumerOptions| {
            other.name != name
                && other.group == leaving.group
                && self.takes_part(&other.name)
                && self.options.reads_all(other)
        };
        self.is(name, ProcessState::Running)
            && !self.cluster.is_paused(&NodeName::Consumer(name.to_owned()))
            && self.consumers.values().any(stays)
    }

    /// Whether the process is neither paused nor isolated.
    fn is_reachable(&self, name: &str) -> bool {
        let node = NodeName::Consumer(name.to_owned());
        !self.cluster.is_paused(&node) && !self.cluster.is_isolated(&node)
    }

    /// Whether the consumer has joined and not left; it may have crashed.
    fn takes_part(&self, name: &str) -> bool {
        self.is(name, ProcessState::Running) || self.is(name, ProcessState::Crashed)
    }

    fn is(&self, name: &str, state: ProcessState) -> bool {
        self.cluster.process(name) == Some(state)
    }
}
