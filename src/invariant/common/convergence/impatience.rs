//! Clients that give up joining before the join phase ends, and come back as another member.
//!
//! A client waits for its JoinGroup response as long as *it* may take to rejoin, plus 5 s, or the
//! request timeout (rule R13.1.5); one of version 0 takes its session timeout for the former
//! (R6.1.16). A join phase may last as long as the slowest member may take (R5.4, R7.7), and that
//! may be longer. Then a client that has not learned its member id, and that the coordinator adds
//! at once (R6.1.8, R8.1, R8.2), may come back when the phase is over, and start another one under
//! a new id. Mostly that phase is short, because all others rejoin at once. But a static member
//! without a process makes it last as long as the first; and the end of each phase restarts the
//! session of that member (R5.1), which never expires if it is longer than a phase. So as long as
//! the client comes back too late each time, one rebalance follows the other, and each rule is
//! kept. A client with a short backoff soon comes back in time; one whose backoff (R13.2.10) is
//! longer than the rest of the phase need not. From version 4 on a dynamic member learns its id
//! before it waits (KIP-394), and keeps its place.
//!
//! The trace shows each of these conditions. This file judges nothing: `convergence` asks it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{ClientObservation, ConsumerConfig};
use crate::protocol::{Generation, GroupId, Request};
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Place};

use crate::model::{Group, Member, Model};

/// The time that a client adds to the rebalance timeout before it gives up a JoinGroup.
const JOIN_SLACK: Duration = Duration::from_secs(5);

/// The consumers that have processes, and their attempts to join without a member id.
#[derive(Default)]
pub(super) struct Impatience(BTreeMap<ConsumerRef, Process>);

struct Process {
    config: Arc<ConsumerConfig>,
    attempt: Option<Attempt>,
}

/// The last JoinGroup without a member id of a client that would be added at once.
struct Attempt {
    /// The incarnation that handled it, and its generation then.
    group: usize,
    generation: Generation,
    /// Whether a generation began after an earlier such attempt, and before this one.
    came_too_late: bool,
}

impl Impatience {
    pub(super) fn observe(&mut self, model: &Model, event: &Event) {
        match (&event.kind, event.place) {
            (EventKind::ConsumerStarted { config, .. }, Place::Consumer(consumer)) => {
                self.0.insert(consumer, Process { config: config.clone(), attempt: None });
            }
            (
                EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. },
                Place::Consumer(consumer),
            ) => {
                self.0.remove(&consumer);
            }
            (EventKind::Received { .. }, _) => self.on_request(model, event),
            // This time it came back before the phase was over.
            (
                EventKind::Consumer(ClientObservation::Assigned { .. }),
                Place::Consumer(consumer),
            ) => {
                if let Some(process) = self.0.get_mut(&consumer) {
                    process.attempt = None;
                }
            }
            _ => {}
        }
    }

    fn on_request(&mut self, model: &Model, event: &Event) {
        let Some((context, request)) = model.request(event) else { return };
        let (Request::JoinGroup(body), Place::Consumer(consumer)) = (&request.body, context.from)
        else {
            return;
        };
        let Some(process) = self.0.get_mut(&consumer) else { return };
        let last = process.attempt.take();
        let added_at_once = request.version < 4 || body.group_instance_id.is_some();
        if body.member_id.is_empty() && added_at_once {
            let (group, generation) = (context.group, context.generation);
            let came_too_late = last.is_some_and(|last| {
                last.group == group && (last.came_too_late || last.generation < generation)
            });
            process.attempt = Some(Attempt { group, generation, came_too_late });
        }
    }

    /// Whether the group may rebalance again and again without a fault: a static member without a
    /// process, whose session is longer than a join phase, makes each join phase last as long as it
    /// may; and a client that waits less long for its response has come back too late for one.
    pub(super) fn may_never_end(&self, model: &Model, id: &GroupId) -> bool {
        let Some((index, group)) = model.find(id) else { return false };
        let longest = group.rebalance_timeout();
        let mut members = group.members.values();
        let mut processes = self.0.values().filter(|process| process.config.group == *id);
        members.any(|member| member.session > longest && self.is_absent(group, member))
            && processes.any(|process| {
                let late = process.attempt.as_ref();
                late.is_some_and(|attempt| attempt.group == index && attempt.came_too_late)
                    && patience(&process.config) < longest
            })
    }

    /// Whether this is a static member without a process.
    fn is_absent(&self, group: &Group, member: &Member) -> bool {
        let mut processes = self.0.values().filter(|process| process.config.group == group.id);
        member.instance.is_some()
            && processes.all(|process| process.config.instance_id != member.instance)
    }
}

