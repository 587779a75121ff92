//! A generation number names one membership, and clients fence themselves by comparing it.
//!
//! Scope: one group, one incarnation. A coordinator that takes over goes on from the generation that it
//! found in the log, and so may issue again the numbers of generations that never came into the log. (That it
//! finds every generation of which a member was told its assignment is `durable`'s.)
//! - Each completed join phase has a larger number than the last, and than the one that was loaded.
//! - A successful JoinGroup answer carries the generation that was the newest when the request was
//!   evaluated (a member of a generation may be answered at once) or the next one to begin (it was
//!   parked). A static member that comes back to a Stable group is answered with the newest. The answer
//!   agrees with that generation on leader and assignor, and its member is in it; for a static member that
//!   was replaced stands the one in its place, and up to version 8 the other way round as leader, too; and
//!   one that came back may be told of another leader if that one has gone meanwhile.
//! - What a leader is told of a member is what the member's last JoinGroup brought for the assignor, or what was found
//!   in the log. One that was refused, perhaps only for the time it took, may or may not count.
//! - A consumer is assigned partitions only in a generation that includes its member id, of whichever
//!   incarnation, and never in an older one than before under the same id, unless by a zombie that repeats
//!   itself, or if the newer one was told by a broker that had loaded it from an uncommitted record. The same one twice is Kafka: a follower whose SyncGroup
//!   answer was lost rejoins and is given the generation it is in.
//!
//! Not said: that numbers grow by exactly one; which generation a heartbeat, commit or sync may name
//! (that is `fencing`'s); anything about answers that became visible more than eight generations late, also where
//! another incarnation had a generation of that number.

mod brought;

use std::collections::BTreeMap;

use crate::consumer;
use crate::coordinator::{GroupState, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, Generation, IndexMap, MemberId, Response, StrBytes};
use crate::trace::{ConsumerRef, Event, Kind, Place};
use kafka_protocol::messages::JoinGroupResponse;

use super::Invariant;
use super::interest::Interest;
use super::ledger::{Asked, Group, Ledger, Standing};
use brought::Brought;

/// How many generations are remembered, for answers that become visible late.
const REMEMBERED: usize = 8;

#[derive(Default)]
pub(super) struct Generations {
    /// By the number of the incarnation.
    groups: BTreeMap<usize, History>,
    assigned: IndexMap<MemberId, Generation>,
    consumers: IndexMap<ConsumerRef, crate::protocol::GroupId>,
    brought: Brought,
}

/// The generations of one incarnation.
#[derive(Default)]
struct History {
    known: BTreeMap<Generation, Facts>,
    /// The newest of those that are forgotten. An incarnation may have had it, and any before.
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
            .and(Interest::LIVES)
            .and(Interest::TERMS)
            .asked(&[Api::JoinGroup])
            .answered(&[Api::JoinGroup])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let brought = self.brought.check(ledger, event);
        let taken = self.take(ledger, event);
        brought.and(taken)
    }
}

