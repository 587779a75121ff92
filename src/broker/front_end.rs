//! What a broker decides about group requests without their coordinator (rules R3.10, R3.14).

use crate::coordinator::{self, CoordinatorConfig};
use crate::protocol::{GroupId, Request, RequestFrame, Response, ResponseError, refusal};
use crate::time::from_millis_i32;

use kafka_protocol::messages::HeartbeatResponse;

/// The first SyncGroup version that must name its protocol (KIP-559).
const SYNC_NAMES_PROTOCOL: i16 = 5;

/// The error of a request that every broker refuses. The coordinator checks the same, so this
/// matters only where there is none.
pub(super) fn invalid(frame: &RequestFrame, config: &CoordinatorConfig) -> Option<ResponseError> {
    let empty = |group: &GroupId| group.0.is_empty().then_some(ResponseError::InvalidGroupId);
    match &frame.body {
        Request::JoinGroup(request) => {
            let session = from_millis_i32(request.session_timeout_ms);
            let allowed = config.min_session_timeout..=config.max_session_timeout;
            let unfit = !allowed.contains(&session);
            empty(&request.group_id).or(unfit.then_some(ResponseError::InvalidSessionTimeout))
        }
        Request::SyncGroup(request)
            if frame.version >= SYNC_NAMES_PROTOCOL
                && (request.protocol_type.is_none() || request.protocol_name.is_none()) =>
        {
            Some(ResponseError::InconsistentGroupProtocol)
        }
        Request::SyncGroup(request) => empty(&request.group_id),
        Request::Heartbeat(request) => empty(&request.group_id),
        Request::LeaveGroup(request) => empty(&request.group_id),
        Request::TxnOffsetCommit(request) => empty(&request.group_id),
        Request::OffsetDelete(request) => empty(&request.group_id),
        // These requests treat the group "" like any other.
        Request::OffsetCommit(_)
        | Request::OffsetFetch(_)
        | Request::DescribeGroups(_)
        | Request::DeleteGroups(_)
        | Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => None,
    }
}

/// The first TxnOffsetCommit version whose senders can handle COORDINATOR_LOAD_IN_PROGRESS
/// (KAFKA-7296).
const COMMIT_MAY_LOAD: i16 = 2;

/// Replaces errors that clients of this version do not know: producers before Kafka 2.0 break on
/// COORDINATOR_LOAD_IN_PROGRESS.
pub(super) fn adapt_to_version(version: i16, response: &mut Response) {
    let Response::TxnOffsetCommit(body) = response else { return };
    if version >= COMMIT_MAY_LOAD {
        return;
    }
    for partition in body.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ResponseError::CoordinatorLoadInProgress.code() {
            partition.error_code = ResponseError::CoordinatorNotAvailable.code();
        }
    }
}

/// The response to a request that did not reach a coordinator, or that the broker took back from
/// it.
pub(super) fn refused(frame: &RequestFrame, error: ResponseError) -> Response {
    use ResponseError as E;
    match (&frame.body, error) {
        // Members shall wait for the load to finish, so their heartbeats succeed.
        (Request::Heartbeat(_), E::CoordinatorLoadInProgress) => {
            HeartbeatResponse::default().into()
        }
        // The sender of a transaction marker knows partitions and their leaders, not coordinators.
        (
            Request::WriteTxnMarkers(_),
            E::NotCoordinator | E::CoordinatorLoadInProgress | E::CoordinatorNotAvailable,
        ) => refusal(&frame.body, frame.version, E::NotLeaderOrFollower),
        (request, error) => refusal(request, frame.version, error),
    }
}

/// The error that a client receives when the log failed its request or was too slow (R3.10).
pub(super) fn client_facing_error(request: &Request, error: ResponseError) -> ResponseError {
    use ResponseError as E;
    match (error, request) {
        (
            E::UnknownTopicOrPartition | E::NotEnoughReplicas | E::RequestTimedOut,
            Request::OffsetFetch(_),
        ) => E::NotCoordinator,
        (other, _) => coordinator::operation_error(other),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{HeartbeatRequest, OffsetFetchRequest};

    use super::client_facing_error;
    use crate::protocol::{Request, ResponseError as E};

    /// R3.10.
    #[test]
    fn log_errors_are_translated_for_clients() {
        let beat: Request = HeartbeatRequest::default().into();
        let fetch: Request = OffsetFetchRequest::default().into();
        for (error, expected, expected_of_fetch) in [
            (E::NotEnoughReplicas, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::RequestTimedOut, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::UnknownTopicOrPartition, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::NotLeaderOrFollower, E::NotCoordinator, E::NotCoordinator),
            (E::RecordListTooLarge, E::UnknownServerError, E::UnknownServerError),
            (E::NetworkException, E::CoordinatorLoadInProgress, E::CoordinatorLoadInProgress),
            (E::CorruptMessage, E::CorruptMessage, E::CorruptMessage),
        ] {
            assert_eq!(client_facing_error(&beat, error), expected);
            assert_eq!(client_facing_error(&fetch, error), expected_of_fetch);
        }
    }
}
