//! A static member is its instance id: whoever comes back under it takes the place, and nobody else has it.
//!
//! Scope: one incarnation of a group.
//! - A static instance id has at most one member id, and whoever comes in its name without one is given an id that
//!   nobody has had.
//! - An id whose place another has taken is not answered NONE again, in no request that the broker began to
//!   handle after that; a Heartbeat also not REBALANCE_IN_PROGRESS. When a replacement is undone the old
//!   id has its place again.
//! - A static member that comes back without an id to a Stable group, with the assignors in the order in
//!   which it named them before, starts no rebalance; what it gets is what it had. (That is
//!   `single-owner`'s: the assignment of the old id is that of the new one.)
//! - A consumer that is a static member does not send LeaveGroup, so that it may come back within its session
//!   and find what it had. (An administrator may remove it.)
//!
//! Not said: anything of zombies that do not know of the replacement, and of incarnations to come: the
//! record of a replacement may be lost before anybody was told (see `durable`). Whether a static member that
//! names other assignors, or whose earlier choice the coordinator loaded from the log, starts a rebalance: a
//! log holds only the selected assignor. Transactional commits.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::JoinGroupRequest;

use crate::coordinator::{GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{IndexMap, MemberId, Request, Response, ResponseError, StrBytes};
use crate::trace::{Event, Kind, Place};

use super::Invariant;
use super::interest::{GROUP_APIS, Interest, SIDE_APIS};
use super::ledger::{Asked, Group, Key, Ledger, leavers, member_of};

#[derive(Default)]
pub(super) struct StaticIdentity {
    /// The member id of each instance, by the number of the incarnation.
    holders: BTreeMap<usize, IndexMap<StrBytes, MemberId>>,
    /// Every id that a static member has had, by the number of the incarnation.
    given: BTreeMap<usize, BTreeSet<MemberId>>,
    /// Requests under way of ids that had lost their place.
    fenced: BTreeMap<Key, MemberId>,
    /// What the request names that is just being handled and may make or replace a member.
    offered: Option<(Identity, Vec<StrBytes>)>,
    /// The assignors each instance named last, by the number of the incarnation.
    wanted: BTreeMap<Identity, Vec<StrBytes>>,
    /// The static member that is just coming back, if it must not start a rebalance.
    returning: Option<Identity>,
}

/// A static instance of a group, by the number of the group's incarnation.
type Identity = (usize, StrBytes);

impl Invariant for StaticIdentity {
    fn name(&self) -> &'static str {
        "static-identity"
    }

    fn statement(&self) -> &'static str {
        "a static instance has one member id, and its return disturbs nobody"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.asked(GROUP_APIS).asked(SIDE_APIS).answered(GROUP_APIS)
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            Kind::Coordinator(observation) => match ledger.observed() {
                Some((index, group)) => self.observe(index, group, observation),
                None => Ok(()),
            },
            Kind::Received { .. } => {
                (self.returning, self.offered) = (None, None);
                let Some((asked, request)) = ledger.question(event) else { return Ok(()) };
                let group = ledger.group(asked.group);
                self.asked(group, asked, &request.body);
                stays(group, asked, &request.body)
            }
            Kind::Sent { .. } => match ledger.answer(event) {
                Some((asked, request, response)) if !self.fenced.is_empty() => {
                    self.answered(ledger, asked, &request.body, response)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl StaticIdentity {
    fn asked(&mut self, group: &Group, asked: &Asked, request: &Request) {
        let named = match request {
            Request::LeaveGroup(body) => {
                let ids = leavers(body).map(|(id, _)| MemberId(id.clone()));
                ids.into_iter().find(|id| group.displaced.contains_key(id))
            }
            _ if group.displaced.is_empty() => None,
            _ => member_of(request).filter(|id| group.displaced.contains_key(id)),
        };
        if let Some(member) = named.filter(|id| !group.members.contains_key(id)) {
            self.fenced.insert(asked.key, member);
        }
        if let Request::JoinGroup(body) = request
            && let Some(instance) = &body.group_instance_id
        {
            self.joins(group, asked, body, instance);
        }
    }

    fn joins(
        &mut self,
        group: &Group,
        asked: &Asked,
        body: &JoinGroupRequest,
        instance: &StrBytes,
    ) {
        // Who has lost its place is refused, whatever it offers.
        if !body.member_id.is_empty()
            && group.holder(instance).is_none_or(|id| id.0 != body.member_id)
        {
            return;
        }
        let names: Vec<_> = body.protocols.iter().map(|protocol| protocol.name.clone()).collect();
        let identity = (asked.group, instance.clone());
        if !body.member_id.is_empty() {
            self.wanted.insert(identity, names);
            return;
        }
        let returns = asked.state == GroupState::Stable && group.holder(instance).is_some();
        if returns && self.wanted.get(&identity) == Some(&names) {
            self.returning = Some(identity.clone());
        }
        // Who comes without an id may be refused, by a broker that is loading for one.
        self.offered = Some((identity, names));
    }

    fn answered(
        &mut self,
        ledger: &Ledger,
        asked: &Asked,
        request: &Request,
        response: &Response,
    ) -> Result<(), Breach> {
        let Some(member) = self.fenced.remove(&asked.key) else { return Ok(()) };
        if !accepted(&member, request, response) {
            return Ok(());
        }
        let group = ledger.group(asked.group);
        breach!(
            "displaced",
            "group {}: {} of {member} was accepted although {} has its place",
            group.id.as_str(),
            request.api(),
            group.resolve(&member)
        )
    }

    fn observe(
        &mut self,
        index: usize,
        group: &Group,
        observation: &Observation,
    ) -> Result<(), Breach> {
        let id = group.id.as_str();
        match observation {
            Observation::MemberAdded { member, instance: Some(instance), .. } => {
                self.accept(index, instance);
                let given = self.give(index, id, member);
                given.and(self.take(index, id, instance, member))
            }
            Observation::MemberRemoved { member, .. } => {
                if let Some(holders) = self.holders.get_mut(&index) {
                    holders.retain(|_, holder| holder != member);
                }
                Ok(())
            }
            Observation::MemberReplaced { instance, old, new, .. } => {
                self.accept(index, instance);
                let given = self.give(index, id, new);
                let holders = self.holders.entry(index).or_default();
                let holder = holders.insert(instance.clone(), new.clone());
                match holder.as_ref() == Some(old) {
                    true => given,
                    false => breach!(
                        "replaced",
                        "group {id}: {new} takes the place of {old}, but instance {instance} had {holder:?}"
                    ),
                }
            }
            Observation::ReplacementUndone { instance, old, .. } => {
                // It has the terms of before, which are not said again.
                self.wanted.remove(&(index, instance.clone()));
                self.holders.entry(index).or_default().insert(instance.clone(), old.clone());
                Ok(())
            }
            Observation::GroupLoaded(loaded) => {
                let mut found = Ok(());
                for member in &loaded.metadata.members {
                    if let Some(instance) = &member.instance_id {
                        found = found.and(self.give(index, id, &member.id));
                        found = found.and(self.take(index, id, instance, &member.id));
                    }
                }
                found
            }
            Observation::State { from: GroupState::Stable, to, why, .. } => match &self.returning {
                Some((returning, instance))
                    if *returning == index && *to == GroupState::PreparingRebalance =>
                {
                    breach!(
                        "rebalance",
                        "group {id}: {instance} came back as it was, and started a rebalance ({why})"
                    )
                }
                _ => Ok(()),
            },
            Observation::TimerFired { .. } => {
                self.returning = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What the instance offered is what the group knows of it.
    fn accept(&mut self, index: usize, instance: &StrBytes) {
        let own = |(identity, _): &mut (Identity, _)| *identity == (index, instance.clone());
        self.wanted.extend(self.offered.take_if(own));
    }

    fn give(&mut self, index: usize, group: &str, member: &MemberId) -> Result<(), Breach> {
        match self.given.entry(index).or_default().insert(member.clone()) {
            true => Ok(()),
            false => breach!("given-out", "group {group}: {member} is given out once more"),
        }
    }

    fn take(
        &mut self,
        index: usize,
        group: &str,
        instance: &StrBytes,
        member: &MemberId,
    ) -> Result<(), Breach> {
        let holders = self.holders.entry(index).or_default();
        match holders.insert(instance.clone(), member.clone()) {
            Some(other) if other != *member => {
                breach!(
                    "two-ids",
                    "group {group}: instance {instance} has the ids {other} and {member}"
                )
            }
            _ => Ok(()),
        }
    }
}

/// No static member leaves of its own accord.
fn stays(group: &Group, asked: &Asked, request: &Request) -> Result<(), Breach> {
    let (Request::LeaveGroup(body), Place::Consumer(_)) = (request, asked.from) else {
        return Ok(());
    };
    let is_static = |(id, _): &(&StrBytes, Option<&StrBytes>)| {
        group.members.get(*id).is_some_and(|member| member.instance.is_some())
    };
    match leavers(body).find(is_static) {
        None => Ok(()),
        Some((id, _)) => {
            breach!("leaves", "group {}: {id:?} is static, but sent LeaveGroup", group.id.as_str())
        }
    }
}

/// Whether the answer lets the member act.
fn accepted(member: &MemberId, request: &Request, response: &Response) -> bool {
    match (request, response) {
        (_, Response::Heartbeat(answer)) => {
            let rebalancing = ResponseError::RebalanceInProgress.code();
            answer.error_code == 0 || answer.error_code == rebalancing
        }
        (_, Response::JoinGroup(answer)) => answer.error_code == 0,
        (_, Response::SyncGroup(answer)) => answer.error_code == 0,
        (_, Response::OffsetCommit(answer)) => {
            let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.any(|partition| partition.error_code == 0)
        }
        (Request::LeaveGroup(body), Response::LeaveGroup(answer)) if answer.error_code == 0 => {
            leavers(body).enumerate().any(|(index, (id, _))| {
                let code = answer.members.get(index).map_or(0, |entry| entry.error_code);
                *id == member.0 && code == 0
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::story::{Story, heartbeat_answer};

    fn story() -> Story {
        let mut story = Story::new("static-identity");
        story.added_static("a1", "i").added_static("b1", "k");
        story.generation(1, &["a1", "b1"]).stable();
        story
    }

    #[test]
    fn a_second_id_for_an_instance_breaks() {
        story().added_static("a2", "i").breaks("instance i has the ids a1 and a2");
        story().replaced("i", "a1", "a2").holds();
        story().replaced("i", "b1", "a2").breaks("instance i had Some(\"a1\")");
    }

    #[test]
    fn an_id_that_was_given_out_before_breaks() {
        story().replaced("i", "a1", "a1").breaks("a1 is given out once more");
        let mut again = story();
        again.replaced("i", "a1", "a2").replaced("i", "a2", "a1");
        again.breaks("a1 is given out once more");
    }

    #[test]
    fn a_displaced_id_is_never_accepted_again() {
        let mut before = story();
        let key = before.ask_heartbeat("a1", 1);
        before.replaced("i", "a1", "a2").answer(key, heartbeat_answer(0)).holds();
        let mut after = story();
        let key = after.replaced("i", "a1", "a2").ask_heartbeat("a1", 1);
        after.answer(key, heartbeat_answer(82)).holds();
        let key = after.ask_heartbeat("a1", 1);
        after.answer(key, heartbeat_answer(0)).breaks("although a2 has its place");
    }

    #[test]
    fn an_undone_replacement_gives_the_place_back() {
        let mut story = story();
        story.replaced("i", "a1", "a2").undone("i", "a1", "a2");
        let key = story.ask_heartbeat("a1", 1);
        story.answer(key, heartbeat_answer(0)).holds();
    }

    #[test]
    fn a_zombie_that_does_not_know_may_go_on() {
        let mut story = story();
        story
            .elected(1)
            .on(1)
            .shard_active(1)
            .load(1, &[("a1", "i", &[])])
            .replaced("i", "a1", "a2");
        let key = story.on(0).ask_heartbeat("a1", 1);
        story.answer(key, heartbeat_answer(0)).holds();
        let key = story.on(1).ask_heartbeat("a1", 1);
        story.answer(key, heartbeat_answer(0)).breaks("although a2 has its place");
    }

    #[test]
    fn a_return_that_changes_nothing_starts_no_rebalance() {
        let returns = |names: &[&str]| {
            let mut story = Story::new("static-identity");
            story.ask_join_static("", "i", &["range", "sticky"]);
            story.added_static("a1", "i").generation(1, &["a1"]).stable();
            story.ask_join_static("", "i", names);
            story.replaced("i", "a1", "a2").state(Stable, PreparingRebalance);
            story
        };
        returns(&["sticky", "range"]).holds();
        // What somebody offers whose place another has by then is not what the group knows.
        let mut twin = Story::new("static-identity");
        twin.ask_join_static("", "i", &["range", "sticky"]);
        twin.added_static("a1", "i").replaced("i", "a1", "a2").generation(1, &["a2"]).stable();
        twin.ask_join_static("a1", "i", &["sticky"]);
        twin.ask_join_static("", "i", &["sticky"]);
        twin.replaced("i", "a2", "a3").state(Stable, PreparingRebalance).holds();
        returns(&["range", "sticky"]).breaks("i came back as it was, and started a rebalance");
    }

    #[test]
    fn what_a_broker_refused_while_it_loaded_is_not_what_it_knows() {
        let mut story = Story::new("static-identity");
        story.elected(1).on(1).ask_join_static("", "i", &["range", "sticky"]);
        story.shard_active(1).load(1, &[("a1", "i", &[])]);
        story.ask_join_static("", "i", &["range", "sticky"]);
        story.replaced("i", "a1", "a2").state(Stable, PreparingRebalance).holds();
    }

    #[test]
    fn a_static_member_does_not_leave_of_its_own_accord() {
        let mut dynamic = story();
        dynamic.added("c1").ask_leave(&["c1"]);
        dynamic.holds();
        let mut leaves = story();
        leaves.ask_leave(&["a1"]);
        leaves.breaks("\"a1\" is static, but sent LeaveGroup");
    }
}
