//! When faults stop, a group comes to rest, and stays at rest.
//!
//! Scope:
//! - The world settles and drains within the bounds that the simulator computed; if not, its reasons are
//!   the message.
//! - After `calm` and the next `settle`, no rebalance storm: a group whose members are then exactly the
//!   healed consumers, with nobody else alive, comes to rest, and then begins no generation until
//!   something is done to it (a line of the schedule, a consumer that starts, stops, crashes, gives up or
//!   outlasts its poll interval, a topic that changes, a leader that is named). Until it is at rest it has twice the longest session, poll interval and
//!   request timeout of its consumers together, because a session that a fault cut off may yet expire,
//!   and a request that a fault held back may yet arrive. For each life of a consumer that ended before,
//!   two generations are let pass, and two more for the living: a request that a dead connection still
//!   held can add a member that nobody is, and its removal is the second.
//!
//! - A broker that leads no longer has learned of it by the end of the run, if faults ended with `calm` more than
//!   five minutes before, and no leader was named since.
//!
//! A group is not expected to be drained when all of its consumers that were healed have given up since: an error for
//! which a consumer gives up may be on its way when faults end.
//!
//! Judged are the incarnations of the brokers that lead; what a zombie does to its own is not.
//!
//! Not said: anything of groups in which a consumer that was not healed is still alive, or that have
//! members nobody answers for, because those may expire at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::consumer;
use crate::coordinator::Observation;
use crate::invariant::{Breach, breach};
use crate::protocol::{GroupId, MemberId};
use crate::time::{Pretty, Time};
use crate::trace::{ConsumerRef, Event, FaultKind, Kind, Place};

use super::Invariant;
use super::interest::Interest;
use super::ledger::Ledger;

/// How long a broker may take to learn that it leads no longer, when nothing keeps it from that. Seconds, in any world
/// but one that a script has made on purpose.
const LEARNED: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct Convergence {
    /// Since when every broker can learn who leads, once faults have stopped.
    informed: Option<Time>,
    alive: BTreeMap<ConsumerRef, Life>,
    /// How many lives of each group's consumers have ended.
    ended: BTreeMap<GroupId, u32>,
    core: Option<BTreeSet<ConsumerRef>>,
    /// The groups of which a consumer that was healed has given up since, for an error that was on its way by then.
    given_up: BTreeSet<GroupId>,
    /// The groups that come to rest.
    at_rest: BTreeMap<GroupId, Rest>,
}

struct Life {
    group: GroupId,
    member: Option<MemberId>,
    /// The longest that a fault can have an effect on it after it is over.
    memory: Duration,
}

struct Rest {
    /// When it is at rest.
    from: Time,
    /// How many more generations are let pass.
    allowed: u32,
}

impl Invariant for Convergence {
    fn name(&self) -> &'static str {
        "convergence"
    }

    fn statement(&self) -> &'static str {
        "after faults stop the group becomes stable within its bound, and stays so"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::LIVES)
            .and(Interest::FAULTS)
            .and(Interest::TERMS)
            .and(Interest::TOPICS)
            .and(Interest::SCHEDULE)
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        self.inform(event);
        match &event.kind {
            Kind::Finished => return self.over(ledger, event.at),
            Kind::NotSettled { within, waiting_for } => {
                let reasons = waiting_for.join("\n");
                return breach!("settles", "not settled within {}:\n{reasons}", Pretty(*within));
            }
            Kind::NotDrained { .. } if self.nobody_is_left() => {}
            Kind::NotDrained { within, waiting_for } => {
                let reasons = waiting_for.join("\n");
                return breach!("drains", "not drained within {}:\n{reasons}", Pretty(*within));
            }
            Kind::Calm { core } => self.core = Some(core.iter().copied().collect()),
            Kind::Settled { .. } => self.rest(ledger, event.at),
            Kind::Script { text, .. } if !only_watches(text) => self.at_rest.clear(),
            Kind::LeaderElected { .. } | Kind::TopicGrown { .. } | Kind::TopicDeleted { .. } => {
                self.at_rest.clear();
            }
            Kind::Coordinator(Observation::GenerationBegan { group, generation, .. })
                if ledger.observed().is_some_and(|(index, _)| ledger.reigns(index)) =>
            {
                return self.began(event.at, group, generation.0);
            }
            Kind::ConsumerStarted { .. }
            | Kind::ConsumerClosed
            | Kind::FaultBegan { .. }
            | Kind::Consumer(_) => self.consumer(event),
            _ => {}
        }
        Ok(())
    }
}

