//! Groups and members move only along their transition tables.
//!
//! Scope: each transition is in the table of [`GroupState`] or [`MemberState`], and starts where
//! the last one of the same incarnation of the group or of the consumer ended; groups start Empty,
//! members Unjoined. A group that was loaded starts Stable if it has members, and Empty if not. A
//! group that became Dead or was removed has ended, and so has each that its broker unloaded; it
//! may be created or loaded anew. Only an Empty group is removed, or one that was never created,
//! because the log refused its first record.
//!
//! A Stable group starts a rebalance only for a cause (R4.3): within the second before, its broker
//! received a JoinGroup or LeaveGroup for it, a member was added, removed or replaced, its sync
//! timer fired, or it was loaded.
//!
//! | rule | violated when |
//! |---|---|
//! | `group-from` | a transition of a group does not start where the last one ended |
//! | `group-move` | a transition of a group is not in the table |
//! | `member-from` | a transition of a member does not start where the last one ended |
//! | `member-move` | a transition of a member is not in the table |
//! | `loaded` | a group is loaded in a state that does not fit its members |
//! | `removed` | a group is removed that is not Empty |
//! | `cause` | a Stable group starts a rebalance without a cause |
//!
//! Not said: when a group must move. That is `response-deadline`'s and `convergence`'s claim.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::{self, MemberState};
use crate::coordinator::{self, GroupRemoval, GroupState, LoadedGroup, TimerKind};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, GroupId, IndexMap};
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, EventKind, Place};

use crate::invariant::Invariant;
use crate::invariant::interest::Interest;
use crate::model::Model;

/// How long a cause for a rebalance holds: a broker handles a cause and its effects at one instant,
/// but a trace of real time may spread them.
const CAUSE_HOLDS: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(in crate::invariant) struct LegalTransitions {
    /// By the index of the incarnation.
    groups: BTreeMap<usize, GroupState>,
    /// When the last cause for a rebalance occurred, by the index of the incarnation.
    causes: BTreeMap<usize, Time>,
    members: IndexMap<ConsumerRef, MemberState>,
}

impl Invariant for LegalTransitions {
    fn name(&self) -> &'static str {
        "legal-transitions"
    }

    fn statement(&self) -> &'static str {
        "groups and members move only along their tables"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.and(Interest::CONSUMER).requests(&[Api::JoinGroup, Api::LeaveGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if let Some(index) = cause(model, event) {
            self.causes.insert(index, event.local);
        }
        match (&event.kind, event.place) {
            (
                EventKind::Coordinator(coordinator::Observation::Classic(
                    coordinator::ClassicObservation::State { group, from, to, why },
                )),
                _,
            ) => {
                let Some((index, _)) = model.observed() else { return Ok(()) };
                self.group(index, group, *from, *to, *why)?;
                let moved = (*from, *to) == (GroupState::Stable, GroupState::PreparingRebalance);
                let cause = self.causes.get(&index);
                match moved && cause.is_none_or(|at| *at + CAUSE_HOLDS < event.local) {
                    false => Ok(()),
                    true => breach!(
                        "cause",
                        "group {}: {from} to {to} ({why}) without a cause",
                        group.as_str()
                    ),
                }
            }
            (EventKind::Coordinator(coordinator::Observation::GroupLoaded(loaded)), _) => {
                let Some((index, _)) = model.observed() else { return Ok(()) };
                self.load(index, loaded)
            }
            (EventKind::Coordinator(coordinator::Observation::GroupRemoved { group, why }), _) => {
                let Some((index, known)) = model.observed() else { return Ok(()) };
                match self.groups.get(&index) {
                    None | Some(GroupState::Empty) => Ok(()),
                    Some(_) if *why == GroupRemoval::NotStored && !known.loaded => Ok(()),
                    Some(state) => {
                        breach!(
                            "removed",
                            "group {}: the coordinator removed it ({why}) while it was {state}",
                            group.as_str()
                        )
                    }
                }
            }
            (
                EventKind::Consumer(client::ClientObservation::State { from, to, why }),
                Place::Consumer(consumer),
            ) => self.member(consumer, *from, *to, *why),
            _ => Ok(()),
        }
    }
}

/// The incarnation for which the present event is a cause to rebalance.
fn cause(model: &Model, event: &Event) -> Option<usize> {
    if let Some((context, request)) = model.request(event) {
        let is_cause = matches!(request.body.api(), Api::JoinGroup | Api::LeaveGroup);
        return is_cause.then_some(context.group);
    }
    let EventKind::Coordinator(observation) = &event.kind else { return None };
    let (index, _) = model.observed()?;
    let is_cause = match observation {
        coordinator::Observation::Classic(coordinator::ClassicObservation::MemberAdded {
            ..
        })
        | coordinator::Observation::Classic(coordinator::ClassicObservation::MemberRemoved {
            ..
        })
        | coordinator::Observation::Classic(coordinator::ClassicObservation::MemberReplaced {
            ..
        })
        | coordinator::Observation::GroupLoaded(_)
        | coordinator::Observation::Classic(coordinator::ClassicObservation::TimerFired {
            timer: TimerKind::Sync,
            ..
        }) => true,
        coordinator::Observation::Classic(coordinator::ClassicObservation::TimerFired {
            ..
        })
        | coordinator::Observation::Classic(coordinator::ClassicObservation::State { .. })
        | coordinator::Observation::Classic(coordinator::ClassicObservation::ReplacementUndone {
            ..
        })
        | coordinator::Observation::GroupRemoved { .. }
        | coordinator::Observation::OffsetRemoved { .. }
        | coordinator::Observation::Classic(coordinator::ClassicObservation::GenerationBegan {
            ..
        }) => false,
    };
    is_cause.then_some(index)
}

