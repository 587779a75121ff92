//! A static member is its instance id: a process that comes back under it takes the place, and no
//! other has it.
//!
//! Scope: one incarnation of a group.
//! - A static instance id has at most one member id, and a client that joins in its name without a
//!   member id receives one that was never handed out before.
//! - An id that another has replaced gets no NONE again, for any request that the broker began to
//!   handle after that; a Heartbeat also no REBALANCE_IN_PROGRESS. When a replacement is undone,
//!   the old id has its place again.
//! - A static member that comes back without an id to a Stable group, with the assignors in the
//!   same order as before, starts no rebalance; it gets its former assignment. (That is
//!   `single-owner`'s claim: the assignment of the old id is that of the new one.)
//! - A consumer that is a static member does not send LeaveGroup, so that it may come back within
//!   its session and find its assignment. (An administrator may remove it.)
//!
//! | rule | violated when |
//! |---|---|
//! | `two-ids` | an instance has two member ids |
//! | `given-out` | a client that joins without an id receives one that was handed out before |
//! | `replaced` | an id is replaced that was not the one of the instance |
//! | `displaced` | a request of an id is accepted that another has replaced |
//! | `rebalance` | a static member comes back unchanged, and that starts a rebalance |
//! | `leaves` | a consumer that is a static member sends LeaveGroup |
//!
//! Not said: anything about zombies that do not know of the replacement, and about later
//! incarnations: the record of a replacement may be lost before any client received it (see
//! `durable`). Whether a static member that names other assignors, or whose earlier choice the
//! coordinator loaded from the log, starts a rebalance: a log holds only the selected assignor.
//! Whether any does after a replacement was undone, until the next generation: then another member
//! votes with its former assignors again, and the vote may select another one than the generation
//! has. Transactional commits.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::JoinGroupRequest;

