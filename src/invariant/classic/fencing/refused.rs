//! Refusals without cause.
//!
//! The coordinator sends a refusal at once, so it is judged by the facts that held when the broker
//! began to handle the request; for a request that may be parked, also by those at the time of the
//! response.

use kafka_protocol::messages::OffsetCommitResponse;

use crate::broker::TermState;
use crate::coordinator::GroupState;
use crate::model::{Group, RequestContext, member_of};
use crate::protocol::{Api, Request, Response, ResponseError, StrBytes};

/// The error with which the coordinator refused a request without cause, and why it should not
/// have.
pub(super) fn wrongly(
    group: &Group,
    context: &RequestContext,
    request: &Request,
    response: &Response,
) -> Option<(ResponseError, String)> {
    let mut errors_sent = errors(response).into_iter().filter_map(ResponseError::try_from_code);
    errors_sent.find_map(|error| objection(group, context, request, error).map(|why| (error, why)))
}

/// The errors in a response to a member of a group.
fn errors(response: &Response) -> Vec<i16> {
    match response {
        Response::JoinGroup(response) => vec![response.error_code],
        Response::SyncGroup(response) => vec![response.error_code],
        Response::Heartbeat(response) => vec![response.error_code],
        Response::OffsetCommit(OffsetCommitResponse { topics, .. }) => {
            let partitions = topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        _ => Vec::new(),
    }
}

fn objection(
    group: &Group,
    context: &RequestContext,
    request: &Request,
    error: ResponseError,
) -> Option<String> {
    use ResponseError as E;
    let wrong = match error {
        E::UnknownMemberId => is_member(group, context, request),
        E::FencedInstanceId => !may_wait(request) && is_member(group, context, request),
        E::IllegalGeneration => generation(request).is_some_and(|named| context.is_current(named)),
        E::RebalanceInProgress => match request {
            Request::Heartbeat(_) => context.state != GroupState::PreparingRebalance,
            Request::OffsetCommit(_) => context.state != GroupState::CompletingRebalance,
            Request::JoinGroup(_) => true,
            _ => false,
        },
        E::NotCoordinator => context.term == TermState::Loading,
        E::NetworkException => !may_wait(request),
        other => is_of_the_log(other),
    };
    let why = match error {
        E::UnknownMemberId | E::FencedInstanceId => "it is a member",
        E::IllegalGeneration => "it named the newest generation",
        E::RebalanceInProgress => "the group was not in that phase",
        E::NotCoordinator => "the broker was loading the group",
        _ => "that error is not for members",
    };
    wrong.then(|| why.to_owned())
}

/// Whether the request came from a member that still is one.
fn is_member(group: &Group, context: &RequestContext, request: &Request) -> bool {
    let Some(member) = member_of(request) else { return false };
    let stands_for_it = |instance: &StrBytes| group.holder(instance) == Some(&member);
    context.serving()
        && context.standing.is_member()
        && group.members.contains_key(&member)
        && instance(request).is_none_or(stands_for_it)
}

/// Whether the coordinator may park the request.
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

/// The errors with which a log refuses a record; the coordinator maps them to others for clients
/// (R9.5).
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