/// How long a client waits for a JoinGroup response (rules R13.1.5, R6.1.16).
fn patience(config: &ConsumerConfig) -> Duration {
    let allowed = match config.join_version {
        0 => config.session_timeout,
        _ => config.max_poll_interval,
    };
    config.request_timeout.max(allowed + JOIN_SLACK)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::client::ConsumerConfig;
    use crate::invariant::trace_builder::TraceBuilder;
    use crate::protocol::{GroupId, str_bytes};
    use crate::trace::{Awaited, EventKind};

    fn group() -> GroupId {
        GroupId(str_bytes("g"))
    }

    fn old(config: &mut ConsumerConfig) {
        config.join_version = 0;
        config.request_timeout = Duration::from_secs(10);
        config.session_timeout = Duration::from_secs(6);
    }

    /// Static member s has a session of this length and no process. Join phases last 20 s.
    fn absent(session: u64) -> TraceBuilder {
        let mut trace = TraceBuilder::new("convergence");
        trace.rebalance(20_000).session(session).added_static("s", "i").generation(1, &["s"]);
        trace.rebalance(6_000).session(6_000);
        trace
    }

    fn not_settled(groups: &[Option<GroupId>]) -> EventKind {
        let awaited = |group: &Option<GroupId>| Awaited { group: group.clone(), what: "x".into() };
        let waiting_for = groups.iter().map(awaited).collect();
        EventKind::NotSettled { within: Duration::from_secs(60), waiting_for }
    }

    impl TraceBuilder {
        /// Consumer 0 joins, is left out of generation 2, and joins again under this id.
        fn comes_back(&mut self, id: &str) -> &mut Self {
            self.request_join("");
            self.added("a").generation(2, &["s", "a"]).request_join(id);
            self
        }

        fn settles_never(&mut self) -> &mut Self {
            self.schedule(not_settled(&[Some(group())]))
        }
    }

    #[test]
    fn a_group_need_not_settle_while_a_client_gives_up_before_an_absent_member_expires() {
        absent(21_000).started_with(0, old).version(0).comes_back("").settles_never().holds();
        let version_3 = |config: &mut ConsumerConfig| {
            (config.join_version, config.max_poll_interval) = (3, Duration::from_secs(14));
            config.request_timeout = Duration::from_secs(10);
        };
        absent(21_000).started_with(0, version_3).version(3).comes_back("").settles_never().holds();
        let mut of_instance = absent(21_000);
        of_instance.started_with(0, old).request_join_static("", "j", &[]);
        of_instance.added_static("a", "j").generation(2, &["s", "a"]);
        of_instance.request_join_static("", "j", &[]);
        of_instance.settles_never().holds();
    }

    #[test]
    fn a_client_that_waits_as_long_as_the_join_phase_lasts_is_no_excuse() {
        let patient = |config: &mut ConsumerConfig| {
            old(config);
            config.request_timeout = Duration::from_secs(20);
        };
        let mut trace = absent(21_000);
        trace.started_with(0, patient).version(0).comes_back("").settles_never();
        trace.breaks("did not settle");
        let slow = |config: &mut ConsumerConfig| {
            old(config);
            config.session_timeout = Duration::from_secs(15);
        };
        let mut trace = absent(21_000);
        trace.started_with(0, slow).version(0).comes_back("").settles_never();
        trace.breaks("did not settle");
    }

    #[test]
    fn a_client_that_has_an_id_or_comes_back_in_time_is_no_excuse() {
        let mut known = absent(21_000);
        known.started_with(0, old).version(0).comes_back("a").settles_never();
        known.breaks("did not settle");
        let mut informed = absent(21_000);
        informed
            .started_with(0, old)
            .version(4)
            .comes_back("")
            .settles_never()
            .breaks("did not settle");
        let mut in_time = absent(21_000);
        in_time.started_with(0, old).version(0).request_join("");
        in_time.added("a").request_join("");
        in_time.settles_never().breaks("did not settle");
        let mut joined = absent(21_000);
        joined.started_with(0, old).version(0).comes_back("").assigned(0, "a", 2, &[]);
        joined.settles_never().breaks("did not settle");
        let mut gone = absent(21_000);
        gone.started_with(0, old).version(0).comes_back("");
        gone.at_consumer(0, EventKind::ConsumerClosed).settles_never().breaks("did not settle");
    }

    #[test]
    fn a_member_that_has_a_process_or_expires_or_is_not_static_is_no_excuse() {
        let mut expires = absent(20_000);
        expires.started_with(0, old).version(0).comes_back("").settles_never();
        expires.breaks("did not settle");
        let mut present = absent(21_000);
        present.started_with(1, |config| config.instance_id = Some(str_bytes("i")));
        present.started_with(0, old).version(0).comes_back("").settles_never();
        present.breaks("did not settle");
        let mut dynamic = TraceBuilder::new("convergence");
        dynamic.rebalance(20_000).session(21_000).generation(1, &["s"]);
        dynamic.rebalance(6_000).started_with(0, old).version(0).comes_back("").settles_never();
        dynamic.breaks("did not settle");
    }

    #[test]
    fn other_groups_and_the_log_are_not_excused() {
        for other in [Some(GroupId(str_bytes("h"))), None] {
            let mut trace = absent(21_000);
            trace.started_with(0, old).version(0).comes_back("");
            trace.schedule(not_settled(&[Some(group()), other])).breaks("did not settle");
        }
    }

    /// As of a coordinator that shows nothing of its groups.
    #[test]
    fn a_run_without_a_reason_is_not_excused() {
        let mut trace = absent(21_000);
        trace.started_with(0, old).version(0).comes_back("");
        trace.schedule(not_settled(&[])).breaks("did not settle");
    }

    #[test]
    fn an_excused_group_need_not_drain_until_the_run_settles() {
        let drains = |settled: bool| {
            let mut trace = absent(21_000);
            trace.started_with(0, old).version(0).comes_back("").settles_never();
            trace.assigned(0, "b", 3, &[]).request_join("b");
            if settled {
                trace.schedule(EventKind::Settled { took: Duration::ZERO });
            }
            let waiting_for = vec![Awaited::of(&group(), "x".into())];
            trace.schedule(EventKind::NotDrained { within: Duration::from_secs(60), waiting_for });
            trace
        };
        drains(false).holds();
        drains(true).breaks("did not drain");
    }
}
