//! A generation number names one membership, and clients fence themselves by comparing it.
//!
//! Scope: one group, one coordinator incarnation (a coordinator that takes over may issue numbers again).
//! - Each completed join phase has a larger number than the last.
//! - A successful JoinGroup answer carries the generation that was the newest when the request was
//!   evaluated (a member of a generation may be answered at once) or the next one to begin (it was
//!   parked). It agrees with that generation on leader and assignor, and its member is in it.
//! - A consumer is assigned partitions only in a generation that includes its member id, and never in
//!   an older one than before under the same id. The same one twice is Kafka: a follower whose SyncGroup
//!   answer was lost rejoins and is given the generation it is in.
//!
//! Not said: that numbers grow by exactly one; which generation a heartbeat, commit or sync may name
//! (that is `fencing`'s); anything about answers that became visible more than eight generations late.

use std::collections::BTreeMap;

use crate::consumer;
use crate::coordinator::{GroupState, Observation};
use crate::protocol::{Generation, IndexMap, MemberId, Response, StrBytes};
use crate::trace::{ConsumerRef, Event, Kind, Place};
use kafka_protocol::messages::JoinGroupResponse;

use super::Invariant;
use super::ledger::{Asked, Ledger, Standing};

/// How many generations are remembered, for answers that become visible late.
const REMEMBERED: usize = 8;

#[derive(Default)]
pub(super) struct Generations {
    /// By the ledger's number of the group.
    groups: BTreeMap<usize, History>,
    assigned: IndexMap<MemberId, Generation>,
    consumers: IndexMap<ConsumerRef, crate::protocol::GroupId>,
}

type History = BTreeMap<Generation, Facts>;

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

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), String> {
        match (&event.kind, event.place) {
            (Kind::Coordinator(observation), _) => self.coordinator(ledger, observation),
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
                Ok(())
            }
            (Kind::Sent { .. }, _) => match ledger.answer(event) {
                Some((asked, _, Response::JoinGroup(answer))) if answer.error_code == 0 => {
                    self.joined(ledger, asked, answer)
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl Generations {
    fn coordinator(&mut self, ledger: &Ledger, observation: &Observation) -> Result<(), String> {
        let Observation::GenerationBegan { group, generation, protocol, leader, members, .. } =
            observation
        else {
            return Ok(());
        };
        let Some((index, _)) = ledger.find(group) else { return Ok(()) };
        let history = self.groups.entry(index).or_default();
        let last = history.last_key_value().map_or(Generation(0), |(last, _)| *last);
        if *generation <= last {
            let group = group.as_str();
            return Err(format!("group {group}: generation {generation} began after {last}"));
        }
        history.insert(
            *generation,
            Facts { leader: leader.clone(), protocol: protocol.clone(), members: sorted(members) },
        );
        if history.len() > REMEMBERED {
            history.pop_first();
        }
        Ok(())
    }

    fn joined(
        &self,
        ledger: &Ledger,
        asked: &Asked,
        answer: &JoinGroupResponse,
    ) -> Result<(), String> {
        let generation = Generation(answer.generation_id);
        let head = || {
            let group = ledger.group(asked.group).id.as_str();
            format!(
                "group {group}: JoinGroup of {} succeeded in generation {generation}",
                answer.member_id
            )
        };
        if Some(generation) != asked.next_generation && !at_once(asked, generation) {
            let next = asked.next_generation.map_or("none".to_owned(), |next| next.to_string());
            let newest = asked.generation;
            return Err(format!(
                "{}; asked in {newest} ({}), next was {next}",
                head(),
                asked.state
            ));
        }
        let Some(facts) = self.groups.get(&asked.group).and_then(|known| known.get(&generation))
        else {
            return Ok(());
        };
        let leader = facts.leader.as_ref().map_or("", MemberId::as_str);
        if leader != answer.leader.as_str() {
            return Err(format!("{} with leader {}, but {leader} leads", head(), answer.leader));
        }
        if facts.protocol != answer.protocol_name {
            let (told, agreed) = (&answer.protocol_name, &facts.protocol);
            return Err(format!("{} with assignor {told:?}, but it has {agreed:?}", head()));
        }
        if !contains(&facts.members, &answer.member_id) {
            return Err(format!("{}, which does not include it", head()));
        }
        Ok(())
    }

    fn assigned(
        &mut self,
        ledger: &Ledger,
        consumer: ConsumerRef,
        member: &MemberId,
        generation: Generation,
    ) -> Result<(), String> {
        if let Some(last) = self.assigned.insert(member.clone(), generation)
            && generation < last
        {
            return Err(format!("{member} was assigned in generation {generation} after {last}"));
        }
        let history = self
            .consumers
            .get(&consumer)
            .and_then(|group| ledger.find(group))
            .and_then(|(index, _)| self.groups.get(&index));
        match history.and_then(|history| history.get(&generation)) {
            Some(facts) if !contains(&facts.members, &member.0) => Err(format!(
                "{member} was assigned in generation {generation}, which does not include it"
            )),
            Some(_) | None => Ok(()),
        }
    }
}

/// A member of a generation may be answered at once when it brings nothing new (rules R6.1).
fn at_once(asked: &Asked, generation: Generation) -> bool {
    let settled = match asked.state {
        GroupState::CompletingRebalance | GroupState::Stable => true,
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => false,
    };
    settled && asked.standing == Standing::Member && asked.generation == generation
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
}
