//! Whoever is no longer part of a group must not act for it.
//!
//! Scope: requests of the classic protocol, judged by the facts that held when the broker began to handle
//! them, whenever their answer became visible. The facts are those of the broker that handled the request,
//! in that term: a zombie knows members, ids and generations that its successor does not, and may go on to
//! accept them. (Not to any lasting effect: see `durable`.)
//! - Heartbeat (NONE or REBALANCE_IN_PROGRESS), SyncGroup (NONE) and OffsetCommit with a generation (NONE
//!   for at least one partition) are accepted only from a member of the group and only with the group's
//!   newest generation.
//! - SyncGroup is accepted only in the sync phase and after it; OffsetCommit with a generation not in the
//!   sync phase, and without one only while the group is Empty.
//! - LeaveGroup succeeds only for a member, an id that MEMBER_ID_REQUIRED handed out, or no id and the
//!   static instance id of a member.
//! - JoinGroup with a member id succeeds only for such ids, too.
//! - A broker that has not loaded the group, or has unloaded it, accepts none of these; but while it
//!   loads it may answer a Heartbeat with NONE, whoever sent it.
//! - Nor is anybody sent away who belongs there. A member is not told UNKNOWN_MEMBER_ID, nor FENCED_INSTANCE_ID at
//!   once; who names the newest generation is not told ILLEGAL_GENERATION; a Heartbeat is told
//!   REBALANCE_IN_PROGRESS only in the join phase, an OffsetCommit only in the sync phase, a JoinGroup never. A
//!   broker that loads a group does not answer NOT_COORDINATOR, and none the errors of its log (R9.5).
//!
//! Not said: which of several errors a refused request gets; that anybody entitled is accepted (if nobody is,
//! `convergence` says so); transactional commits.

mod refused;

use crate::cluster::ShardState;
use crate::coordinator::GroupState;
use crate::invariant::{Breach, breach};
use crate::protocol::{Request, Response, ResponseError};
use crate::trace::Event;
use kafka_protocol::messages::{
    LeaveGroupRequest, LeaveGroupResponse, OffsetCommitRequest, OffsetCommitResponse,
};

use super::Invariant;
use super::interest::{GROUP_APIS, Interest};
use super::ledger::{Asked, Ledger, Standing, leavers};

pub(super) struct Fencing;

impl Invariant for Fencing {
    fn name(&self) -> &'static str {
        "fencing"
    }

    fn statement(&self) -> &'static str {
        "no request succeeds from an unknown member or an old generation"
    }

    fn reads(&self) -> Interest {
        Interest::NONE.answered(GROUP_APIS)
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        let Some((asked, request, response)) = ledger.answer(event) else { return Ok(()) };
        let objection = match (&request.body, response) {
            (Request::Heartbeat(body), Response::Heartbeat(answer)) => {
                let rebalancing = ResponseError::RebalanceInProgress.code();
                let loading = asked.term == ShardState::Loading && answer.error_code == 0;
                let accepted =
                    !loading && (answer.error_code == 0 || answer.error_code == rebalancing);
                accepted.then(|| stale(asked, body.generation_id)).flatten()
            }
            (Request::SyncGroup(body), Response::SyncGroup(answer)) if answer.error_code == 0 => {
                stale(asked, body.generation_id).or_else(|| early_sync(asked))
            }
            (Request::OffsetCommit(body), Response::OffsetCommit(answer)) => {
                commit(asked, body, answer)
            }
            (Request::LeaveGroup(body), Response::LeaveGroup(answer)) => leave(asked, body, answer),
            (Request::JoinGroup(body), Response::JoinGroup(answer)) if answer.error_code == 0 => {
                let stranger = asked.standing == Standing::Stranger && !body.member_id.is_empty();
                let stranger =
                    stranger.then(|| "its member id means nothing to the group".to_owned());
                stranger.or_else(|| not_served(asked))
            }
            _ => None,
        };
        if let Some(objection) = objection {
            let objection = format!("accepted although {objection}");
            let message = describe(ledger, asked, &request.body, &objection);
            return breach!("accepted", "{message}");
        }
        let group = ledger.group(asked.group);
        match refused::wrongly(group, asked, &request.body, response) {
            None => Ok(()),
            Some((error, objection)) => {
                let objection = format!("refused with {error:?} although {objection}");
                let message = describe(ledger, asked, &request.body, &objection);
                breach!("refused", "{message}")
            }
        }
    }
}

