//! A generation number identifies one set of members; clients fence themselves by comparing it.
//!
//! Scope: one group, one incarnation. A coordinator that takes over continues from the generation
//! that it loaded from the log, so it may issue again the numbers of generations that never reached
//! the log. (That it loads every generation in which a member received its assignment is
//! `durable`'s claim.)
//! - Each completed join phase has a larger number than the last, and than the one that was loaded.
//! - A successful JoinGroup response carries the generation that was the newest when the broker
//!   handled the request (it may respond to a member of a generation at once) or the next one to
//!   begin (the request was parked). A static member that comes back to a Stable group receives the
//!   newest. The response agrees with that generation on leader and assignor, and its member is in
//!   it. For a static member that was replaced, the id that replaced it counts; up to version 8
//!   also the other way round as leader. A static member that came back may receive another leader
//!   if the former one has left meanwhile.
//! - The metadata that a leader receives for a member is that of the member's last JoinGroup for
//!   the assignor, or that found in the log. A JoinGroup that was refused, perhaps only because it
//!   took too long, may or may not count.
//! - A consumer takes over an assignment only in a generation that includes its member id, of any
//!   incarnation, and never in an older one than before under the same id. Exceptions: a zombie
//!   repeats itself, or the newer generation came from a broker that had loaded it from an
//!   uncommitted record. The same generation twice is Kafka's behaviour: a follower whose SyncGroup
//!   response was lost rejoins and receives the generation it is in.
//!
//! | rule | violated when |
//! |---|---|
//! | `grows` | a generation is not newer than the one before or the one that was loaded |
//! | `joined` | a JoinGroup response names neither the newest nor the next generation |
//! | `leader` | it names another leader than the generation has |
//! | `protocol` | it names another assignor than the generation has |
//! | `includes` | it goes to a member that the generation does not include |
//! | `stale-leader` | it names a leader that another id has replaced (KIP-814) |
//! | `metadata` | the leader receives metadata that is not of the last JoinGroup of a member |
//! | `assigned-grows` | a consumer takes over an assignment of an older generation than before |
//! | `assigned-includes` | a consumer takes over one of a generation that does not include it |
//!
//! Not said: that numbers grow by exactly one; which generation a heartbeat, commit or sync may
//! name (that is `fencing`'s claim); anything about responses that became visible more than eight
//! generations late, also where another incarnation had a generation of that number.

mod offered;

use std::collections::BTreeMap;

use crate::client;
use crate::coordinator::{ClassicObservation, GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, IndexMap, MemberId, Response, StrBytes};
use crate::trace::{ConsumerRef, Event, EventKind, Place};
use kafka_protocol::messages::JoinGroupResponse;

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::{Group, MemberStanding, Model, RequestContext};
use offered::OfferedProtocols;

/// The number of generations that are remembered, for responses that become visible late.
const REMEMBERED: usize = 8;

#[derive(Default)]
pub(in crate::invariant) struct Generations {
    /// By the index of the incarnation.
    groups: BTreeMap<usize, History>,
    assigned: IndexMap<MemberId, Generation>,
    consumers: IndexMap<ConsumerRef, crate::protocol::GroupId>,
    offered: OfferedProtocols,
}

/// The generations of one incarnation.
#[derive(Default)]
struct History {
    known: BTreeMap<Generation, Facts>,
    /// The newest forgotten generation. The incarnation may have had it, and any before it.
    forgotten: Option<Generation>,
}

impl History {
    fn newest(&self) -> Generation {
        self.known.last_key_value().map_or(Generation(0), |(newest, _)| *newest)
    }

    fn remember(&mut self, generation: Generation, facts: Facts) {
        self.known.insert(generation, facts);
        if self.known.len() > REMEMBERED {
            self.forgotten = self.known.pop_first().map(|(oldest, _)| oldest);
        }
    }

    fn has_forgotten(&self, generation: Generation) -> bool {
        self.forgotten.is_some_and(|newest| generation <= newest)
    }
}

struct Facts {
    leader: Option<MemberId>,
    protocol: Option<StrBytes>,
    members: Vec<MemberId>,
}