impl Convergence {
    fn inform(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (Kind::Calm { .. }, _) => self.informed = Some(event.at),
            (Kind::FaultBegan { .. }, Place::Broker(_) | Place::Controller) => self.informed = None,
            (Kind::LeaderElected { .. }, _) => {
                self.informed = self.informed.map(|_| event.at);
            }
            _ => {}
        }
    }

    /// Who leads no longer has learned of it.
    fn over(&self, ledger: &Ledger, now: Time) -> Result<(), Breach> {
        let informed = self.informed.is_some_and(|since| since + LEARNED < now);
        match ledger.overstayed().find(|_| informed) {
            None => Ok(()),
            Some((broker, shard)) => breach!(
                "learns",
                "{broker} still coordinates partition {} in epoch {}, long after another was named",
                shard.partition,
                shard.epoch
            ),
        }
    }

    fn consumer(&mut self, event: &Event) {
        let Place::Consumer(consumer) = event.place else { return };
        match &event.kind {
            Kind::ConsumerStarted { config, .. } => {
                self.at_rest.remove(&config.group);
                let memory = 2
                    * (config.session_timeout + config.max_poll_interval + config.request_timeout);
                let life = Life { group: config.group.clone(), member: None, memory };
                self.alive.insert(consumer, life);
            }
            Kind::ConsumerClosed | Kind::FaultBegan { fault: FaultKind::Crash, .. } => {
                if let Some(life) = self.alive.remove(&consumer) {
                    self.at_rest.remove(&life.group);
                    *self.ended.entry(life.group).or_default() += 1;
                }
            }
            Kind::FaultBegan { .. } => self.disturbed(consumer),
            Kind::Consumer(observation) => self.observe(consumer, observation),
            _ => {}
        }
    }

    fn observe(&mut self, consumer: ConsumerRef, observation: &consumer::Observation) {
        match observation {
            consumer::Observation::Assigned { member, .. } => {
                if let Some(life) = self.alive.get_mut(&consumer) {
                    life.member = Some(member.clone());
                }
            }
            consumer::Observation::PollTimeout => self.disturbed(consumer),
            consumer::Observation::Fatal { .. } => {
                self.disturbed(consumer);
                if self.core.as_ref().is_some_and(|core| core.contains(&consumer)) {
                    let group = self.alive.get(&consumer).map(|life| life.group.clone());
                    self.given_up.extend(group);
                }
            }
            _ => {}
        }
    }

    /// Whether all who were to read on in some group have given up. Whether they had a reason is `reason`'s to
    /// judge.
    fn nobody_is_left(&self) -> bool {
        let core = self.core.iter().flatten();
        let living: BTreeSet<&GroupId> =
            core.filter_map(|one| self.alive.get(one)).map(|life| &life.group).collect();
        self.given_up.iter().any(|group| !living.contains(group))
    }

    fn disturbed(&mut self, consumer: ConsumerRef) {
        if let Some(life) = self.alive.get(&consumer) {
            self.at_rest.remove(&life.group);
        }
    }

    /// Finds the groups that have no reason to move any more.
    fn rest(&mut self, ledger: &Ledger, now: Time) {
        let Some(core) = &self.core else { return };
        let groups: BTreeSet<&GroupId> = self.alive.values().map(|life| &life.group).collect();
        for id in groups {
            let lives = || self.alive.iter().filter(|(_, life)| life.group == *id);
            let Some((_, group)) = ledger.find(id) else { continue };
            let members: BTreeSet<&MemberId> =
                lives().filter_map(|(_, life)| life.member.as_ref()).collect();
            let known = group.members.len() == members.len()
                && members.iter().all(|member| group.members.contains_key(*member));
            if known && lives().all(|(consumer, _)| core.contains(consumer)) {
                let ended = self.ended.get(id).copied().unwrap_or_default();
                let memory = lives().map(|(_, life)| life.memory).max().unwrap_or_default();
                let rest = Rest { from: now + memory, allowed: 2 + 2 * ended };
                self.at_rest.entry(id.clone()).or_insert(rest);
            }
        }
    }

    fn began(&mut self, now: Time, group: &GroupId, generation: i32) -> Result<(), Breach> {
        match self.at_rest.get_mut(group) {
            None => Ok(()),
            Some(rest) if now < rest.from => Ok(()),
            Some(Rest { allowed: 0, .. }) => breach!(
                "rests",
                "group {}: generation {generation} began although the group was at rest and nothing \
                 was done to it",
                group.as_str()
            ),
            Some(rest) => {
                rest.allowed -= 1;
                Ok(())
            }
        }
    }
}

