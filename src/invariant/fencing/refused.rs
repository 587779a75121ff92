//! Refusals that nothing justifies.
//!
//! A refusal of the coordinator leaves at once, so it is judged by the facts that held when the request was taken up;
//! of a request that may be parked also by those of its answer.

use kafka_protocol::messages::OffsetCommitResponse;

use crate::cluster::ShardState;
use crate::coordinator::GroupState;
use crate::invariant::ledger::{Asked, Group, member_of};
use crate::protocol::{Api, Request, Response, ResponseError, StrBytes};

/// What a request was refused with although it was not so, and what was.
pub(super) fn wrongly(
    group: &Group,
    asked: &Asked,
    request: &Request,
    response: &Response,
) -> Option<(ResponseError, String)> {
    let mut told = errors(response).into_iter().filter_map(ResponseError::try_from_code);
    told.find_map(|error| objection(group, asked, request, error).map(|why| (error, why)))
}

/// The errors of an answer to those who are members of a group.
fn errors(response: &Response) -> Vec<i16> {
    match response {
        Response::JoinGroup(answer) => vec![answer.error_code],
        Response::SyncGroup(answer) => vec![answer.error_code],
        Response::Heartbeat(answer) => vec![answer.error_code],
        Response::OffsetCommit(OffsetCommitResponse { topics, .. }) => {
            let partitions = topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        _ => Vec::new(),
    }
}

fn objection(
    group: &Group,
    asked: &Asked,
    request: &Request,
    error: ResponseError,
) -> Option<String> {
    use ResponseError as E;
    let wrong = match error {
        E::UnknownMemberId => is_member(group, asked, request),
        E::FencedInstanceId => !may_wait(request) && is_member(group, asked, request),
        E::IllegalGeneration => generation(request).is_some_and(|named| asked.is_current(named)),
        E::RebalanceInProgress => match request {
            Request::Heartbeat(_) => asked.state != GroupState::PreparingRebalance,
            Request::OffsetCommit(_) => asked.state != GroupState::CompletingRebalance,
            Request::JoinGroup(_) => true,
            _ => false,
        },
        E::NotCoordinator => asked.term == ShardState::Loading,
        E::NetworkException => !may_wait(request),
        other => is_of_the_log(other),
    };
    let why = match error {
        E::UnknownMemberId | E::FencedInstanceId => "it is a member",
        E::IllegalGeneration => "that is the generation",
        E::RebalanceInProgress => "that is not the phase",
        E::NotCoordinator => "its broker was loading the group",
        _ => "that says nothing to members",
    };
    wrong.then(|| why.to_owned())
}

/// Whether the request was that of a member, and still is.
fn is_member(group: &Group, asked: &Asked, request: &Request) -> bool {
    let Some(member) = member_of(request) else { return false };
    let stands_for_it = |instance: &StrBytes| group.holder(instance) == Some(&member);
    asked.serving()
        && asked.standing.is_member()
        && group.members.contains_key(&member)
        && instance(request).is_none_or(stands_for_it)
}

/// Whether the coordinator may answer it later.
fn may_wait(request: &Request) -> bool {
    matches!(request.api(), Api::JoinGroup | Api::SyncGroup)
}

fn instance(request: &Request) -> Option<&StrBytes> {
    match request {
        Request::JoinGroup(body) => body.group_instance_id.as_ref(),
        Request::SyncGroup(body) => body.group_instance_id.as_ref(),
        Request::Heartbeat(body) => body.group_instance_id.as_ref(),
        Request::OffsetCommit(body) => body.group_instance_id.as_ref(),
        _ => None,
    }
}

fn generation(request: &Request) -> Option<i32> {
    match request {
        Request::SyncGroup(body) => Some(body.generation_id),
        Request::Heartbeat(body) => Some(body.generation_id),
        Request::OffsetCommit(body) => Some(body.generation_id_or_member_epoch),
        _ => None,
    }
}

/// The errors by which a log refuses a record, and that are told in other words (R9.5).
fn is_of_the_log(error: ResponseError) -> bool {
    use ResponseError as E;
    matches!(
        error,
        E::NotEnoughReplicas
            | E::RequestTimedOut
            | E::NotLeaderOrFollower
            | E::KafkaStorageError
            | E::MessageTooLarge
            | E::RecordListTooLarge
            | E::InvalidFetchSize
    )
}