impl Invariant for Generations {
    fn name(&self) -> &'static str {
        "generation"
    }

    fn statement(&self) -> &'static str {
        "generations strictly grow, and all members of one agree on it"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::PROCESSES)
            .and(Interest::TERMS)
            .requests(&[Api::JoinGroup])
            .responses(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let offered = self.offered.check(model, event);
        let taken = self.take(model, event);
        offered.and(taken)
    }
}

impl Generations {
    fn take(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (EventKind::Coordinator(observation), _) => match model.observed() {
                Some((index, group)) => self.coordinator(index, group, observation),
                None => Ok(()),
            },
            (
                EventKind::Consumer(client::ClientObservation::Assigned {
                    member, generation, ..
                }),
                Place::Consumer(consumer),
            ) => self.assigned(model, consumer, member, *generation),
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                self.consumers.insert(consumer, config.group.clone());
                Ok(())
            }
            (EventKind::CoordinatorStarted { .. }, _) => {
                self.groups.clear();
                self.assigned.clear();
                self.offered = OfferedProtocols::default();
                Ok(())
            }
            (EventKind::Sent { .. }, _) => match model.response(event) {
                Some((context, request, Response::JoinGroup(response)))
                    if response.error_code == 0 =>
                {
                    self.joined(model, context, response)?;
                    check_leader(model.group(context.group), request.version, response)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Generations {
    fn coordinator(
        &mut self,
        index: usize,
        group: &Group,
        observation: &Observation,
    ) -> Result<(), Breach> {
        match observation {
            Observation::Classic(ClassicObservation::GenerationBegan {
                generation,
                protocol,
                leader,
                members,
                ..
            }) => {
                let history = self.groups.entry(index).or_default();
                let last = history.newest();
                let (leader, protocol) = (leader.clone(), protocol.clone());
                let facts = Facts { leader, protocol, members: sorted(members) };
                history.remember(*generation, facts);
                if *generation <= last {
                    let group = group.id.as_str();
                    return breach!(
                        "grows",
                        "group {group}: the coordinator began generation {generation} after {last}"
                    );
                }
            }
            Observation::GroupLoaded(loaded) => {
                let metadata = &loaded.metadata;
                let members: Vec<_> = metadata.members.iter().map(|m| m.id.clone()).collect();
                let (leader, protocol) = (metadata.leader.clone(), metadata.protocol.clone());
                let facts = Facts { leader, protocol, members: sorted(&members) };
                self.groups.entry(index).or_default().remember(metadata.generation, facts);
            }
            Observation::Classic(ClassicObservation::MemberReplaced { new: id, .. })
            | Observation::Classic(ClassicObservation::ReplacementUndone { old: id, .. }) => {
                let newest =
                    self.groups.get_mut(&index).and_then(|history| history.known.last_entry());
                if let Some(mut newest) = newest {
                    newest.get_mut().members.push(id.clone());
                    newest.get_mut().members.sort();
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn joined(
        &self,
        model: &Model,
        context: &RequestContext,
        response: &JoinGroupResponse,
    ) -> Result<(), Breach> {
        let generation = Generation(response.generation_id);
        let head = || {
            let group = model.group(context.group).id.as_str();
            format!(
                "group {group}: the coordinator responded to JoinGroup of {} with generation \
                 {generation}",
                response.member_id
            )
        };
        let group = model.group(context.group);
        let came_back = |id: &StrBytes| group.displaced.values().any(|new| new.0 == *id);
        let known = context.standing == MemberStanding::Member || came_back(&response.member_id);
        if Some(generation) != context.next_generation
            && !(known && may_be_immediate(context, generation))
        {
            let next = context.next_generation.map_or("none".to_owned(), |next| next.to_string());
            let newest = context.generation;
            return breach!(
                "joined",
                "{}; the request arrived in {newest} ({}), the next was {next}",
                head(),
                context.state
            );
        }
        let history = self.groups.get(&context.group);
        let Some(facts) = history.and_then(|history| history.known.get(&generation)) else {
            return Ok(());
        };
        let leader = facts.leader.as_ref().map_or("", |leader| group.resolve(leader).as_str());
        // A static member that waits for the record of its replacement may receive the response
        // after the leader has left and another one was elected (rule R8.8).
        let renamed = came_back(&response.member_id)
            && !facts
                .leader
                .as_ref()
                .is_some_and(|leader| group.members.contains_key(group.resolve(leader)));
        if !renamed && leader != group.resolve(&MemberId(response.leader.clone())).as_str() {
            return breach!(
                "leader",
                "{} and leader {}, but {leader} leads",
                head(),
                response.leader
            );
        }
        if facts.protocol != response.protocol_name {
            let (sent, agreed) = (&response.protocol_name, &facts.protocol);
            return breach!(
                "protocol",
                "{} and assignor {sent:?}, but the generation has {agreed:?}",
                head()
            );
        }
        if !contains(&facts.members, &response.member_id) {
            return breach!("includes", "{}, which does not include it", head());
        }
        Ok(())
    }

    /// Whether a zombie is or was in that generation of the consumer's group, and may have repeated
    /// an assignment of it.
    fn responses_of_a_zombie(
        &self,
        model: &Model,
        consumer: ConsumerRef,
        generation: Generation,
    ) -> bool {
        self.consumers.get(&consumer).is_some_and(|group| {
            let zombies =
                model.incarnations(group).filter(|(index, _)| !model.is_current_leader(*index));
            let mut histories = zombies.filter_map(|(index, _)| self.groups.get(&index));
            histories
                .any(|one| one.known.contains_key(&generation) || one.has_forgotten(generation))
        })
    }

    /// Whether a broker sent assignments of that generation of the consumer's group before its
    /// record was committed, and an election has since removed it.
    fn was_taken_away(&self, model: &Model, consumer: ConsumerRef, generation: Generation) -> bool {
        let group = self.consumers.get(&consumer);
        group.is_some_and(|group| model.may_be_reissued(group, generation))
    }

    fn assigned(
        &mut self,
        model: &Model,
        consumer: ConsumerRef,
        member: &MemberId,
        generation: Generation,
    ) -> Result<(), Breach> {
        if let Some(last) = self.assigned.insert(member.clone(), generation)
            && generation < last
            && !self.responses_of_a_zombie(model, consumer, generation)
            && !self.was_taken_away(model, consumer, last)
        {
            return breach!(
                "assigned-grows",
                "{member} took over an assignment of generation {generation} after one of {last}"
            );
        }
        let Some(group) = self.consumers.get(&consumer) else { return Ok(()) };
        let histories =
            || model.incarnations(group).filter_map(|(index, _)| self.groups.get(&index));
        // A forgotten generation may have included the member, whatever other generations of that
        // number did.
        let forgotten = histories().any(|history| history.has_forgotten(generation));
        let mut known = histories().filter_map(|one| one.known.get(&generation)).peekable();
        let unknown = forgotten || known.peek().is_none();
        match unknown || known.any(|facts| contains(&facts.members, &member.0)) {
            true => Ok(()),
            false => breach!(
                "assigned-includes",
                "{member} took over an assignment of generation {generation}, which does not include it"
            ),
        }
    }
}

/// Checks that from version 9 on no response names a leader that another id has replaced (KIP-814).
fn check_leader(group: &Group, version: i16, response: &JoinGroupResponse) -> Result<(), Breach> {
    match version >= 9 && group.displaced.contains_key(&response.leader) {
        false => Ok(()),
        true => breach!(
            "stale-leader",
            "group {}: the coordinator named {} as leader to {}, but another id has replaced it",
            group.id.as_str(),
            response.leader,
            response.member_id
        ),
    }
}

/// Whether the broker may respond to a member of the generation at once, because its JoinGroup
/// brings nothing new (rule R6.1).
fn may_be_immediate(context: &RequestContext, generation: Generation) -> bool {
    let settled = match context.state {
        GroupState::CompletingRebalance | GroupState::Stable => true,
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => false,
    };
    settled && context.generation == generation
}

fn sorted(members: &[MemberId]) -> Vec<MemberId> {
    let mut members = members.to_vec();
    members.sort();
    members
}

fn contains(members: &[MemberId], id: &StrBytes) -> bool {
    members.binary_search_by(|member| member.0.cmp(id)).is_ok()
}

#[cfg(test)]
mod tests;