fn describe(ledger: &Ledger, asked: &Asked, request: &Request, objection: &str) -> String {
    let group = ledger.group(asked.group).id.as_str();
    let member = super::ledger::member_of(request).unwrap_or_default();
    format!(
        "group {group}: {} of {member:?} was {objection} (asked at {} in {}, generation {})",
        request.api(),
        asked.local,
        asked.state,
        asked.generation
    )
}

/// What is wrong with the member or the generation of an accepted request.
fn stale(asked: &Asked, generation: i32) -> Option<String> {
    if !asked.standing.is_member() {
        return Some("it is not a member".to_owned());
    }
    (asked.generation.0 != generation).then(|| format!("it named generation {generation}"))
}

fn not_served(asked: &Asked) -> Option<String> {
    (!asked.serving()).then(|| format!("its broker was {:?}", asked.term))
}

fn early_sync(asked: &Asked) -> Option<String> {
    match asked.state {
        GroupState::CompletingRebalance | GroupState::Stable => None,
        GroupState::Empty | GroupState::PreparingRebalance | GroupState::Dead => {
            Some(format!("a group that is {} has nothing to hand out", asked.state))
        }
    }
}

fn commit(
    asked: &Asked,
    body: &OffsetCommitRequest,
    answer: &OffsetCommitResponse,
) -> Option<String> {
    let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    if !partitions.any(|partition| partition.error_code == 0) {
        return None;
    }
    if let Some(objection) = not_served(asked) {
        return Some(objection);
    }
    let generation = body.generation_id_or_member_epoch;
    let empty = asked.state == GroupState::Empty;
    if generation < 0 {
        return (!empty).then(|| "it named no generation and the group is not Empty".to_owned());
    }
    stale(asked, generation).or_else(|| {
        (asked.state == GroupState::CompletingRebalance)
            .then(|| "the sync phase was under way".to_owned())
    })
}

