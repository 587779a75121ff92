//! When faults stop, a group becomes stable and stays stable.
//!
//! Scope:
//! - The run settles and drains within the bounds that the simulator computed; if not, the message
//!   lists what the simulator waits for.
//! - After `quiesce` and the next `settle` there is no rebalance storm. A group whose members are
//!   then exactly the healed consumers, with no other consumer running, becomes quiescent. From
//!   then on it begins no generation until something happens to it: a step of the schedule, a
//!   consumer that starts, stops, crashes, gives up or exceeds its poll interval, a topic that
//!   changes, an election. It becomes quiescent after twice the sum of the longest session timeout,
//!   poll interval and request timeout of its consumers, because a session that a fault cut off may
//!   still expire, and a request that a fault delayed may still arrive. Two generations are
//!   permitted for each incarnation of a consumer that ended before, and two more for the running
//!   ones: a request in flight on a dead connection can add a member that no process stands for,
//!   and its removal is the second generation.
//! - A broker that no longer leads has learned this by the end of the run, if faults ended with
//!   `quiesce` more than five minutes before and no election followed.
//!
//! A group is not expected to settle or drain while it has a static member without a process and a
//! client that gives up joining before the join phase ends, and comes back as another member
//! ([`Impatience`] says when exactly).
//!
//! A group is not expected to drain when all of its healed consumers have given up since: an error
//! for which a consumer gives up may be in flight when faults end.
//!
//! Only the incarnations of groups at current leaders are judged, not those at zombies.
//!
//! | rule | violated when |
//! |---|---|
//! | `settles` | the run does not settle within its bound |
//! | `drains` | the run does not drain within its bound |
//! | `rests` | a quiescent group begins a generation though nothing happened to it |
//! | `learns` | a broker still coordinates that no longer leads |
//!
//! Not said: anything about groups in which a consumer that was not healed is still running, or
//! that have members no process stands for, because those may expire at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::client;
use crate::coordinator::{ClassicObservation, Observation};
use crate::invariant::{Breach, breach};
use crate::protocol::{Api, GroupId, MemberId};
use crate::time::{Pretty, Time};
use crate::trace::{Awaited, ConsumerRef, Event, EventKind, FaultKind, Place};

use crate::invariant::Invariant;
mod impatience;

use crate::invariant::interest::Interest;
use crate::model::Model;
use impatience::Impatience;

/// The time a broker may take to learn that it no longer leads, when no fault keeps it from that.
/// It takes seconds, except where a script delays it on purpose.
const LEARNED: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(in crate::invariant) struct Convergence {
    /// Since when every broker can learn the current leaders, once faults have stopped.
    can_learn_since: Option<Time>,
    running: BTreeMap<ConsumerRef, Incarnation>,
    /// The number of incarnations of each group's consumers that have ended.
    ended: BTreeMap<GroupId, u32>,
    core: Option<BTreeSet<ConsumerRef>>,
    /// The groups of which a healed consumer has given up since, for an error that was in flight
    /// when faults stopped.
    given_up: BTreeSet<GroupId>,
    impatience: Impatience,
    /// The groups that were excused from settling since the run last settled.
    excused: BTreeSet<GroupId>,
    /// The groups that become quiescent.
    quiescent: BTreeMap<GroupId, Quiescence>,
}

struct Incarnation {
    group: GroupId,
    member: Option<MemberId>,
    /// The longest time that a fault can affect this consumer after the fault has ended.
    fault_memory: Duration,
}

/// When a group must stop rebalancing.
struct Quiescence {
    /// From when on the group is quiescent.
    from: Time,
    /// The number of generations that are still permitted.
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
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .and(Interest::TERMS)
            .and(Interest::TOPICS)
            .and(Interest::SCHEDULE)
            .requests(&[Api::JoinGroup])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        self.note_elections(event);
        self.impatience.observe(model, event);
        match &event.kind {
            EventKind::Finished => return self.at_end(model, event.at),
            EventKind::NotSettled { waiting_for, .. } if self.excuses(model, waiting_for) => {}
            EventKind::NotSettled { within, waiting_for } => {
                let reasons = lines(waiting_for);
                return breach!(
                    "settles",
                    "the run did not settle within {}; it waits for:\n{reasons}",
                    Pretty(*within)
                );
            }
            EventKind::NotDrained { .. } if self.all_gave_up() => {}
            EventKind::NotDrained { waiting_for, .. } if self.excuses(model, waiting_for) => {}
            EventKind::NotDrained { within, waiting_for } => {
                let reasons = lines(waiting_for);
                return breach!(
                    "drains",
                    "the run did not drain within {}; it waits for:\n{reasons}",
                    Pretty(*within)
                );
            }
            EventKind::Quiesced { core } => self.core = Some(core.iter().copied().collect()),
            EventKind::Settled { .. } => {
                self.excused.clear();
                self.note_quiescent(model, event.at);
            }
            EventKind::Script { text, .. } if !only_observes(text) => self.quiescent.clear(),
            EventKind::LeaderElected { .. }
            | EventKind::TopicGrown { .. }
            | EventKind::TopicDeleted { .. } => {
                self.quiescent.clear();
            }
            EventKind::Coordinator(Observation::Classic(ClassicObservation::GenerationBegan {
                group,
                generation,
                ..
            })) if model.observed().is_some_and(|(index, _)| model.is_current_leader(index)) => {
                return self.began(event.at, group, generation.0);
            }
            EventKind::ConsumerStarted { .. }
            | EventKind::ConsumerClosed
            | EventKind::FaultBegan { .. }
            | EventKind::Consumer(_) => self.consumer(event),
            _ => {}
        }
        Ok(())
    }
}

