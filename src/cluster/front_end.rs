//! What a broker decides about a request of the group APIs without its coordinator (rules R3.10, R3.14).

use crate::coordinator::{self, CoordinatorConfig};
use crate::protocol::{GroupId, Request, RequestFrame, Response, ResponseError, refusal};
use crate::time::from_millis_i32;

use kafka_protocol::messages::HeartbeatResponse;

/// The first SyncGroup that must name what it assigns with (KIP-559).
const SYNC_NAMES_PROTOCOL: i16 = 5;

/// Why a request is refused wherever it is sent. A coordinator finds the same, so this matters only where
/// there is none.
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
        // The group "" is one like others to these.
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

/// The first TxnOffsetCommit whose senders can bear to be told that a coordinator loads (KAFKA-7296).
const COMMIT_MAY_LOAD: i16 = 2;

/// Puts an answer into words that clients of this version know: producers before Kafka 2.0 break on
/// COORDINATOR_LOAD_IN_PROGRESS.
pub(super) fn put_for_version(version: i16, answer: &mut Response) {
    let Response::TxnOffsetCommit(answer) = answer else { return };
    if version >= COMMIT_MAY_LOAD {
        return;
    }
    for partition in answer.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code == ResponseError::CoordinatorLoadInProgress.code() {
            partition.error_code = ResponseError::CoordinatorNotAvailable.code();
        }
    }
}

/// The answer to a request that did not reach a coordinator, or was taken from it.
pub(super) fn refused(frame: &RequestFrame, error: ResponseError) -> Response {
    use ResponseError as E;
    match (&frame.body, error) {
        // Members are to wait for the load, not to be alarmed by it.
        (Request::Heartbeat(_), E::CoordinatorLoadInProgress) => {
            HeartbeatResponse::default().into()
        }
        // Whoever ends a transaction thinks of partitions and their leaders, not of coordinators.
        (
            Request::WriteTxnMarkers(_),
            E::NotCoordinator | E::CoordinatorLoadInProgress | E::CoordinatorNotAvailable,
        ) => refusal(&frame.body, frame.version, E::NotLeaderOrFollower),
        (request, error) => refusal(request, frame.version, error),
    }
}

/// What a client is told when the log failed its request, or was too slow for it (R3.10).
pub(super) fn as_told_to_clients(request: &Request, error: ResponseError) -> ResponseError {
    use ResponseError as E;
    match (error, request) {
        (
            E::UnknownTopicOrPartition | E::NotEnoughReplicas | E::RequestTimedOut,
            Request::OffsetFetch(_),
        ) => E::NotCoordinator,
        (other, _) => coordinator::as_told_of_an_operation(other),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{HeartbeatRequest, OffsetFetchRequest};

    use super::as_told_to_clients;
    use crate::protocol::{Request, ResponseError as E};

    /// R3.10.
    #[test]
    fn errors_of_the_log_have_other_names_for_clients() {
        let beat: Request = HeartbeatRequest::default().into();
        let fetch: Request = OffsetFetchRequest::default().into();
        for (error, told, told_to_fetch) in [
            (E::NotEnoughReplicas, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::RequestTimedOut, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::UnknownTopicOrPartition, E::CoordinatorNotAvailable, E::NotCoordinator),
            (E::NotLeaderOrFollower, E::NotCoordinator, E::NotCoordinator),
            (E::RecordListTooLarge, E::UnknownServerError, E::UnknownServerError),
            (E::NetworkException, E::CoordinatorLoadInProgress, E::CoordinatorLoadInProgress),
            (E::CorruptMessage, E::CorruptMessage, E::CorruptMessage),
        ] {
            assert_eq!(as_told_to_clients(&beat, error), told);
            assert_eq!(as_told_to_clients(&fetch, error), told_to_fetch);
        }
    }
}