fn leave(asked: &Asked, body: &LeaveGroupRequest, answer: &LeaveGroupResponse) -> Option<String> {
    if answer.error_code != 0 {
        return None;
    }
    leavers(body).enumerate().take(64).find_map(|(index, (id, _))| {
        // Up to version 2 the answer has no entries, only the error above.
        let error = answer.members.get(index).map_or(0, |entry| entry.error_code);
        let unknown = asked.known & 1 << index == 0;
        (error == 0 && unknown).then(|| format!("{:?} means nothing to the group", id.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use crate::coordinator::GroupState::*;
    use crate::coordinator::Removal;
    use crate::invariant::story::{Story, error_join, heartbeat_answer, join_answer, leave_answer};

    fn story() -> Story {
        let mut story = Story::new("fencing");
        story.generation(1, &["a", "b"]).generation(2, &["a", "b"]).stable();
        story
    }

    #[test]
    fn heartbeats_of_current_members_are_accepted() {
        let mut story = story();
        story.state(Stable, PreparingRebalance);
        let first = story.ask_heartbeat("a", 2);
        let second = story.ask_heartbeat("b", 1);
        story.answer(first, heartbeat_answer(27)).answer(second, heartbeat_answer(22)).holds();
    }

    #[test]
    fn heartbeats_of_old_generations_and_strangers_are_not() {
        let mut old = story();
        let key = old.ask_heartbeat("a", 1);
        old.answer(key, heartbeat_answer(0)).breaks("it named generation 1");
        let mut stranger = story();
        stranger.removed("a", Removal::Left);
        let key = stranger.ask_heartbeat("a", 2);
        stranger.answer(key, heartbeat_answer(27)).breaks("it is not a member");
    }

    #[test]
    fn a_request_is_judged_by_the_time_it_was_evaluated() {
        let mut story = story();
        let key = story.ask_heartbeat("a", 2);
        story.removed("a", Removal::Left).generation(3, &["b"]);
        story.answer(key, heartbeat_answer(0)).holds();
    }

    #[test]
    fn a_commit_needs_the_generation_and_a_phase_that_allows_it() {
        let mut good = story();
        let key = good.ask_commit("a", 2, &[("t-0", 1)]);
        good.state(Stable, PreparingRebalance).committed(key, 0).holds();
        let mut old = story();
        let key = old.ask_commit("a", 1, &[("t-0", 1)]);
        old.committed(key, 0).breaks("it named generation 1");
        let mut early = story();
        early.generation(3, &["a"]).state(PreparingRebalance, CompletingRebalance);
        let key = early.ask_commit("a", 3, &[("t-0", 1)]);
        early.committed(key, 0).breaks("the sync phase was under way");
        let mut without = story();
        let key = without.ask_commit("", -1, &[("t-0", 1)]);
        without.committed(key, 0).breaks("it named no generation");
    }

    #[test]
    fn a_sync_needs_the_generation_and_the_sync_phase() {
        let mut old = story();
        let key = old.ask_sync("b", 1, &[]);
        old.told(key, &[]).breaks("it named generation 1");
        let mut early = story();
        early.state(Stable, PreparingRebalance);
        let key = early.ask_sync("b", 2, &[]);
        early.told(key, &[]).breaks("nothing to hand out");
    }

    #[test]
    fn members_are_not_sent_away() {
        let mut unknown = story();
        let key = unknown.ask_heartbeat("a", 2);
        unknown.answer(key, heartbeat_answer(25)).breaks("although it is a member");
        let mut old = story();
        let key = old.ask_commit("a", 2, &[("t-0", 1)]);
        old.committed(key, 22).breaks("although that is the generation");
        let mut calm = story();
        let key = calm.ask_heartbeat("a", 2);
        calm.answer(key, heartbeat_answer(27)).breaks("although that is not the phase");
        let mut raw = story();
        let key = raw.ask_commit("a", 2, &[("t-0", 1)]);
        raw.committed(key, 19).breaks("although that says nothing to members");
    }

    #[test]
    fn who_is_removed_while_it_waits_is_sent_away() {
        let mut story = story();
        story.state(Stable, PreparingRebalance);
        let key = story.ask_join("a");
        story.removed("a", Removal::Left).answer(key, error_join("", 25)).holds();
        let key = story.ask_heartbeat("b", 2);
        story.answer(key, heartbeat_answer(27)).holds();
        let key = story.ask_join("b");
        story.state(PreparingRebalance, Dead).answer(key, error_join("b", 25));
        story.breaks("although it is a member");
    }

    #[test]
    fn only_known_ids_leave() {
        let mut story = story();
        let first = story.ask_leave(&["a", "x"]);
        story.answer(first, leave_answer(&[0, 25])).holds();
        let second = story.ask_leave(&["x"]);
        story.answer(second, leave_answer(&[0])).breaks("\"x\" means nothing");
    }

    #[test]
    fn only_known_ids_rejoin() {
        let mut story = story();
        let first = story.ask_join("");
        story.answer(first, error_join("p", 79));
        let second = story.ask_join("p");
        story.answer(second, join_answer("p", 2, "a", &[])).holds();
        let third = story.ask_join("x");
        story.answer(third, join_answer("x", 2, "a", &[])).breaks("means nothing to the group");
    }

    #[test]
    fn each_broker_is_judged_by_its_own_facts() {
        let mut story = story();
        story.elected(1).on(1).shard_active(1).load(1, &[("a", "", &[])]);
        let key = story.on(0).ask_heartbeat("b", 2);
        story.answer(key, heartbeat_answer(0)).holds();
        let key = story.on(1).ask_heartbeat("a", 2);
        story.answer(key, heartbeat_answer(0)).breaks("it named generation 2");
    }

    #[test]
    fn a_broker_that_loads_accepts_heartbeats_and_nothing_else() {
        use crate::cluster::ShardState;
        let mut story = story();
        story.elected(1).on(1).shard(1, ShardState::Loading);
        let key = story.ask_heartbeat("a", 2);
        story.answer(key, heartbeat_answer(0)).holds();
        let key = story.ask_join("");
        story.answer(key, join_answer("c", 1, "c", &[])).breaks("its broker was Loading");
    }

    #[test]
    fn who_was_displaced_is_a_stranger() {
        let mut story = Story::new("fencing");
        story.added_static("a1", "i").generation(1, &["a1"]).stable().replaced("i", "a1", "a2");
        let key = story.ask_sync("a2", 1, &[]);
        story.told(key, &[]).holds();
        let key = story.ask_commit("a1", 1, &[("t-0", 1)]);
        story.committed(key, 0).breaks("it is not a member");
    }
}
