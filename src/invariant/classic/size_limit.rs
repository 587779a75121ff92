//! A full group takes in no more members: `group.max.size` protects a coordinator from its groups
//! (KIP-389).
//!
//! Scope: one incarnation of a group.
//! - When a member is added in the sync phase or to a Stable group, the group has no more members
//!   than the limit.
//! - When a join phase completes, no more members than the limit have joined in it: were added
//!   during it, or had a JoinGroup parked.
//! - The coordinator rejects no JoinGroup with GROUP_MAX_SIZE_REACHED while there is room: fewer
//!   members than the limit; in the join phase, fewer members that have sent a JoinGroup since the
//!   last phase ended.
//!
//! | rule | violated when |
//! |---|---|
//! | `member` | a member is added to a group that is full |
//! | `generation` | more members than the limit have joined in a join phase |
//! | `rejected` | a JoinGroup is rejected though there is room |
//!
//! Not said: anything about members that did not join in the last phase. During a join phase the
//! group still has members that will not come back; static ones that are away stay; and a group may
//! be loaded larger than the limit, until the rebalance that follows. A static member that comes
//! back takes its own place.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{ClassicObservation, GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, IndexMap, MemberId, Request, Response, ResponseError};
use crate::trace::{Event, EventKind};

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Group, Key, Model, RequestContext};

#[derive(Default)]
pub(in crate::invariant) struct SizeLimit {
    /// The members that have joined in the present phase, by the index of the incarnation.
    joined: BTreeMap<usize, BTreeSet<MemberId>>,
    /// The JoinGroup requests of members that are in flight.
    parked: IndexMap<Key, (usize, MemberId)>,
    /// The members whose JoinGroup may be parked, with or without a response, by the index of the
    /// incarnation.
    may_have_joined: BTreeMap<usize, BTreeSet<MemberId>>,
    /// The JoinGroup requests in flight for which there is room.
    with_room: BTreeSet<Key>,
}

impl Invariant for SizeLimit {
    fn name(&self) -> &'static str {
        "size-limit"
    }

    fn statement(&self) -> &'static str {
        "no group takes in more members than group.max.size"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.requests(&[Api::JoinGroup]).responses(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            EventKind::Coordinator(observation) => {
                let Some((index, group)) = model.observed() else { return Ok(()) };
                let max = model.config().max_size;
                self.observe(index, group, max, observation)
            }
            EventKind::Received { .. } => {
                let Some((context, request)) = model.request(event) else { return Ok(()) };
                let Request::JoinGroup(body) = &request.body else { return Ok(()) };
                if self.has_room(model, context) {
                    self.with_room.insert(context.key);
                }
                if context.standing.is_member() {
                    let member = MemberId(body.member_id.clone());
                    self.joined.entry(context.group).or_default().insert(member.clone());
                    self.may_have_joined.entry(context.group).or_default().insert(member.clone());
                    self.parked.insert(context.key, (context.group, member));
                }
                Ok(())
            }
            EventKind::Sent { .. } => {
                let Some((ctx, _, Response::JoinGroup(response))) = model.response(event) else {
                    return Ok(());
                };
                let full = response.error_code == ResponseError::GroupMaxSizeReached.code();
                let with_room = self.with_room.remove(&ctx.key);
                if let Some(joined) = self.joined.get_mut(&ctx.group) {
                    if let Some((_, member)) = self.parked.swap_remove(&ctx.key) {
                        joined.remove(&member);
                    }
                    // A static member whose first JoinGroup is refused after it was added stays,
                    // without having joined.
                    if response.error_code != 0 {
                        joined.remove(&response.member_id);
                    }
                }
                if with_room && full {
                    return breach!(
                        "rejected",
                        "group {}: the coordinator rejected a JoinGroup in {} although there was room",
                        model.group(ctx.group).id.as_str(),
                        ctx.state
                    );
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl SizeLimit {
    /// Whether the group certainly has room (R6.1.17).
    fn has_room(&self, model: &Model, context: &RequestContext) -> bool {
        let max = model.config().max_size;
        match context.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => {
                self.may_have_joined.get(&context.group).map_or(0, BTreeSet::len) < max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                context.standing.is_member() || model.group(context.group).members.len() < max
            }
            GroupState::Dead => false,
        }
    }

    fn observe(
        &mut self,
        index: usize,
        group: &Group,
        max: usize,
        observation: &Observation,
    ) -> Result<(), Breach> {
        match observation {
            Observation::Classic(ClassicObservation::MemberAdded { member, .. }) => {
                self.joined.entry(index).or_default().insert(member.clone());
                self.may_have_joined.entry(index).or_default().insert(member.clone());
                let size = group.members.len();
                match group.state {
                    GroupState::CompletingRebalance | GroupState::Stable if size > max => {
                        breach!(
                            "member",
                            "group {}: {member} is member {size} of at most {max} in {}",
                            group.id.as_str(),
                            group.state
                        )
                    }
                    _ => Ok(()),
                }
            }
            Observation::Classic(ClassicObservation::MemberReplaced { new, .. }) => {
                self.may_have_joined.entry(index).or_default().insert(new.clone());
                Ok(())
            }
            Observation::Classic(ClassicObservation::GenerationBegan {
                generation,
                members,
                ..
            }) => {
                self.may_have_joined.remove(&index);
                let joined = self.joined.remove(&index).unwrap_or_default();
                let size = members.iter().filter(|member| joined.contains(*member)).count();
                match size > max {
                    false => Ok(()),
                    true => breach!(
                        "generation",
                        "group {}: {size} members joined in generation {generation}, but the limit is {max}",
                        group.id.as_str()
                    ),
                }
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::trace_builder::{TraceBuilder, error_join};

    /// At most two members; a and b are.
    fn trace() -> TraceBuilder {
        let mut trace = TraceBuilder::new("size-limit");
        trace.coordinator_started().generation(1, &["a", "b"]).stable();
        trace
    }

    #[test]
    fn a_member_too_many_breaks() {
        trace().added("c").breaks("c is member 3 of at most 2 in Stable");
        let mut joining = trace();
        joining.state(Stable, PreparingRebalance).request_join("a");
        joining.request_join("b");
        joining.added("c").generation(2, &["a", "b", "c"]);
        joining.breaks("3 members joined in generation 2, but the limit is 2");
    }

    #[test]
    fn no_join_is_rejected_while_there_is_room() {
        let mut full = trace();
        let key = full.request_join("");
        full.respond(key, error_join("", 81)).holds();
        let mut joining = trace();
        joining.state(Stable, PreparingRebalance).request_join("a");
        let key = joining.request_join("b");
        joining.respond(key, error_join("", 81)).breaks("although there was room");
    }

    #[test]
    fn a_member_that_does_not_come_back_does_not_count() {
        let mut trace = trace();
        trace.state(Stable, PreparingRebalance).added("c").request_join("a");
        trace.generation(2, &["a", "b", "c"]).holds();
    }

    #[test]
    fn a_loaded_group_may_be_too_large_and_a_static_member_may_come_back() {
        let mut trace = trace();
        let members: &[(&str, &str, &[&str])] = &[("a", "", &[]), ("b", "i", &[]), ("c", "", &[])];
        trace.elected(1).on(1).term_active(1).load(1, members).replaced("i", "b", "b2");
        trace.state(Stable, PreparingRebalance).request_join("a");
        trace.request_join("c");
        trace.generation(2, &["a", "b2", "c"]).holds();
    }
}
