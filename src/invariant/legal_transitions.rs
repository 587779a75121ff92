//! Groups and members move only along their tables.
//!
//! Scope: each move is in the table of [`GroupState`] or [`MemberState`], and starts where the last one of
//! the same group (in one coordinator incarnation) or of the same life of a consumer ended; groups start
//! Empty, members Unjoined. A group that went Dead is forgotten and may be created anew.
//!
//! Not said: when a group must move. That is `answered`'s and `convergence`'s.

use crate::consumer::{self, MemberState};
use crate::coordinator::{self, GroupState};
use crate::protocol::{GroupId, IndexMap};
use crate::trace::{ConsumerRef, Event, Kind, Place};

use super::Invariant;
use super::ledger::Ledger;

#[derive(Default)]
pub(super) struct LegalTransitions {
    groups: IndexMap<GroupId, GroupState>,
    members: IndexMap<ConsumerRef, MemberState>,
}

impl Invariant for LegalTransitions {
    fn name(&self) -> &'static str {
        "legal-transitions"
    }

    fn statement(&self) -> &'static str {
        "groups and members move only along their tables"
    }

    fn check(&mut self, _ledger: &Ledger, event: &Event) -> Result<(), String> {
        match (&event.kind, event.place) {
            (Kind::Coordinator(coordinator::Observation::State { group, from, to, why }), _) => {
                self.group(group, *from, *to, why)
            }
            (
                Kind::Consumer(consumer::Observation::State { from, to, why }),
                Place::Consumer(consumer),
            ) => self.member(consumer, *from, *to, why),
            (Kind::CoordinatorStarted { .. }, _) => {
                self.groups.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl LegalTransitions {
    fn group(
        &mut self,
        group: &GroupId,
        from: GroupState,
        to: GroupState,
        why: &str,
    ) -> Result<(), String> {
        let last = self.groups.insert(group.clone(), to).unwrap_or(GroupState::Empty);
        if to == GroupState::Dead {
            self.groups.swap_remove(group);
        }
        let head = format_args!("group {}: {from} to {to} ({why})", group.as_str());
        if last != from {
            return Err(format!("{head}, but the group was {last}"));
        }
        if !from.may_become(to) {
            return Err(format!("{head} is not a legal move"));
        }
        Ok(())
    }

    fn member(
        &mut self,
        consumer: ConsumerRef,
        from: MemberState,
        to: MemberState,
        why: &str,
    ) -> Result<(), String> {
        let last = self.members.insert(consumer, to).unwrap_or(MemberState::Unjoined);
        let ConsumerRef { index, incarnation } = consumer;
        let head = format_args!("consumer {index}, life {incarnation}: {from} to {to} ({why})");
        if last != from {
            return Err(format!("{head}, but the member was {last}"));
        }
        if !from.may_become(to) {
            return Err(format!("{head} is not a legal move"));
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
        story.state(CompletingRebalance, Stable).state(Stable, PreparingRebalance);
        story.state(PreparingRebalance, Empty).state(Empty, Dead).state(Empty, PreparingRebalance);
        story.holds();
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
}
