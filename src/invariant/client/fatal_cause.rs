//! A client that gives up for good stops reading, and its group goes on with one member less. So it
//! does this only for an error that it can do nothing about.
//!
//! Scope: consumers of the run, judged by the responses that they received.
//!
//! | rule | violated when |
//! |---|---|
//! | `fatal-unheard` | a client gives up for an error that it had not received |
//! | `fatal-transient` | a client gives up for an error that passes, or that another join ends |
//!
//! Not said: that a plan has an assignment for every member of a group once a number of its
//! generations was issued twice, since a plan for the first is taken for one of the second
//! (R11.13), or once a replacement in it was undone, which a leader does not learn (R8.9). From
//! then on its members may give up for UNKNOWN_SERVER_ERROR, which a plan without them means.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::{ClientObservation, ConsumerConfig};
use crate::coordinator::{ClassicObservation, Observation};
use crate::invariant::interest::{GROUP_APIS, Interest};
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{Model, exchange};
use crate::protocol::{Api, Generation, GroupId, ResponseError as E};
use crate::trace::{Event, EventKind};

use super::conduct::Incarnations;

/// The errors that are transient, or end with another join.
const TRANSIENT: [E; 10] = [
    E::CoordinatorLoadInProgress,
    E::CoordinatorNotAvailable,
    E::NotCoordinator,
    E::NotLeaderOrFollower,
    E::RequestTimedOut,
    E::UnstableOffsetCommit,
    E::UnknownMemberId,
    E::IllegalGeneration,
    E::RebalanceInProgress,
    E::MemberIdRequired,
];

#[derive(Default)]
pub(in crate::invariant) struct FatalCause {
    incarnations: Incarnations<Incarnation>,
    groups: BTreeMap<GroupId, Plans>,
}

struct Incarnation {
    group: GroupId,
    /// The errors that it received.
    errors: BTreeSet<i16>,
}

/// What is known of the plans of a group.
#[derive(Default)]
struct Plans {
    newest: Option<Generation>,
    /// Whether a plan may name ids that no member has, and leave out ids that members have.
    may_leave_out: bool,
}

impl Invariant for FatalCause {
    fn name(&self) -> &'static str {
        "fatal-cause"
    }

    fn statement(&self) -> &'static str {
        "a client gives up only for an error that it received, and that does not pass"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR
            .and(Interest::CONSUMER)
            .and(Interest::PROCESSES)
            .and(Interest::FAULTS)
            .receives(GROUP_APIS)
            .receives(&[Api::FindCoordinator])
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        if let EventKind::Coordinator(Observation::Classic(observation)) = &event.kind {
            self.follow_plans(observation);
            return Ok(());
        }
        let Some(one) = self.incarnations.at(event, Incarnation::new) else { return Ok(()) };
        if let Some(received) = exchange(event).and_then(|exchange| exchange.received)
            && received.error != 0
        {
            one.errors.insert(received.error);
        }
        match &event.kind {
            EventKind::Consumer(ClientObservation::Fatal { error }) => {
                let left_out = *error == E::UnknownServerError.code()
                    && self.groups.get(&one.group).is_some_and(|plans| plans.may_leave_out);
                if left_out { Ok(()) } else { one.check_fatal(*error) }
            }
            _ => Ok(()),
        }
    }
}

impl FatalCause {
    fn follow_plans(&mut self, observation: &ClassicObservation) {
        match observation {
            ClassicObservation::GenerationBegan { group, generation, .. } => {
                let plans = self.groups.entry(group.clone()).or_default();
                // A fail-over can issue a number twice.
                plans.may_leave_out |= plans.newest.is_some_and(|newest| *generation <= newest);
                plans.newest = Some(*generation);
            }
            ClassicObservation::ReplacementUndone { group, .. } => {
                self.groups.entry(group.clone()).or_default().may_leave_out = true;
            }
            _ => {}
        }
    }
}

impl Incarnation {
    fn new(config: &ConsumerConfig, _now: crate::time::Time) -> Incarnation {
        Incarnation { group: config.group.clone(), errors: BTreeSet::new() }
    }

    fn check_fatal(&self, error: i16) -> Result<(), Breach> {
        if !self.errors.contains(&error) {
            return breach!(
                "fatal-unheard",
                "the client gave up for error {error}, which it had not received"
            );
        }
        match TRANSIENT.iter().find(|transient| transient.code() == error) {
            None => Ok(()),
            Some(transient) => {
                breach!("fatal-transient", "the client gave up for {transient}, which is transient")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::client::ClientObservation;
    use crate::coordinator::{ClassicObservation, Observation};
    use crate::invariant::trace_builder::TraceBuilder;
    use crate::protocol::{Generation, GroupId, ResponseError as E, str_bytes};
    use crate::trace::EventKind;

    fn member() -> TraceBuilder {
        let mut trace = TraceBuilder::new("fatal-cause");
        trace.member();
        trace
    }

    fn fatal(error: E) -> ClientObservation {
        ClientObservation::Fatal { error: error.code() }
    }

    #[test]
    fn no_client_gives_up_for_a_transient_error() {
        member().consumer(0, fatal(E::FencedInstanceId)).violates("fatal-unheard");
        let mut fenced = member();
        fenced.beats(Some(E::FencedInstanceId)).consumer(0, fatal(E::FencedInstanceId)).holds();
        let mut moved = member();
        moved.beats(Some(E::NotCoordinator)).consumer(0, fatal(E::NotCoordinator));
        moved.violates("fatal-transient");
    }

    #[test]
    fn a_plan_for_another_generation_of_that_number_may_leave_a_member_out() {
        let mut left_out = member();
        left_out.generation(1, &["a"]).generation(1, &["a", "b"]);
        left_out.consumer(0, fatal(E::UnknownServerError)).holds();
        let mut without_error = member();
        without_error.generation(1, &["a"]).generation(2, &["a", "b"]);
        without_error.consumer(0, fatal(E::UnknownServerError)).violates("fatal-unheard");
    }

    #[test]
    fn what_is_uncertain_in_one_group_excuses_no_member_of_another() {
        let began = |generation: i32| {
            EventKind::Coordinator(Observation::Classic(ClassicObservation::GenerationBegan {
                group: GroupId(str_bytes("other")),
                generation: Generation(generation),
                protocol: None,
                leader: None,
                members: Vec::new(),
                took: std::time::Duration::ZERO,
            }))
        };
        let mut trace = member();
        trace.broker(began(1)).broker(began(1));
        trace.consumer(0, fatal(E::UnknownServerError)).violates("fatal-unheard");
    }
}