impl LegalTransitions {
    fn load(&mut self, index: usize, loaded: &LoadedGroup) -> Result<(), Breach> {
        self.groups.insert(index, loaded.state);
        let expected = match loaded.metadata.members.is_empty() {
            true => GroupState::Empty,
            false => GroupState::Stable,
        };
        match loaded.state == expected {
            true => Ok(()),
            false => breach!(
                "loaded",
                "group {}: the coordinator loaded it as {} with {} members",
                loaded.metadata.group.as_str(),
                loaded.state,
                loaded.metadata.members.len()
            ),
        }
    }

    fn group(
        &mut self,
        index: usize,
        group: &GroupId,
        from: GroupState,
        to: GroupState,
        why: coordinator::TransitionReason,
    ) -> Result<(), Breach> {
        let last = self.groups.insert(index, to).unwrap_or(GroupState::Empty);
        let head = format_args!("group {}: {from} to {to} ({why})", group.as_str());
        if last != from {
            return breach!("group-from", "{head}, but the group was {last}");
        }
        if !from.may_become(to) {
            return breach!("group-move", "{head} is not a legal move");
        }
        Ok(())
    }

    fn member(
        &mut self,
        consumer: ConsumerRef,
        from: MemberState,
        to: MemberState,
        why: client::TransitionReason,
    ) -> Result<(), Breach> {
        let last = self.members.insert(consumer, to).unwrap_or(MemberState::Unjoined);
        let head = format_args!("{consumer}: {from} to {to} ({why})");
        if last != from {
            return breach!("member-from", "{head}, but the member was {last}");
        }
        if !from.may_become(to) {
            return breach!("member-move", "{head} is not a legal move");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::client::{ClientObservation, MemberState, TransitionReason};
    use crate::coordinator::GroupState::*;
    use crate::invariant::trace_builder::TraceBuilder;

    fn trace() -> TraceBuilder {
        TraceBuilder::new("legal-transitions")
    }

    fn member(from: MemberState, to: MemberState) -> ClientObservation {
        ClientObservation::State { from, to, why: TransitionReason::Joining }
    }

    #[test]
    fn a_full_cycle_of_states_holds() {
        let mut trace = trace();
        trace.state(Empty, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
        trace.state(CompletingRebalance, Stable).added("a").state(Stable, PreparingRebalance);
        trace.state(PreparingRebalance, Empty).state(Empty, Dead).state(Empty, PreparingRebalance);
        trace.holds();
    }

    #[test]
    fn a_rebalance_needs_a_cause() {
        let mut trace = trace();
        trace.added("a").state(Empty, PreparingRebalance);
        trace.state(PreparingRebalance, CompletingRebalance).state(CompletingRebalance, Stable);
        trace.at(5_000).request_heartbeat("a", 1);
        trace.state(Stable, PreparingRebalance).breaks("without a cause");
    }

    #[test]
    fn a_transition_outside_the_table_breaks() {
        trace().state(Empty, Stable).breaks("not a legal move");
    }

    #[test]
    fn a_transition_from_another_state_breaks() {
        trace().state(Stable, PreparingRebalance).breaks("but the group was Empty");
    }

    #[test]
    fn members_have_a_table_too() {
        use MemberState::*;
        trace().consumer(0, member(Unjoined, PreparingRebalance)).holds();
        trace().consumer(0, member(Unjoined, Stable)).breaks("not a legal move");
        trace().consumer(0, member(Stable, Unjoined)).breaks("but the member was Unjoined");
    }

    #[test]
    fn another_incarnation_of_the_coordinator_starts_over() {
        let mut trace = trace();
        trace.state(Empty, PreparingRebalance).coordinator_started();
        trace.state(Empty, PreparingRebalance).holds();
    }

    #[test]
    fn a_loaded_group_starts_stable_or_empty() {
        let members: &[(&str, &str, &[&str])] = &[("a", "", &[])];
        trace().load(3, members).state(Stable, PreparingRebalance).holds();
        trace().load(3, &[]).state(Empty, PreparingRebalance).holds();
        trace().load(3, &[]).state(Stable, PreparingRebalance).breaks("but the group was Empty");
    }

    #[test]
    fn a_zombie_moves_on_its_own() {
        let mut trace = trace();
        trace.state(Empty, PreparingRebalance).elected(1).on(1).term_active(1).load(0, &[]);
        trace.on(0).state(PreparingRebalance, CompletingRebalance);
        trace.on(1).state(Empty, PreparingRebalance).holds();
        trace.on(0).state(CompletingRebalance, Dead).on(1).state(Empty, PreparingRebalance);
        trace.breaks("but the group was PreparingRebalance");
    }

    #[test]
    fn only_an_empty_group_is_removed() {
        trace()
            .state(Empty, PreparingRebalance)
            .state(PreparingRebalance, Empty)
            .group_removed()
            .holds();
        trace().group_removed().holds();
        let mut alive = trace();
        alive.state(Empty, PreparingRebalance).group_removed();
        alive.breaks("while it was PreparingRebalance");
    }
}
