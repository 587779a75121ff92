//! A client that is no longer part of a group must not act for it.
//!
//! Scope: requests of the classic protocol, judged by the facts that held when the broker began to
//! handle them, whenever the response became visible. The facts are those of the broker that
//! handled the request, in that term: a zombie knows members, ids and generations that its
//! successor does not, and may go on to accept them. (Without any lasting effect: see `durable`.)
//! - The coordinator accepts Heartbeat (NONE or REBALANCE_IN_PROGRESS), SyncGroup (NONE) and
//!   OffsetCommit with a generation (NONE for at least one partition) only from a member of the
//!   group and only with the group's newest generation.
//! - It accepts SyncGroup only in the sync phase and after it; OffsetCommit with a generation not
//!   in the sync phase, and without one only while the group is Empty.
//! - LeaveGroup succeeds only for a member, an id that MEMBER_ID_REQUIRED handed out, or no id and
//!   the static instance id of a member.
//! - JoinGroup with a member id succeeds only for such ids, too.
//! - A broker that has not loaded the group, or has unloaded it, accepts none of these; but while
//!   it loads it may respond to any Heartbeat with NONE.
//! - The coordinator does not refuse a request without cause. It does not send a member
//!   UNKNOWN_MEMBER_ID, nor an immediate FENCED_INSTANCE_ID; nor ILLEGAL_GENERATION for a request
//!   in the newest generation; REBALANCE_IN_PROGRESS it sends to a Heartbeat only in the join
//!   phase, to an OffsetCommit only in the sync phase, to a JoinGroup never. A broker that loads a
//!   group does not respond NOT_COORDINATOR, and no broker responds with the errors of its log
//!   (R9.5).
//!
//! | rule | violated when |
//! |---|---|
//! | `accepted` | the coordinator accepts a request that it has to refuse |
//! | `refused` | the coordinator refuses a request without cause |
//!
//! Not said: which of several errors a refused request receives; that every entitled request is
//! accepted (`convergence` notices if none is); transactional commits.

mod refused;

use crate::broker::TermState;
use crate::coordinator::GroupState;
use crate::invariant::{Breach, breach};
use crate::protocol::{Request, Response, ResponseError};
use crate::trace::Event;
use kafka_protocol::messages::{
    LeaveGroupRequest, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
};

use crate::invariant::Invariant;
use crate::invariant::interest::{GROUP_APIS, Interest};
use crate::model::{MemberStanding, Model, RequestContext, leavers};

pub(in crate::invariant) struct Fencing;

impl Invariant for Fencing {
    fn name(&self) -> &'static str {
        "fencing"
    }

    fn statement(&self) -> &'static str {
        "no request succeeds from an unknown member or an old generation"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.responses(GROUP_APIS)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let Some((context, request, response)) = model.response(event) else { return Ok(()) };
        let objection = match (&request.body, response) {
            (Request::Heartbeat(body), Response::Heartbeat(response)) => {
                let rebalancing = ResponseError::RebalanceInProgress.code();
                let loading = context.term == TermState::Loading && response.error_code == 0;
                let accepted =
                    !loading && (response.error_code == 0 || response.error_code == rebalancing);
                accepted.then(|| stale(context, body.generation_id)).flatten()
            }
            (Request::SyncGroup(body), Response::SyncGroup(response))
                if response.error_code == 0 =>
            {
                stale(context, body.generation_id).or_else(|| early_sync(context))
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                commit(context, body, response)
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(response)) => {
                leave(context, body, response)
            }
            (Request::JoinGroup(body), Response::JoinGroup(response))
                if response.error_code == 0 =>
            {
                let unknown =
                    context.standing == MemberStanding::Unknown && !body.member_id.is_empty();
                let unknown = unknown.then(|| "its member id is unknown to the group".to_owned());
                unknown.or_else(|| not_served(context))
            }
            _ => None,
        };
        if let Some(why) = objection {
            let message = describe(model, context, &request.body, ("accepted", None), &why);
            return breach!("accepted", "{message}");
        }
        let group = model.group(context.group);
        match refused::wrongly(group, context, &request.body, response) {
            None => Ok(()),
            Some((error, why)) => {
                let verdict = ("refused", Some(error));
                let message = describe(model, context, &request.body, verdict, &why);
                breach!("refused", "{message}")
            }
        }
    }
}

