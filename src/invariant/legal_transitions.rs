//! Groups and members move only along their tables.
//!
//! Scope: each move is in the table of [`GroupState`] or [`MemberState`], and starts where the last one of
//! the same incarnation of the group or of the same life of a consumer ended; groups start Empty, members
//! Unjoined. A group that was loaded starts Stable if it has members, and Empty if not. A group that went
//! Dead or was removed has ended, and so has each that its broker unloaded; it may be created or loaded
//! anew. Only an Empty group is removed, or one that has never been, because the log refused its first record.
//!
//! A Stable group starts a rebalance only for a reason (R4.3): within the second before, somebody asked its broker to
//! join or to leave it, a member was added, removed or replaced, its sync timer fired, or it was loaded.
//!
//! Not said: when a group must move. That is `answered`'s and `convergence`'s.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::consumer::{self, MemberState};
use crate::coordinator::{self, GroupState, LoadedGroup, TimerKind};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, GroupId, IndexMap};
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, Kind, Place};

use super::Invariant;
use super::interest::Interest;
use super::ledger::Ledger;

/// Why a group is removed that was never stored.
const NEVER_WAS: &str = "not stored";
/// How long a reason for a rebalance holds: a broker deals with one thing at an instant, but a trace of real time
/// may tell of it in several.
const HOLDS: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct LegalTransitions {
    /// By the number of the incarnation.
    groups: BTreeMap<usize, GroupState>,
    /// When there last was a reason for a rebalance, by the number of the incarnation.
    reasons: BTreeMap<usize, Time>,
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
        Interest::COORDINATOR.and(Interest::CONSUMER).asked(&[Api::JoinGroup, Api::LeaveGroup])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Some(index) = reason(ledger, event) {
            self.reasons.insert(index, event.local);
        }
        match (&event.kind, event.place) {
            (Kind::Coordinator(coordinator::Observation::State { group, from, to, why }), _) => {
                let Some((index, _)) = ledger.observed() else { return Ok(()) };
                self.group(index, group, *from, *to, why)?;
                let moved = (*from, *to) == (GroupState::Stable, GroupState::PreparingRebalance);
                let reason = self.reasons.get(&index);
                match moved && reason.is_none_or(|at| *at + HOLDS < event.local) {
                    false => Ok(()),
                    true => breach!(
                        "reason",
                        "group {}: {from} to {to} ({why}) for no reason",
                        group.as_str()
                    ),
                }
            }
            (Kind::Coordinator(coordinator::Observation::GroupLoaded(loaded)), _) => {
                let Some((index, _)) = ledger.observed() else { return Ok(()) };
                self.load(index, loaded)
            }
            (Kind::Coordinator(coordinator::Observation::GroupRemoved { group, why }), _) => {
                let Some((index, known)) = ledger.observed() else { return Ok(()) };
                match self.groups.get(&index) {
                    None | Some(GroupState::Empty) => Ok(()),
                    Some(_) if *why == NEVER_WAS && !known.loaded => Ok(()),
                    Some(state) => {
                        breach!(
                            "removed",
                            "group {}: {why} although it was {state}",
                            group.as_str()
                        )
                    }
                }
            }
            (
                Kind::Consumer(consumer::Observation::State { from, to, why }),
                Place::Consumer(consumer),
            ) => self.member(consumer, *from, *to, why),
            _ => Ok(()),
        }
    }
}