impl Convergence {
    fn note_elections(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (EventKind::Quiesced { .. }, _) => self.can_learn_since = Some(event.at),
            (EventKind::FaultBegan { .. }, Place::Broker(_) | Place::Controller) => {
                self.can_learn_since = None
            }
            (EventKind::LeaderElected { .. }, _) => {
                self.can_learn_since = self.can_learn_since.map(|_| event.at);
            }
            _ => {}
        }
    }

    /// Checks that every broker that no longer leads has learned it.
    fn at_end(&self, model: &Model, now: Time) -> Result<(), Breach> {
        let can_learn_since = self.can_learn_since.is_some_and(|since| since + LEARNED < now);
        match model.zombie_terms().find(|_| can_learn_since) {
            None => Ok(()),
            Some((broker, term)) => breach!(
                "learns",
                "{broker} still coordinates partition {} in epoch {}, more than {} after another \
                 leader was elected",
                term.partition,
                term.epoch,
                Pretty(LEARNED)
            ),
        }
    }

    fn consumer(&mut self, event: &Event) {
        let Place::Consumer(consumer) = event.place else { return };
        match &event.kind {
            EventKind::ConsumerStarted { config, .. } => {
                self.quiescent.remove(&config.group);
                let fault_memory = 2
                    * (config.session_timeout + config.max_poll_interval + config.request_timeout);
                let incarnation =
                    Incarnation { group: config.group.clone(), member: None, fault_memory };
                self.running.insert(consumer, incarnation);
            }
            EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                if let Some(incarnation) = self.running.remove(&consumer) {
                    self.quiescent.remove(&incarnation.group);
                    *self.ended.entry(incarnation.group).or_default() += 1;
                }
            }
            EventKind::FaultBegan { .. } => self.disturbed(consumer),
            EventKind::Consumer(observation) => self.observe(consumer, observation),
            _ => {}
        }
    }

    fn observe(&mut self, consumer: ConsumerRef, observation: &client::ClientObservation) {
        match observation {
            client::ClientObservation::Assigned { member, .. } => {
                if let Some(incarnation) = self.running.get_mut(&consumer) {
                    incarnation.member = Some(member.clone());
                }
            }
            client::ClientObservation::PollTimeout => self.disturbed(consumer),
            client::ClientObservation::Fatal { .. } => {
                self.disturbed(consumer);
                if self.core.as_ref().is_some_and(|core| core.contains(&consumer)) {
                    let group =
                        self.running.get(&consumer).map(|incarnation| incarnation.group.clone());
                    self.given_up.extend(group);
                }
            }
            _ => {}
        }
    }

    /// Whether in some group all consumers that were to keep reading have given up. Whether they
    /// had a cause is `rejoin-cause`'s claim.
    fn all_gave_up(&self) -> bool {
        let core = self.core.iter().flatten();
        let living: BTreeSet<&GroupId> = core
            .filter_map(|one| self.running.get(one))
            .map(|incarnation| &incarnation.group)
            .collect();
        self.given_up.iter().any(|group| !living.contains(group))
    }

    /// Whether everything that the run waits for is about groups that need not settle. A group that
    /// was excused has lost time, and until the next time that the run settles it need not drain.
    fn excuses(&mut self, model: &Model, waiting_for: &[Awaited]) -> bool {
        let groups = waiting_for.iter().filter_map(|one| one.group.as_ref());
        self.excused.extend(groups.filter(|id| self.impatience.may_never_end(model, id)).cloned());
        let mut groups = waiting_for.iter().map(|one| one.group.as_ref());
        !waiting_for.is_empty()
            && groups.all(|group| group.is_some_and(|group| self.excused.contains(group)))
    }

    fn disturbed(&mut self, consumer: ConsumerRef) {
        if let Some(incarnation) = self.running.get(&consumer) {
            self.quiescent.remove(&incarnation.group);
        }
    }

    /// Finds the groups that have no cause for another rebalance.
    fn note_quiescent(&mut self, model: &Model, now: Time) {
        let Some(core) = &self.core else { return };
        let groups: BTreeSet<&GroupId> =
            self.running.values().map(|incarnation| &incarnation.group).collect();
        for id in groups {
            let incarnations =
                || self.running.iter().filter(|(_, incarnation)| incarnation.group == *id);
            let Some((_, group)) = model.find(id) else { continue };
            let members: BTreeSet<&MemberId> =
                incarnations().filter_map(|(_, incarnation)| incarnation.member.as_ref()).collect();
            let known = group.members.len() == members.len()
                && members.iter().all(|member| group.members.contains_key(*member));
            if known && incarnations().all(|(consumer, _)| core.contains(consumer)) {
                let ended = self.ended.get(id).copied().unwrap_or_default();
                let fault_memory = incarnations()
                    .map(|(_, incarnation)| incarnation.fault_memory)
                    .max()
                    .unwrap_or_default();
                let quiescence = Quiescence { from: now + fault_memory, allowed: 2 + 2 * ended };
                self.quiescent.entry(id.clone()).or_insert(quiescence);
            }
        }
    }

    fn began(&mut self, now: Time, group: &GroupId, generation: i32) -> Result<(), Breach> {
        match self.quiescent.get_mut(group) {
            None => Ok(()),
            Some(quiescence) if now < quiescence.from => Ok(()),
            Some(Quiescence { allowed: 0, .. }) => breach!(
                "rests",
                "group {}: generation {generation} began although the group was quiescent and nothing \
                 happened to it",
                group.as_str()
            ),
            Some(quiescence) => {
                quiescence.allowed -= 1;
                Ok(())
            }
        }
    }
}

