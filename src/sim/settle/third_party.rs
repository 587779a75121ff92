//! Groups of third-party brokers. Their state cannot be observed, so it is requested from their
//! coordinators as an administrator's tool would do it (DescribeGroups).
//!
//! What the consumers know is not enough to tell whether a group has settled: when one of them
//! leaves or dies, the others learn of it only with their next heartbeat. A description counts only
//! if it was requested after the last event that could have changed the group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::coordinator::GroupState;
use crate::model::Model;
use crate::protocol::{Generation, GroupId, MemberId, str_bytes};
use crate::sim::Sim;
use crate::sim::hosted::Command;
use crate::sim::queue::{Due, TieBreak};

use super::{clients_of, has_process};

/// How long to wait before a group is described again after a description that did not count.
const PAUSE: Duration = Duration::from_millis(100);

/// A group as its coordinator describes it to clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its state.
    pub state: GroupState,
    /// The ids of its members.
    pub members: BTreeSet<MemberId>,
}

/// A need for the description of a group that is newer than a certain change.
#[derive(Clone, Debug)]
pub struct DescriptionRequest {
    group: GroupId,
    since: u64,
}

/// The state of a group that an `expect` line is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus {
    /// Its state.
    pub state: GroupState,
    /// Its generation. For a third-party group, the newest in which a consumer was assigned
    /// partitions.
    pub generation: Generation,
    /// The number of its members.
    pub members: usize,
}

/// The descriptions of the groups of third-party brokers.
#[derive(Default)]
pub(super) struct ThirdPartyGroups {
    groups: BTreeMap<GroupId, Description>,
}

#[derive(Default)]
struct Description {
    /// The number of changes when the request in flight was sent.
    requested_at: Option<u64>,
    /// The last result, with the number of changes when its request was sent.
    result: Option<(u64, Result<Described, String>)>,
}

impl Description {
    fn result_since(&self, since: u64) -> Option<&Result<Described, String>> {
        self.result.as_ref().filter(|(at, _)| *at >= since).map(|(_, result)| result)
    }
}

impl Sim {
    /// Whether the brokers are third-party ones, which the core does not run.
    pub(in crate::sim) fn brokers_are_third_party(&self) -> bool {
        self.brokers.are_third_party()
    }

    /// The need for a description of a group as of now; the first group if `group` is `None`.
    pub fn description_request(&self, model: &Model, group: Option<&str>) -> DescriptionRequest {
        let name = group.or(self.first_group()).unwrap_or_default();
        DescriptionRequest { group: GroupId(str_bytes(name)), since: model.changes() }
    }

    /// Whether the description has arrived. Requests it unless a request is in flight. Always true
    /// if the core runs the brokers, because then no description is needed.
    pub fn poll_description(&mut self, model: &Model, request: &DescriptionRequest) -> bool {
        if !self.brokers_are_third_party() {
            return true;
        }
        let group = self.settling.third_party.groups.entry(request.group.clone()).or_default();
        if group.result_since(request.since).is_some() {
            return true;
        }
        if group.requested_at.is_none() {
            group.requested_at = Some(model.changes());
            self.command(Command::Describe(request.group.clone()));
        }
        false
    }

    /// Like [`poll_description`](Self::poll_description), for a caller that needs the description
    /// itself: a coordinator that is loading or cannot be reached is asked again.
    pub fn poll_until_described(&mut self, model: &Model, request: &DescriptionRequest) -> bool {
        if !self.poll_description(model, request) {
            return false;
        }
        let known = self.settling.third_party.groups.get(&request.group);
        let result = known.and_then(|known| known.result_since(request.since));
        let refused = matches!(result, Some(Err(_)));
        if refused {
            self.retry_later(&request.group);
        }
        !refused
    }

    /// Why the state of a third-party group is unknown, if its coordinator has not described it.
    pub fn why_group_is_unknown(&self, model: &Model, group: &GroupId) -> Option<String> {
        let known = self.settling.third_party.groups.get(group);
        let described = known.is_some_and(|known| matches!(known.result, Some((_, Ok(_)))));
        (self.brokers_are_third_party() && !described)
            .then(|| self.third_party_group_waits_for(model, group))?
    }