use crate::coordinator::{ClassicObservation, GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{IndexMap, MemberId, Request, Response, ResponseError, StrBytes};
use crate::trace::{Event, EventKind, Place};

use crate::invariant::Invariant;
use crate::invariant::interest::{GROUP_APIS, Interest, SIDE_APIS};
use crate::model::{Group, Key, Model, RequestContext, leavers, member_of};

#[derive(Default)]
pub(in crate::invariant) struct StaticIdentity {
    /// The member id of each instance, by the index of the incarnation.
    holders: BTreeMap<usize, IndexMap<StrBytes, MemberId>>,
    /// Every id that a static member has had, by the index of the incarnation.
    handed_out: BTreeMap<usize, BTreeSet<MemberId>>,
    /// Requests in flight under ids that had been replaced.
    fenced: BTreeMap<Key, MemberId>,
    /// The assignors in the JoinGroup that the broker is handling, if it may add or replace a
    /// member.
    offered: Option<(Identity, Vec<StrBytes>)>,
    /// The assignors that each instance named last, by the index of the incarnation.
    assignors: BTreeMap<Identity, Vec<StrBytes>>,
    /// The incarnations in which a replacement was undone since the newest generation began.
    revoted: BTreeSet<usize>,
    /// The static member that is coming back with the present JoinGroup, if it must not start a
    /// rebalance.
    returning: Option<Identity>,
}

/// A static instance of a group, with the index of the group's incarnation.
type Identity = (usize, StrBytes);

impl Invariant for StaticIdentity {
    fn name(&self) -> &'static str {
        "static-identity"
    }

    fn statement(&self) -> &'static str {
        "a static instance has one member id, and its return starts no needless rebalance"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.requests(GROUP_APIS).requests(SIDE_APIS).responses(GROUP_APIS)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            EventKind::Coordinator(observation) => match model.observed() {
                Some((index, group)) => self.observe(index, group, observation),
                None => Ok(()),
            },
            EventKind::Received { .. } => {
                (self.returning, self.offered) = (None, None);
                let Some((context, request)) = model.request(event) else { return Ok(()) };
                let group = model.group(context.group);
                self.on_request(group, context, &request.body);
                check_no_leave(group, context, &request.body)
            }
            EventKind::Sent { .. } => match model.response(event) {
                Some((ctx, request, response)) if !self.fenced.is_empty() => {
                    self.on_response(model, ctx, &request.body, response)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl StaticIdentity {
    fn on_request(&mut self, group: &Group, context: &RequestContext, request: &Request) {
        let named = match request {
            Request::LeaveGroup(body) => {
                let ids = leavers(body).map(|(id, _)| MemberId(id.clone()));
                ids.into_iter().find(|id| group.displaced.contains_key(id))
            }
            _ if group.displaced.is_empty() => None,
            _ => member_of(request).filter(|id| group.displaced.contains_key(id)),
        };
        if let Some(member) = named.filter(|id| !group.members.contains_key(id)) {
            self.fenced.insert(context.key, member);
        }
        if let Request::JoinGroup(body) = request
            && let Some(instance) = &body.group_instance_id
        {
            self.joins(group, context, body, instance);
        }
    }

    fn joins(
        &mut self,
        group: &Group,
        context: &RequestContext,
        body: &JoinGroupRequest,
        instance: &StrBytes,
    ) {
        // An id that was replaced is refused, whatever it offers.
        if !body.member_id.is_empty()
            && group.holder(instance).is_none_or(|id| id.0 != body.member_id)
        {
            return;
        }
        let names: Vec<_> = body.protocols.iter().map(|protocol| protocol.name.clone()).collect();
        let identity = (context.group, instance.clone());
        if !body.member_id.is_empty() {
            self.assignors.insert(identity, names);
            return;
        }
        let returns = context.state == GroupState::Stable && group.holder(instance).is_some();
        let revoted = self.revoted.contains(&context.group);
        if returns && !revoted && self.assignors.get(&identity) == Some(&names) {
            self.returning = Some(identity.clone());
        }
        // A client without an id may be refused, for example by a broker that is loading.
        self.offered = Some((identity, names));
    }

    fn on_response(
        &mut self,
        model: &Model,
        context: &RequestContext,
        request: &Request,
        response: &Response,
    ) -> Result<(), Breach> {
        let Some(member) = self.fenced.remove(&context.key) else { return Ok(()) };
        if !accepted(&member, request, response) {
            return Ok(());
        }
        let group = model.group(context.group);
        breach!(
            "displaced",
            "group {}: the coordinator accepted {} of {member} although {} has replaced it",
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
            Observation::Classic(ClassicObservation::MemberAdded {
                member,
                instance: Some(instance),
                ..
            }) => {
                self.accept_assignors(index, instance);
                let handed_out = self.hand_out(index, id, member);
                handed_out.and(self.assign(index, id, instance, member))
            }
            Observation::Classic(ClassicObservation::MemberRemoved { member, .. }) => {
                if let Some(holders) = self.holders.get_mut(&index) {
                    holders.retain(|_, holder| holder != member);
                }
                Ok(())
            }
            Observation::Classic(ClassicObservation::MemberReplaced {
                instance, old, new, ..
            }) => {
                self.accept_assignors(index, instance);
                let handed_out = self.hand_out(index, id, new);
                let holders = self.holders.entry(index).or_default();
                let holder = holders.insert(instance.clone(), new.clone());
                match holder.as_ref() == Some(old) {
                    true => handed_out,
                    false => breach!(
                        "replaced",
                        "group {id}: {new} replaced {old}, but instance {instance} had {holder:?}"
                    ),
                }
            }
            Observation::Classic(ClassicObservation::ReplacementUndone {
                instance, old, ..
            }) => {
                // It has its former assignors, which the trace does not repeat.
                self.assignors.remove(&(index, instance.clone()));
                self.revoted.insert(index);
                self.holders.entry(index).or_default().insert(instance.clone(), old.clone());
                Ok(())
            }
            Observation::GroupLoaded(loaded) => {
                let mut found = Ok(());
                for member in &loaded.metadata.members {
                    if let Some(instance) = &member.instance_id {
                        found = found.and(self.hand_out(index, id, &member.id));
                        found = found.and(self.assign(index, id, instance, &member.id));
                    }
                }
                found
            }
            Observation::Classic(ClassicObservation::State {
                from: GroupState::Stable,
                to,
                why,
                ..
            }) => match &self.returning {
                Some((returning, instance))
                    if *returning == index && *to == GroupState::PreparingRebalance =>
                {
                    breach!(
                        "rebalance",
                        "group {id}: {instance} came back unchanged, and the coordinator started a \
                         rebalance ({why})"
                    )
                }
                _ => Ok(()),
            },
            Observation::Classic(ClassicObservation::GenerationBegan { .. }) => {
                self.revoted.remove(&index);
                Ok(())
            }
            Observation::Classic(ClassicObservation::TimerFired { .. }) => {
                self.returning = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The group has accepted the assignors that the instance offered.
    fn accept_assignors(&mut self, index: usize, instance: &StrBytes) {
        let own = |(identity, _): &mut (Identity, _)| *identity == (index, instance.clone());
        self.assignors.extend(self.offered.take_if(own));
    }

    fn hand_out(&mut self, index: usize, group: &str, member: &MemberId) -> Result<(), Breach> {
        match self.handed_out.entry(index).or_default().insert(member.clone()) {
            true => Ok(()),
            false => {
                breach!("given-out", "group {group}: the coordinator handed out {member} again")
            }
        }
    }

    fn assign(
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

/// Checks that no static member leaves by itself.
fn check_no_leave(
    group: &Group,
    context: &RequestContext,
    request: &Request,
) -> Result<(), Breach> {
    let (Request::LeaveGroup(body), Place::Consumer(_)) = (request, context.from) else {
        return Ok(());
    };
    let is_static = |(id, _): &(&StrBytes, Option<&StrBytes>)| {
        group.members.get(*id).is_some_and(|member| member.instance.is_some())
    };
    match leavers(body).find(is_static) {
        None => Ok(()),
        Some((id, _)) => {
            breach!("leaves", "group {}: static member {id:?} sent LeaveGroup", group.id.as_str())
        }
    }
}

/// Whether the response lets the member act.
fn accepted(member: &MemberId, request: &Request, response: &Response) -> bool {
    match (request, response) {
        (_, Response::Heartbeat(response)) => {
            let rebalancing = ResponseError::RebalanceInProgress.code();
            response.error_code == 0 || response.error_code == rebalancing
        }
        (_, Response::JoinGroup(response)) => response.error_code == 0,
        (_, Response::SyncGroup(response)) => response.error_code == 0,
        (_, Response::OffsetCommit(response)) => {
            let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.any(|partition| partition.error_code == 0)
        }
        (Request::LeaveGroup(body), Response::LeaveGroup(response)) if response.error_code == 0 => {
            leavers(body).enumerate().any(|(index, (id, _))| {
                let code = response.members.get(index).map_or(0, |entry| entry.error_code);
                *id == member.0 && code == 0
            })
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::trace_builder::{TraceBuilder, heartbeat_response};

    fn trace() -> TraceBuilder {
        let mut trace = TraceBuilder::new("static-identity");
        trace.added_static("a1", "i").added_static("b1", "k");
        trace.generation(1, &["a1", "b1"]).stable();
        trace
    }

    #[test]
    fn a_second_id_for_an_instance_breaks() {
        trace().added_static("a2", "i").breaks("instance i has the ids a1 and a2");
        trace().replaced("i", "a1", "a2").holds();
        trace().replaced("i", "b1", "a2").breaks("instance i had Some(\"a1\")");
    }

    #[test]
    fn an_id_that_was_handed_out_before_breaks() {
        trace().replaced("i", "a1", "a1").breaks("handed out a1 again");
        let mut again = trace();
        again.replaced("i", "a1", "a2").replaced("i", "a2", "a1");
        again.breaks("handed out a1 again");
    }

    #[test]
    fn a_replaced_id_is_never_accepted_again() {
        let mut before = trace();
        let key = before.request_heartbeat("a1", 1);
        before.replaced("i", "a1", "a2").respond(key, heartbeat_response(0)).holds();
        let mut after = trace();
        let key = after.replaced("i", "a1", "a2").request_heartbeat("a1", 1);
        after.respond(key, heartbeat_response(82)).holds();
        let key = after.request_heartbeat("a1", 1);
        after.respond(key, heartbeat_response(0)).breaks("although a2 has replaced it");
    }

    #[test]
    fn an_undone_replacement_gives_the_place_back() {
        let mut trace = trace();
        trace.replaced("i", "a1", "a2").undone("i", "a1", "a2");
        let key = trace.request_heartbeat("a1", 1);
        trace.respond(key, heartbeat_response(0)).holds();
    }

    #[test]
    fn a_zombie_that_does_not_know_may_go_on() {
        let mut trace = trace();
        trace
            .elected(1)
            .on(1)
            .term_active(1)
            .load(1, &[("a1", "i", &[])])
            .replaced("i", "a1", "a2");
        let key = trace.on(0).request_heartbeat("a1", 1);
        trace.respond(key, heartbeat_response(0)).holds();
        let key = trace.on(1).request_heartbeat("a1", 1);
        trace.respond(key, heartbeat_response(0)).breaks("although a2 has replaced it");
    }

    #[test]
    fn a_return_that_changes_nothing_starts_no_rebalance() {
        let returns = |names: &[&str]| {
            let mut trace = TraceBuilder::new("static-identity");
            trace.request_join_static("", "i", &["range", "sticky"]);
            trace.added_static("a1", "i").generation(1, &["a1"]).stable();
            trace.request_join_static("", "i", names);
            trace.replaced("i", "a1", "a2").state(Stable, PreparingRebalance);
            trace
        };
        returns(&["sticky", "range"]).holds();
        // The assignors that a replaced id offers are not those that the group knows.
        let mut twin = TraceBuilder::new("static-identity");
        twin.request_join_static("", "i", &["range", "sticky"]);
        twin.added_static("a1", "i").replaced("i", "a1", "a2").generation(1, &["a2"]).stable();
        twin.request_join_static("a1", "i", &["sticky"]);
        twin.request_join_static("", "i", &["sticky"]);
        twin.replaced("i", "a2", "a3").state(Stable, PreparingRebalance).holds();
        returns(&["range", "sticky"]).breaks("came back unchanged, and the coordinator started");
    }

    #[test]
    fn a_replacement_that_was_undone_changes_the_vote_until_the_next_generation() {
        let returns = |undone: bool, again: bool| {
            let mut trace = TraceBuilder::new("static-identity");
            trace.request_join_static("", "i", &["range", "sticky"]);
            trace.added_static("a1", "i").added_static("b1", "k").replaced("k", "b1", "b2");
            trace.generation(1, &["a1", "b2"]);
            if undone {
                trace.undone("k", "b1", "b2");
            }
            if again {
                trace.generation(2, &["a1", "b1"]);
            }
            trace.stable().request_join_static("", "i", &["range", "sticky"]);
            trace.replaced("i", "a1", "a2").state(Stable, PreparingRebalance);
            trace
        };
        returns(true, false).holds();
        returns(false, false).breaks("came back unchanged");
        returns(true, true).breaks("came back unchanged");
    }

    #[test]
    fn assignors_that_a_loading_broker_refused_do_not_count() {
        let mut trace = TraceBuilder::new("static-identity");
        trace.elected(1).on(1).request_join_static("", "i", &["range", "sticky"]);
        trace.term_active(1).load(1, &[("a1", "i", &[])]);
        trace.request_join_static("", "i", &["range", "sticky"]);
        trace.replaced("i", "a1", "a2").state(Stable, PreparingRebalance).holds();
    }

    #[test]
    fn a_static_member_does_not_leave_by_itself() {
        let mut dynamic = trace();
        dynamic.added("c1").request_leave(&["c1"]);
        dynamic.holds();
        let mut leaves = trace();
        leaves.request_leave(&["a1"]);
        leaves.breaks("static member \"a1\" sent LeaveGroup");
    }
}