/// The incarnation for which the present event is a reason to rebalance.
fn reason(ledger: &Ledger, event: &Event) -> Option<usize> {
    if let Some((asked, request)) = ledger.question(event) {
        let moves = matches!(request.body.api(), Api::JoinGroup | Api::LeaveGroup);
        return moves.then_some(asked.group);
    }
    let Kind::Coordinator(observation) = &event.kind else { return None };
    let (index, _) = ledger.observed()?;
    let moves = match observation {
        coordinator::Observation::MemberAdded { .. }
        | coordinator::Observation::MemberRemoved { .. }
        | coordinator::Observation::MemberReplaced { .. }
        | coordinator::Observation::GroupLoaded(_)
        | coordinator::Observation::TimerFired { timer: TimerKind::Sync, .. } => true,
        coordinator::Observation::TimerFired { .. }
        | coordinator::Observation::State { .. }
        | coordinator::Observation::ReplacementUndone { .. }
        | coordinator::Observation::GroupRemoved { .. }
        | coordinator::Observation::OffsetRemoved { .. }
        | coordinator::Observation::GenerationBegan { .. } => false,
    };
    moves.then_some(index)
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
                "group {}: loaded {} with members={}",
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
        why: &str,
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
        why: &str,
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
    use crate::consumer::{MemberState, Observation};
    use crate::coordinator::GroupState::*;
    use crate::invariant::story::Story;

    fn story() -> Story {
        Story::new("legal-transitions")
    }

    fn member(from: MemberState, to: MemberState) -> Observation {
        Observation::State { from, to, why: "test" }
    }

    #[test]
    fn a_whole_round_holds() {
        let mut story = story();
        story.state(Empty, PreparingRebalance).state(PreparingRebalance, CompletingRebalance);
        story.state(CompletingRebalance, Stable).added("a").state(Stable, PreparingRebalance);
        story.state(PreparingRebalance, Empty).state(Empty, Dead).state(Empty, PreparingRebalance);
        story.holds();
    }

    #[test]
    fn a_rebalance_needs_a_reason() {
        let mut story = story();
        story.added("a").state(Empty, PreparingRebalance);
        story.state(PreparingRebalance, CompletingRebalance).state(CompletingRebalance, Stable);
        story.at(5_000).ask_heartbeat("a", 1);
        story.state(Stable, PreparingRebalance).breaks("for no reason");
    }

    #[test]
    fn a_move_outside_the_table_breaks() {
        story().state(Empty, Stable).breaks("not a legal move");
    }

    #[test]
    fn a_move_from_elsewhere_breaks() {
        story().state(Stable, PreparingRebalance).breaks("but the group was Empty");
    }

    #[test]
    fn members_have_a_table_too() {
        use MemberState::*;
        story().consumer(0, member(Unjoined, PreparingRebalance)).holds();
        story().consumer(0, member(Unjoined, Stable)).breaks("not a legal move");
        story().consumer(0, member(Stable, Unjoined)).breaks("but the member was Unjoined");
    }

    #[test]
    fn another_incarnation_of_the_coordinator_starts_over() {
        let mut story = story();
        story.state(Empty, PreparingRebalance).coordinator_started();
        story.state(Empty, PreparingRebalance).holds();
    }

    #[test]
    fn a_loaded_group_starts_stable_or_empty() {
        let members: &[(&str, &str, &[&str])] = &[("a", "", &[])];
        story().load(3, members).state(Stable, PreparingRebalance).holds();
        story().load(3, &[]).state(Empty, PreparingRebalance).holds();
        story().load(3, &[]).state(Stable, PreparingRebalance).breaks("but the group was Empty");
    }

    #[test]
    fn a_zombie_moves_on_its_own() {
        let mut story = story();
        story.state(Empty, PreparingRebalance).elected(1).on(1).shard_active(1).load(0, &[]);
        story.on(0).state(PreparingRebalance, CompletingRebalance);
        story.on(1).state(Empty, PreparingRebalance).holds();
        story.on(0).state(CompletingRebalance, Dead).on(1).state(Empty, PreparingRebalance);
        story.breaks("but the group was PreparingRebalance");
    }

    #[test]
    fn only_an_empty_group_is_removed() {
        story()
            .state(Empty, PreparingRebalance)
            .state(PreparingRebalance, Empty)
            .group_removed()
            .holds();
        story().group_removed().holds();
        let mut alive = story();
        alive.state(Empty, PreparingRebalance).group_removed();
        alive.breaks("although it was PreparingRebalance");
    }
}