    /// Takes the result of [`Command::Describe`]: a description, or the reason why there is none.
    pub fn on_described(&mut self, group: &GroupId, result: Result<Described, String>) {
        let known = self.settling.third_party.groups.entry(group.clone()).or_default();
        known.result = known.requested_at.take().map(|at| (at, result));
        self.recheck_settled();
    }

    /// The state of a group as far as it is known; `None` if there is no such group.
    pub fn group_status(&self, model: &Model, group: &GroupId) -> Option<GroupStatus> {
        if self.brokers_are_third_party() {
            let known = self.settling.third_party.groups.get(group)?;
            let (_, result) = known.result.as_ref()?;
            let described = result.as_ref().ok().filter(|found| found.state != GroupState::Dead)?;
            let assigned = model.assigned_generations().get(group).copied().flatten();
            return Some(GroupStatus {
                state: described.state,
                generation: assigned.unwrap_or(Generation::NONE),
                members: described.members.len(),
            });
        }
        let found = self.describe_group(group)?;
        let members = found.members.len();
        Some(GroupStatus { state: found.state, generation: found.generation, members })
    }

    /// Whether every coordinator describes its group as at rest, with exactly the consumers as
    /// members.
    pub(super) fn third_party_brokers_agree(&mut self, model: &Model) -> bool {
        if !self.brokers_are_third_party() {
            return true;
        }
        let mut agree = true;
        for group in self.third_party_groups(model) {
            let request = DescriptionRequest { group, since: model.changes() };
            agree &=
                self.poll_description(model, &request) && self.is_confirmed(model, &request.group);
        }
        agree
    }

    /// The groups of all consumers, and those of which a description was needed.
    pub(super) fn third_party_groups(&self, model: &Model) -> BTreeSet<GroupId> {
        let of_consumers = model.assigned_generations().keys();
        of_consumers.chain(self.settling.third_party.groups.keys()).cloned().collect()
    }

    /// Whether the description agrees with what the consumers know. One that does not is dropped,
    /// and after a pause the coordinator is asked again.
    fn is_confirmed(&mut self, model: &Model, group: &GroupId) -> bool {
        if self.third_party_group_waits_for(model, group).is_none() {
            return true;
        }
        self.retry_later(group);
        false
    }

    /// Drops a description, unless a newer request is in flight, and schedules another look.
    fn retry_later(&mut self, group: &GroupId) {
        if let Some(known) = self.settling.third_party.groups.get_mut(group)
            && known.requested_at.is_none()
        {
            known.result = None;
            self.queue.schedule(self.now + PAUSE, TieBreak::Normal, Due::CheckSettled);
        }
    }

    /// Why the last description of a group does not agree with what the consumers know.
    pub(super) fn third_party_group_waits_for(
        &self,
        model: &Model,
        group: &GroupId,
    ) -> Option<String> {
        let known = self.settling.third_party.groups.get(group);
        if known.is_none() && !model.assigned_generations().contains_key(group) {
            return None;
        }
        let name = group.0.as_str();
        let described = match known.and_then(|known| known.result.as_ref()) {
            Some((_, Ok(described))) => described,
            Some((_, Err(why))) => return Some(format!("group {name}: {why}")),
            None => {
                return Some(format!("waiting for the coordinator of group {name} to describe it"));
            }
        };
        let Described { state, members } = described;
        let at_rest = matches!(state, GroupState::Stable | GroupState::Empty | GroupState::Dead);
        if !at_rest {
            let count = members.len();
            return Some(format!("group {name} is {state} with {count} members"));
        }
        let stale = members.iter().filter(|member| !has_process(model, group, member));
        let stale: Vec<String> = stale.map(ToString::to_string).collect();
        if !stale.is_empty() {
            let stale = stale.join(", ");
            return Some(format!("group {name} has members without a process: {stale}"));
        }
        let missing = clients_of(model, group).find(|client| {
            let consumer = &self.consumers[usize::from(client.who.index)];
            !consumer.node.paused && !members.contains(&client.member)
        })?;
        let consumer = &missing.name;
        Some(format!("group {name} is {state} without {consumer}"))
    }
}