/// The message of a breach: the coordinator's verdict on the request, with the error if it refused,
/// and why that is wrong.
fn describe(
    model: &Model,
    context: &RequestContext,
    request: &Request,
    (verdict, error): (&str, Option<ResponseError>),
    why: &str,
) -> String {
    let group = model.group(context.group).id.as_str();
    let member = crate::model::member_of(request).unwrap_or_default();
    let error = error.map_or(String::new(), |error| format!(" with {error:?}"));
    format!(
        "group {group}: the coordinator {verdict} {} of {member:?}{error} although {why} (handled at \
         {} in {}, generation {})",
        request.api(),
        context.local,
        context.state,
        context.generation
    )
}

/// Why a request must not be accepted from this member or in this generation.
fn stale(context: &RequestContext, generation: i32) -> Option<String> {
    if !context.standing.is_member() {
        return Some("it is not a member".to_owned());
    }
    (context.generation.0 != generation).then(|| format!("it named generation {generation}"))
}

fn not_served(context: &RequestContext) -> Option<String> {
    (!context.serving()).then(|| format!("the broker's term was {:?}", context.term))
}

fn early_sync(context: &RequestContext) -> Option<String> {
    match context.state {
        GroupState::CompletingRebalance | GroupState::Stable => None,
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => {
            Some(format!("the group was {} and had no assignment to send", context.state))
        }
    }
}

fn commit(
    context: &RequestContext,
    body: &OffsetCommitRequest,
    response: &OffsetCommitResponse,
) -> Option<String> {
    let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    if !partitions.any(|partition| partition.error_code == 0) {
        return None;
    }
    if let Some(objection) = not_served(context) {
        return Some(objection);
    }
    let generation = body.generation_id_or_member_epoch;
    let empty = context.state == GroupState::Empty;
    if generation < 0 {
        return (!empty).then(|| "it named no generation and the group was not Empty".to_owned());
    }
    stale(context, generation).or_else(|| {
        (context.state == GroupState::CompletingRebalance)
            .then(|| "the group was in its sync phase".to_owned())
    })
}