/// Whether a line of the schedule lets time pass or looks, and does nothing to anybody.
fn only_watches(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let mut verb = words.next();
    if verb == Some("at") {
        verb = words.nth(1);
    }
    matches!(verb, Some("settle" | "drain" | "expect" | "advance"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::consumer::Observation;
    use crate::invariant::story::{Story, consumer_ref};
    use crate::trace::Kind;

    fn at_rest() -> Story {
        let mut story = Story::new("convergence");
        story.started(0).generation(1, &["a"]).assigned(0, "a", 1, &[]);
        story.schedule(Kind::Calm { core: vec![consumer_ref(0)] });
        story.schedule(Kind::Settled { took: Duration::ZERO });
        story.generation(2, &["a"]).generation(3, &["a"]).generation(4, &["a"]).holds();
        story.at(2 * (45_000 + 300_000 + 30_000));
        story
    }

    #[test]
    fn an_unsettled_world_breaks_with_its_reasons() {
        let within = Duration::from_secs(60);
        let waiting_for = vec!["c1 waits".to_owned(), "no sync timer".to_owned()];
        Story::new("convergence")
            .schedule(Kind::NotSettled { within, waiting_for: waiting_for.clone() })
            .breaks("not settled within 1m:\nc1 waits\nno sync timer");
        Story::new("convergence")
            .schedule(Kind::NotDrained { within, waiting_for })
            .breaks("not drained");
    }

    #[test]
    fn where_all_have_given_up_since_nobody_reads_on() {
        let given_up = |count: u16| {
            let mut story = Story::new("convergence");
            story.started(0).started(1);
            story.schedule(Kind::Calm { core: vec![consumer_ref(0), consumer_ref(1)] });
            for index in 0..count {
                story.consumer(index, Observation::Fatal { error: 13 });
                story.at_consumer(index, Kind::ConsumerClosed);
            }
            let waiting_for = vec!["group g has processed t-0 to 6 of 17".to_owned()];
            story.schedule(Kind::NotDrained { within: Duration::from_secs(60), waiting_for });
            story
        };
        given_up(2).holds();
        given_up(1).breaks("not drained");
    }

    #[test]
    fn a_storm_at_rest_breaks() {
        at_rest().generation(5, &["a"]).generation(6, &["a"]).holds();
        at_rest()
            .generation(5, &["a"])
            .generation(6, &["a"])
            .generation(7, &["a"])
            .breaks("at rest");
    }

    #[test]
    fn what_the_schedule_or_an_application_causes_is_no_storm() {
        let mut joined = at_rest();
        joined.generation(5, &["a"]).generation(6, &["a"]);
        joined.schedule(Kind::Script { line: 9, text: "join c2".into() });
        joined.generation(7, &["a"]).generation(8, &["a"]).generation(9, &["a"]).holds();
        let mut watched = at_rest();
        watched.schedule(Kind::Script { line: 9, text: "at 90s drain".into() });
        watched.generation(5, &["a"]).generation(6, &["a"]).generation(7, &["a"]).breaks("at rest");
        let mut slow = at_rest();
        slow.consumer(0, Observation::PollTimeout);
        slow.generation(5, &["a"]).generation(6, &["a"]).generation(7, &["a"]).holds();
    }

    #[test]
    fn a_group_with_a_member_that_nobody_is_may_move() {
        let mut story = Story::new("convergence");
        story.started(0).generation(1, &["a", "ghost"]).assigned(0, "a", 1, &[]);
        story.schedule(Kind::Calm { core: vec![consumer_ref(0)] });
        story.schedule(Kind::Settled { took: Duration::ZERO }).at(900_000);
        story.generation(2, &["a"]).generation(3, &["a"]).generation(4, &["a"]).holds();
    }
}
