//! A group that is full stays as it is: `group.max.size` protects a coordinator from its groups (KIP-389).
//!
//! Scope: one incarnation of a group.
//! - When a member is added in the sync phase or to a Stable group, the group has no more members than the
//!   limit.
//! - When a join phase completes, no more members than the limit have joined in it: were added during it,
//!   or had a JoinGroup parked.
//! - Nobody is turned away while there is room: fewer members than the limit, in the join phase fewer of whom a
//!   JoinGroup has come since the last one closed.
//!
//! Not said: anything of members that did not join in the last phase. During a join phase members are
//! still there that will not come back; static ones that are away stay; and a group may be loaded larger
//! than the limit, until the rebalance that follows. A static member that comes back takes its own place.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, IndexMap, MemberId, Request, Response, ResponseError};
use crate::trace::{Event, Kind};

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Asked, Group, Key, Ledger};

#[derive(Default)]
pub(super) struct SizeLimit {
    /// Who has joined in the phase that is under way, by the number of the incarnation.
    joined: BTreeMap<usize, BTreeSet<MemberId>>,
    /// The JoinGroup requests of members that are under way.
    parked: IndexMap<Key, (usize, MemberId)>,
    /// Whose JoinGroup may be parked, answered or not, by the number of the incarnation.
    may_have_joined: BTreeMap<usize, BTreeSet<MemberId>>,
    /// The JoinGroup requests under way for which there is room.
    welcome: BTreeSet<Key>,
}

impl Invariant for SizeLimit {
    fn name(&self) -> &'static str {
        "size-limit"
    }

    fn statement(&self) -> &'static str {
        "no group takes in more members than group.max.size"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.asked(&[Api::JoinGroup]).answered(&[Api::JoinGroup])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match &event.kind {
            Kind::Coordinator(observation) => {
                let Some((index, group)) = ledger.observed() else { return Ok(()) };
                let max = ledger.config().max_size;
                self.observe(index, group, max, observation)
            }
            Kind::Received { .. } => {
                let Some((asked, request)) = ledger.question(event) else { return Ok(()) };
                let Request::JoinGroup(body) = &request.body else { return Ok(()) };
                if self.has_room(ledger, asked) {
                    self.welcome.insert(asked.key);
                }
                if asked.standing.is_member() {
                    let member = MemberId(body.member_id.clone());
                    self.joined.entry(asked.group).or_default().insert(member.clone());
                    self.may_have_joined.entry(asked.group).or_default().insert(member.clone());
                    self.parked.insert(asked.key, (asked.group, member));
                }
                Ok(())
            }
            Kind::Sent { .. } => {
                let Some((asked, _, Response::JoinGroup(answer))) = ledger.answer(event) else {
                    return Ok(());
                };
                let full = answer.error_code == ResponseError::GroupMaxSizeReached.code();
                let welcome = self.welcome.remove(&asked.key);
                if let Some(joined) = self.joined.get_mut(&asked.group) {
                    if let Some((_, member)) = self.parked.swap_remove(&asked.key) {
                        joined.remove(&member);
                    }
                    // A static member whose first JoinGroup is refused after it was added stays, unjoined.
                    if answer.error_code != 0 {
                        joined.remove(&answer.member_id);
                    }
                }
                if welcome && full {
                    return breach!(
                        "turned-away",
                        "group {}: somebody was turned away from {} although there was room",
                        ledger.group(asked.group).id.as_str(),
                        asked.state
                    );
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl SizeLimit {
    /// Whether there certainly is room (R6.1.17).
    fn has_room(&self, ledger: &Ledger, asked: &Asked) -> bool {
        let max = ledger.config().max_size;
        match asked.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance => {
                self.may_have_joined.get(&asked.group).map_or(0, BTreeSet::len) < max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                asked.standing.is_member() || ledger.group(asked.group).members.len() < max
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
            Observation::MemberAdded { member, .. } => {
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
            Observation::MemberReplaced { new, .. } => {
                self.may_have_joined.entry(index).or_default().insert(new.clone());
                Ok(())
            }
            Observation::GenerationBegan { generation, members, .. } => {
                self.may_have_joined.remove(&index);
                let joined = self.joined.remove(&index).unwrap_or_default();
                let size = members.iter().filter(|member| joined.contains(*member)).count();
                match size > max {
                    false => Ok(()),
                    true => breach!(
                        "generation",
                        "group {}: {size} members joined in generation {generation}, at most {max} may",
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
    use crate::invariant::story::{Story, error_join};

    /// At most two members; a and b are.
    fn story() -> Story {
        let mut story = Story::new("size-limit");
        story.coordinator_started().generation(1, &["a", "b"]).stable();
        story
    }

    #[test]
    fn a_member_too_many_breaks() {
        story().added("c").breaks("c is member 3 of at most 2 in Stable");
        let mut joining = story();
        joining.state(Stable, PreparingRebalance).ask_join("a");
        joining.ask_join("b");
        joining.added("c").generation(2, &["a", "b", "c"]);
        joining.breaks("3 members joined in generation 2, at most 2 may");
    }

    #[test]
    fn nobody_is_turned_away_while_there_is_room() {
        let mut full = story();
        let key = full.ask_join("");
        full.answer(key, error_join("", 81)).holds();
        let mut joining = story();
        joining.state(Stable, PreparingRebalance).ask_join("a");
        let key = joining.ask_join("b");
        joining.answer(key, error_join("", 81)).breaks("although there was room");
    }

    #[test]
    fn who_does_not_come_back_does_not_count() {
        let mut story = story();
        story.state(Stable, PreparingRebalance).added("c").ask_join("a");
        story.generation(2, &["a", "b", "c"]).holds();
    }

    #[test]
    fn a_loaded_group_may_be_too_large_and_a_static_member_may_come_back() {
        let mut story = story();
        let members: &[(&str, &str, &[&str])] = &[("a", "", &[]), ("b", "i", &[]), ("c", "", &[])];
        story.elected(1).on(1).shard_active(1).load(1, members).replaced("i", "b", "b2");
        story.state(Stable, PreparingRebalance).ask_join("a");
        story.ask_join("c");
        story.generation(2, &["a", "b2", "c"]).holds();
    }
}