fn leave(
    context: &RequestContext,
    body: &LeaveGroupRequest,
    response: &LeaveGroupResponse,
) -> Option<String> {
    if response.error_code != 0 {
        return None;
    }
    leavers(body).enumerate().take(64).find_map(|(index, (id, _))| {
        // Up to version 2 the response has no entries, only the error above.
        let error = response.members.get(index).map_or(0, |entry| entry.error_code);
        let unknown = context.known & 1 << index == 0;
        (error == 0 && unknown).then(|| format!("{:?} is unknown to the group", id.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::coordinator::Removal;
    use crate::invariant::trace_builder::{
        TraceBuilder, error_join, heartbeat_response, join_response, leave_response,
    };

    fn trace() -> TraceBuilder {
        let mut trace = TraceBuilder::new("fencing");
        trace.generation(1, &["a", "b"]).generation(2, &["a", "b"]).stable();
        trace
    }

    #[test]
    fn heartbeats_of_current_members_are_accepted() {
        let mut trace = trace();
        trace.state(Stable, PreparingRebalance);
        let first = trace.request_heartbeat("a", 2);
        let second = trace.request_heartbeat("b", 1);
        trace
            .respond(first, heartbeat_response(27))
            .respond(second, heartbeat_response(22))
            .holds();
    }

    #[test]
    fn heartbeats_of_old_generations_and_of_unknown_members_are_not() {
        let mut old = trace();
        let key = old.request_heartbeat("a", 1);
        old.respond(key, heartbeat_response(0)).breaks("it named generation 1");
        let mut unknown = trace();
        unknown.removed("a", Removal::Left);
        let key = unknown.request_heartbeat("a", 2);
        unknown.respond(key, heartbeat_response(27)).breaks("it is not a member");
    }

    #[test]
    fn a_request_is_judged_by_the_facts_when_it_was_handled() {
        let mut trace = trace();
        let key = trace.request_heartbeat("a", 2);
        trace.removed("a", Removal::Left).generation(3, &["b"]);
        trace.respond(key, heartbeat_response(0)).holds();
    }

    #[test]
    fn a_commit_needs_the_generation_and_a_phase_that_allows_it() {
        let mut good = trace();
        let key = good.request_commit("a", 2, &[("t-0", 1)]);
        good.state(Stable, PreparingRebalance).committed(key, 0).holds();
        let mut old = trace();
        let key = old.request_commit("a", 1, &[("t-0", 1)]);
        old.committed(key, 0).breaks("it named generation 1");
        let mut early = trace();
        early.generation(3, &["a"]).state(PreparingRebalance, CompletingRebalance);
        let key = early.request_commit("a", 3, &[("t-0", 1)]);
        early.committed(key, 0).breaks("the group was in its sync phase");
        let mut without = trace();
        let key = without.request_commit("", -1, &[("t-0", 1)]);
        without.committed(key, 0).breaks("it named no generation");
    }

    #[test]
    fn a_sync_needs_the_generation_and_the_sync_phase() {
        let mut old = trace();
        let key = old.request_sync("b", 1, &[]);
        old.assigned_in_sync(key, &[]).breaks("it named generation 1");
        let mut early = trace();
        early.state(Stable, PreparingRebalance);
        let key = early.request_sync("b", 2, &[]);
        early.assigned_in_sync(key, &[]).breaks("had no assignment to send");
    }

    #[test]
    fn members_are_not_refused_without_cause() {
        let mut unknown = trace();
        let key = unknown.request_heartbeat("a", 2);
        unknown.respond(key, heartbeat_response(25)).breaks("although it is a member");
        let mut old = trace();
        let key = old.request_commit("a", 2, &[("t-0", 1)]);
        old.committed(key, 22).breaks("although it named the newest generation");
        let mut stable = trace();
        let key = stable.request_heartbeat("a", 2);
        stable
            .respond(key, heartbeat_response(27))
            .breaks("although the group was not in that phase");
        let mut raw = trace();
        let key = raw.request_commit("a", 2, &[("t-0", 1)]);
        raw.committed(key, 19).breaks("although that error is not for members");
    }

    #[test]
    fn a_member_that_is_removed_while_its_join_is_parked_is_refused() {
        let mut trace = trace();
        trace.state(Stable, PreparingRebalance);
        let key = trace.request_join("a");
        trace.removed("a", Removal::Left).respond(key, error_join("", 25)).holds();
        let key = trace.request_heartbeat("b", 2);
        trace.respond(key, heartbeat_response(27)).holds();
        let key = trace.request_join("b");
        trace.state(PreparingRebalance, Dead).respond(key, error_join("b", 25));
        trace.breaks("although it is a member");
    }

    #[test]
    fn only_known_ids_leave() {
        let mut trace = trace();
        let first = trace.request_leave(&["a", "x"]);
        trace.respond(first, leave_response(&[0, 25])).holds();
        let second = trace.request_leave(&["x"]);
        trace.respond(second, leave_response(&[0])).breaks("\"x\" is unknown to the group");
    }

    #[test]
    fn only_known_ids_rejoin() {
        let mut trace = trace();
        let first = trace.request_join("");
        trace.respond(first, error_join("p", 79));
        let second = trace.request_join("p");
        trace.respond(second, join_response("p", 2, "a", &[])).holds();
        let third = trace.request_join("x");
        trace.respond(third, join_response("x", 2, "a", &[])).breaks("is unknown to the group");
    }

    #[test]
    fn each_broker_is_judged_by_its_own_facts() {
        let mut trace = trace();
        trace.elected(1).on(1).term_active(1).load(1, &[("a", "", &[])]);
        let key = trace.on(0).request_heartbeat("b", 2);
        trace.respond(key, heartbeat_response(0)).holds();
        let key = trace.on(1).request_heartbeat("a", 2);
        trace.respond(key, heartbeat_response(0)).breaks("it named generation 2");
    }

    #[test]
    fn a_broker_that_loads_accepts_heartbeats_and_no_other_request() {
        use crate::broker::TermState;
        let mut trace = trace();
        trace.elected(1).on(1).term(1, TermState::Loading);
        let key = trace.request_heartbeat("a", 2);
        trace.respond(key, heartbeat_response(0)).holds();
        let key = trace.request_join("");
        trace.respond(key, join_response("c", 1, "c", &[])).breaks("the broker's term was Loading");
    }

    #[test]
    fn a_displaced_id_is_not_a_member() {
        let mut trace = TraceBuilder::new("fencing");
        trace.added_static("a1", "i").generation(1, &["a1"]).stable().replaced("i", "a1", "a2");
        let key = trace.request_sync("a2", 1, &[]);
        trace.assigned_in_sync(key, &[]).holds();
        let key = trace.request_commit("a1", 1, &[("t-0", 1)]);
        trace.committed(key, 0).breaks("it is not a member");
    }
}