fn lines(waiting_for: &[Awaited]) -> String {
    let lines: Vec<_> = waiting_for.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Whether a step of the schedule only lets time pass or observes.
fn only_observes(line: &str) -> bool {
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

    use crate::client::ClientObservation;
    use crate::invariant::trace_builder::{TraceBuilder, consumer_ref};
    use crate::trace::{Awaited, EventKind};

    fn awaited(what: &str) -> Awaited {
        Awaited { group: None, what: what.to_owned() }
    }

    fn quiescent() -> TraceBuilder {
        let mut trace = TraceBuilder::new("convergence");
        trace.started(0).generation(1, &["a"]).assigned(0, "a", 1, &[]);
        trace.schedule(EventKind::Quiesced { core: vec![consumer_ref(0)] });
        trace.schedule(EventKind::Settled { took: Duration::ZERO });
        trace.generation(2, &["a"]).generation(3, &["a"]).generation(4, &["a"]).holds();
        trace.at(2 * (45_000 + 300_000 + 30_000));
        trace
    }

    #[test]
    fn a_run_that_does_not_settle_breaks_with_the_causes() {
        let within = Duration::from_secs(60);
        let waiting_for = vec![awaited("c1 waits"), awaited("no sync timer")];
        TraceBuilder::new("convergence")
            .schedule(EventKind::NotSettled { within, waiting_for: waiting_for.clone() })
            .breaks("did not settle within 1m; it waits for:\nc1 waits\nno sync timer");
        TraceBuilder::new("convergence")
            .schedule(EventKind::NotDrained { within, waiting_for })
            .breaks("did not drain");
    }

    #[test]
    fn a_group_whose_consumers_have_all_given_up_need_not_drain() {
        let given_up = |count: u16| {
            let mut trace = TraceBuilder::new("convergence");
            trace.started(0).started(1);
            trace.schedule(EventKind::Quiesced { core: vec![consumer_ref(0), consumer_ref(1)] });
            for index in 0..count {
                trace.consumer(index, ClientObservation::Fatal { error: 13 });
                trace.at_consumer(index, EventKind::ConsumerClosed);
            }
            let waiting_for = vec![awaited("group g has processed t-0 to 6 of 17")];
            trace.schedule(EventKind::NotDrained { within: Duration::from_secs(60), waiting_for });
            trace
        };
        given_up(2).holds();
        given_up(1).breaks("did not drain");
    }

    #[test]
    fn a_rebalance_storm_in_a_quiescent_group_breaks() {
        quiescent().generation(5, &["a"]).generation(6, &["a"]).holds();
        quiescent()
            .generation(5, &["a"])
            .generation(6, &["a"])
            .generation(7, &["a"])
            .breaks("quiescent");
    }

    #[test]
    fn rebalances_caused_by_the_schedule_or_an_application_are_no_storm() {
        let mut joined = quiescent();
        joined.generation(5, &["a"]).generation(6, &["a"]);
        joined.schedule(EventKind::Script { line: 9, text: "join c2".into() });
        joined.generation(7, &["a"]).generation(8, &["a"]).generation(9, &["a"]).holds();
        let mut watched = quiescent();
        watched.schedule(EventKind::Script { line: 9, text: "at 90s drain".into() });
        watched
            .generation(5, &["a"])
            .generation(6, &["a"])
            .generation(7, &["a"])
            .breaks("quiescent");
        let mut slow = quiescent();
        slow.consumer(0, ClientObservation::PollTimeout);
        slow.generation(5, &["a"]).generation(6, &["a"]).generation(7, &["a"]).holds();
    }

    #[test]
    fn a_group_with_a_member_that_no_process_stands_for_may_rebalance() {
        let mut trace = TraceBuilder::new("convergence");
        trace.started(0).generation(1, &["a", "ghost"]).assigned(0, "a", 1, &[]);
        trace.schedule(EventKind::Quiesced { core: vec![consumer_ref(0)] });
        trace.schedule(EventKind::Settled { took: Duration::ZERO }).at(900_000);
        trace.generation(2, &["a"]).generation(3, &["a"]).generation(4, &["a"]).holds();
    }
}