impl Generations {
    fn take(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        match (&event.kind, event.place) {
            (Kind::Coordinator(observation), _) => match ledger.observed() {
                Some((index, group)) => self.coordinator(index, group, observation),
                None => Ok(()),
            },
            (
                Kind::Consumer(consumer::Observation::Assigned { member, generation, .. }),
                Place::Consumer(consumer),
            ) => self.assigned(ledger, consumer, member, *generation),
            (Kind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                self.consumers.insert(consumer, config.group.clone());
                Ok(())
            }
            (Kind::CoordinatorStarted { .. }, _) => {
                self.groups.clear();
                self.assigned.clear();
                self.brought = Brought::default();
                Ok(())
            }
            (Kind::Sent { .. }, _) => match ledger.answer(event) {
                Some((asked, request, Response::JoinGroup(answer))) if answer.error_code == 0 => {
                    self.joined(ledger, asked, answer)?;
                    knows_its_leader(ledger.group(asked.group), request.version, answer)
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
            Observation::GenerationBegan { generation, protocol, leader, members, .. } => {
                let history = self.groups.entry(index).or_default();
                let last = history.newest();
                let (leader, protocol) = (leader.clone(), protocol.clone());
                let facts = Facts { leader, protocol, members: sorted(members) };
                history.remember(*generation, facts);
                if *generation <= last {
                    let group = group.id.as_str();
                    return breach!(
                        "grows",
                        "group {group}: generation {generation} began after {last}"
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
            Observation::MemberReplaced { new: id, .. }
            | Observation::ReplacementUndone { old: id, .. } => {
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
        ledger: &Ledger,
        asked: &Asked,
        answer: &JoinGroupResponse,
    ) -> Result<(), Breach> {
        let generation = Generation(answer.generation_id);
        let head = || {
            let group = ledger.group(asked.group).id.as_str();
            format!(
                "group {group}: JoinGroup of {} succeeded in generation {generation}",
                answer.member_id
            )
        };
        let group = ledger.group(asked.group);
        let came_back = |id: &StrBytes| group.displaced.values().any(|new| new.0 == *id);
        let known = asked.standing == Standing::Member || came_back(&answer.member_id);
        if Some(generation) != asked.next_generation && !(known && at_once(asked, generation)) {
            let next = asked.next_generation.map_or("none".to_owned(), |next| next.to_string());
            let newest = asked.generation;
            return breach!(
                "joined",
                "{}; asked in {newest} ({}), next was {next}",
                head(),
                asked.state
            );
        }
        let history = self.groups.get(&asked.group);
        let Some(facts) = history.and_then(|history| history.known.get(&generation)) else {
            return Ok(());
        };
        let leader = facts.leader.as_ref().map_or("", |leader| group.resolve(leader).as_str());
        // Who waits for the record of its replacement may be answered after the leader has gone and another
        // one was named (rule R8.8).
        let renamed = came_back(&answer.member_id)
            && !facts
                .leader
                .as_ref()
                .is_some_and(|leader| group.members.contains_key(group.resolve(leader)));
        if !renamed && leader != group.resolve(&MemberId(answer.leader.clone())).as_str() {
            return breach!(
                "leader",
                "{} with leader {}, but {leader} leads",
                head(),
                answer.leader
            );
        }
        if facts.protocol != answer.protocol_name {
            let (told, agreed) = (&answer.protocol_name, &facts.protocol);
            return breach!("protocol", "{} with assignor {told:?}, but it has {agreed:?}", head());
        }
        if !contains(&facts.members, &answer.member_id) {
            return breach!("includes", "{}, which does not include it", head());
        }
        Ok(())
    }

    /// Whether a broker that does not know of its successor is in that generation of the consumer's group, and
    /// may have repeated what was assigned in it.
    fn told_by_a_zombie(
        &self,
        ledger: &Ledger,
        consumer: ConsumerRef,
        generation: Generation,
    ) -> bool {
        self.consumers.get(&consumer).is_some_and(|group| {
            let mut all = ledger.incarnations(group);
            all.any(|(index, known)| known.generation == generation && !ledger.reigns(index))
        })
    }

    /// Whether a broker told of that generation of the consumer's group before its record was committed, and an
    /// election has taken it away.
    fn was_taken_away(
        &self,
        ledger: &Ledger,
        consumer: ConsumerRef,
        generation: Generation,
    ) -> bool {
        let group = self.consumers.get(&consumer);
        group.is_some_and(|group| ledger.may_come_twice(group, generation))
    }

    fn assigned(
        &mut self,
        ledger: &Ledger,
        consumer: ConsumerRef,
        member: &MemberId,
        generation: Generation,
    ) -> Result<(), Breach> {
        if let Some(last) = self.assigned.insert(member.clone(), generation)
            && generation < last
            && !self.told_by_a_zombie(ledger, consumer, generation)
            && !self.was_taken_away(ledger, consumer, last)
        {
            return breach!(
                "assigned-grows",
                "{member} was assigned in generation {generation} after {last}"
            );
        }
        let Some(group) = self.consumers.get(&consumer) else { return Ok(()) };
        let histories =
            || ledger.incarnations(group).filter_map(|(index, _)| self.groups.get(&index));
        // One that is forgotten may have included it, whatever others of that number did.
        let forgotten = histories().any(|history| history.has_forgotten(generation));
        let mut known = histories().filter_map(|one| one.known.get(&generation)).peekable();
        let unknown = forgotten || known.peek().is_none();
        match unknown || known.any(|facts| contains(&facts.members, &member.0)) {
            true => Ok(()),
            false => breach!(
                "assigned-includes",
                "{member} was assigned in generation {generation}, which does not include it"
            ),
        }
    }
}

/// From version 9 on nobody is told that somebody leads whose place another has (KIP-814).
fn knows_its_leader(group: &Group, version: i16, answer: &JoinGroupResponse) -> Result<(), Breach> {
    match version >= 9 && group.displaced.contains_key(&answer.leader) {
        false => Ok(()),
        true => breach!(
            "told-leader",
            "group {}: {} is told that {} leads, whose place another has taken",
            group.id.as_str(),
            answer.member_id,
            answer.leader
        ),
    }
}

/// A member of a generation may be answered at once when it brings nothing new (rules R6.1).
fn at_once(asked: &Asked, generation: Generation) -> bool {
    let settled = match asked.state {
        GroupState::CompletingRebalance | GroupState::Stable => true,
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => false,
    };
    settled && asked.generation == generation
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
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::invariant::story::{Story, join_answer};

    fn story() -> Story {
        Story::new("generation")
    }

    #[test]
    fn generations_grow() {
        story().generation(1, &["a"]).generation(2, &["a"]).holds();
        story().generation(2, &["a"]).generation(2, &["a"]).breaks("generation 2 began after 2");
        story().generation(2, &["a"]).generation(1, &["a"]).breaks("generation 1 began after 2");
    }

    #[test]
    fn another_incarnation_may_start_over() {
        story().generation(2, &["a"]).coordinator_started().generation(1, &["a"]).holds();
    }

    #[test]
    fn a_parked_join_is_answered_with_the_next_generation() {
        let mut story = story();
        story.generation(1, &["a"]).state(Stable, PreparingRebalance);
        let join = story.ask_join("a");
        story.generation(2, &["a"]).answer(join, join_answer("a", 2, "a", &[])).holds();
    }

    #[test]
    fn a_parked_join_answered_with_the_old_generation_breaks() {
        let mut story = story();
        story.generation(1, &["a"]).state(Stable, PreparingRebalance);
        let join = story.ask_join("a");
        story.generation(2, &["a"]).answer(join, join_answer("a", 1, "a", &[]));
        story.breaks("succeeded in generation 1; asked in 1 (PreparingRebalance), next was 2");
    }

    #[test]
    fn a_member_of_a_stable_group_may_be_answered_at_once() {
        let mut story = story();
        story.generation(1, &["a"]).stable();
        let join = story.ask_join("a");
        story.answer(join, join_answer("a", 1, "a", &[])).holds();
    }

    #[test]
    fn answers_agree_on_leader_assignor_and_members() {
        let answered = |answer| {
            let mut story = story();
            let join = story.ask_join("a");
            story.generation(1, &["a", "b"]).answer(join, answer);
            story
        };
        answered(join_answer("b", 1, "a", &[])).holds();
        answered(join_answer("b", 1, "b", &[])).breaks("with leader b, but a leads");
        answered(join_answer("x", 1, "a", &[])).breaks("which does not include it");
        let mut other = join_answer("b", 1, "a", &[]);
        if let crate::protocol::Response::JoinGroup(body) = &mut other {
            body.protocol_name = None;
        }
        answered(other).breaks("with assignor None");
    }

    #[test]
    fn assignments_never_go_back() {
        let mut story = story();
        story.started(0).generation(1, &["a"]).generation(2, &["a"]);
        story.assigned(0, "a", 2, &[]).assigned(0, "a", 2, &[]).holds();
        story.assigned(0, "a", 1, &[]).breaks("a was assigned in generation 1 after 2");
    }

    #[test]
    fn an_assignment_under_a_foreign_id_breaks() {
        let mut story = story();
        story.started(0).generation(1, &["a"]).assigned(0, "b", 1, &[]);
        story.breaks("does not include it");
    }

    /// The answer comes eight generations late, and an earlier term has had that number, too.
    #[test]
    fn of_a_generation_that_is_forgotten_nothing_is_said() {
        let after = |generations: std::ops::RangeInclusive<i32>| {
            let mut story = story();
            story.started(0).generation(1, &["a"]);
            story.elected(1).on(1).shard_active(1).generation(1, &["b"]);
            generations.for_each(|generation| {
                story.generation(generation, &["c"]);
            });
            story.assigned(0, "b", 1, &[]);
            story
        };
        after(2..=8).holds();
        after(2..=9).holds();
        let mut stranger = story();
        stranger.started(0).generation(1, &["a"]);
        stranger.elected(1).on(1).shard_active(1).generation(1, &["b"]).assigned(0, "x", 1, &[]);
        stranger.breaks("does not include it");
    }

    #[test]
    fn a_term_goes_on_from_what_it_loaded() {
        let members: &[(&str, &str, &[&str])] = &[("a", "", &[])];
        let taken_over = || {
            let mut story = story();
            story.generation(2, &["a"]).generation(3, &["a", "b"]);
            story.elected(1).on(1).shard_active(1).load(2, members);
            story
        };
        taken_over().generation(3, &["a"]).holds();
        taken_over().generation(2, &["a"]).breaks("generation 2 began after 2");
        let mut zombie = taken_over();
        zombie.generation(3, &["a"]).on(0).generation(4, &["a", "b"]).on(1).generation(4, &["a"]);
        zombie.holds();
    }

    #[test]
    fn a_static_member_that_comes_back_is_answered_at_once() {
        let mut story = story();
        story.added_static("a1", "i").generation(1, &["a1", "b"]).stable();
        let key = story.ask_join_static("", "i", &["range"]);
        story.replaced("i", "a1", "a2");
        // Up to version 8 the old id is named as leader.
        story.answer(key, join_answer("a2", 1, "a1", &[])).holds();
        let key = story.ask_join_static("", "k", &["range"]);
        story.answer(key, join_answer("x", 1, "a2", &[])).breaks("next was none");
    }

    #[test]
    fn who_has_its_place_back_is_in_the_generation_that_began_meanwhile() {
        let mut story = story();
        story.added_static("a1", "i").replaced("i", "a1", "a2").generation(1, &["a2", "b"]);
        story.undone("i", "a1", "a2").stable();
        let key = story.ask_join("a1");
        story.answer(key, join_answer("a1", 1, "a1", &[])).holds();
    }

    #[test]
    fn a_leader_is_told_what_its_members_bring() {
        let story = |named: &str| {
            let mut story = story();
            story.ask_join_static("", "i", &[named]);
            story.added_static("a", "i").generation(1, &["a"]);
            let key = story.ask_join_static("a", "i", &[named]);
            let mut answer = join_answer("a", 1, "a", &["a"]);
            if let crate::protocol::Response::JoinGroup(body) = &mut answer {
                body.members[0].metadata = bytes::Bytes::new();
            }
            story.answer(key, answer);
            story
        };
        story("range").holds();
        story("sticky").breaks("not those that it brought");
    }
}
