//! The response that fails a whole request with one error, in the shape of its version.
//!
//! Where a response has a top-level error, only that is set. Where it has one per group, topic or
//! partition, all of them are set, in request order. The caller chooses the error.

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use kafka_protocol::messages::{
    DeleteGroupsResponse, DescribeConfigsRequest, DescribeConfigsResponse, DescribeGroupsResponse,
    FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse,
    HeartbeatResponse, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupResponse, ListGroupsResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetDeleteResponse, OffsetFetchRequest, OffsetFetchResponse, ProduceRequest, ProduceResponse,
    SyncGroupResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse, WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
};

use super::{Request, Response, ResponseError, StrBytes, error_name, str_bytes};

/// The response to `request`, sent at `version`, that fails all of it with `error`.
pub fn refusal(request: &Request, version: i16, error: ResponseError) -> Response {
    let code = error.code();
    match request {
        Request::Produce(request) => produce(request, code).into(),
        Request::Fetch(request) => fetch(request, code).into(),
        Request::ListOffsets(request) => list_offsets(request, code).into(),
        Request::Metadata(request) => metadata(request, code).into(),
        Request::OffsetCommit(request) => offset_commit(request, code).into(),
        Request::OffsetFetch(request) => offset_fetch(request, version, code).into(),
        Request::FindCoordinator(request) => find_coordinator(request, version, error).into(),
        Request::JoinGroup(request) => join_group(request, version, error).into(),
        Request::Heartbeat(_) => HeartbeatResponse::default().with_error_code(code).into(),
        Request::LeaveGroup(_) => LeaveGroupResponse::default().with_error_code(code).into(),
        Request::SyncGroup(_) => SyncGroupResponse::default().with_error_code(code).into(),
        Request::DescribeGroups(request) => {
            let group = |id: &super::GroupId| {
                DescribedGroup::default().with_error_code(code).with_group_id(id.clone())
            };
            let groups = request.groups.iter().map(group).collect();
            DescribeGroupsResponse::default().with_groups(groups).into()
        }
        Request::ListGroups(_) => ListGroupsResponse::default().with_error_code(code).into(),
        Request::InitProducerId(_) => InitProducerIdResponse::default()
            .with_error_code(code)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1)
            .into(),
        Request::WriteTxnMarkers(request) => write_txn_markers(request, code).into(),
        Request::TxnOffsetCommit(request) => txn_offset_commit(request, code).into(),
        Request::DescribeConfigs(request) => describe_configs(request, code).into(),
        Request::DeleteGroups(request) => {
            let group = |id: &super::GroupId| {
                DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(code)
            };
            let results = request.groups_names.iter().map(group).collect();
            DeleteGroupsResponse::default().with_results(results).into()
        }
        Request::OffsetDelete(_) => OffsetDeleteResponse::default().with_error_code(code).into(),
    }
}

/// Kafka's error message for the few responses that have one; some clients show their users nothing
/// else. For an error that none of these responses uses, its name.
pub fn error_message(error: ResponseError) -> &'static str {
    match error {
        ResponseError::TransactionalIdAuthorizationFailed => {
            "Transactional Id authorization failed."
        }
        ResponseError::CoordinatorNotAvailable => "The coordinator is not available.",
        ResponseError::InvalidRequest => {
            "This most likely occurs because of a request being malformed by the client library or the \
             message was sent to an incompatible broker. See the broker logs for more details."
        }
        other => error_name(other.code()),
    }
}

/// The response repeats the member id only if the request itself is at fault (R6.1.1). No protocol
/// name is null from version 7 on (KIP-559) and empty before.
fn join_group(request: &JoinGroupRequest, version: i16, error: ResponseError) -> JoinGroupResponse {
    let no_protocol = if version >= 7 { None } else { Some(StrBytes::new()) };
    let member = match error {
        ResponseError::InvalidGroupId | ResponseError::InvalidSessionTimeout => {
            request.member_id.clone()
        }
        _ => StrBytes::new(),
    };
    JoinGroupResponse::default()
        .with_error_code(error.code())
        .with_protocol_name(no_protocol)
        .with_member_id(member)
}

fn offset_commit(request: &OffsetCommitRequest, code: i16) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn txn_offset_commit(request: &TxnOffsetCommitRequest, code: i16) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// Version 8 has an error per group (KIP-709), version 2 a top-level one, and version 1 only errors
/// of partitions.
fn offset_fetch(request: &OffsetFetchRequest, version: i16, code: i16) -> OffsetFetchResponse {
    if version >= 8 {
        let groups = request.groups.iter().map(|group| {
            OffsetFetchResponseGroup::default()
                .with_group_id(group.group_id.clone())
                .with_error_code(code)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    if version >= 2 {
        return OffsetFetchResponse::default().with_error_code(code);
    }
    let topics = request.topics.iter().flatten().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|&partition| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(partition)
                .with_committed_offset(-1)
                .with_error_code(code)
        });
        OffsetFetchResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn write_txn_markers(request: &WriteTxnMarkersRequest, code: i16) -> WriteTxnMarkersResponse {
    let markers = request.markers.iter().map(|marker| {
        let topics = marker.topics.iter().map(|topic| {
            let partitions = topic.partition_indexes.iter().map(|&partition| {
                WritableTxnMarkerPartitionResult::default()
                    .with_partition_index(partition)
                    .with_error_code(code)
            });
            WritableTxnMarkerTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect())
        });
        WritableTxnMarkerResult::default()
            .with_producer_id(marker.producer_id)
            .with_topics(topics.collect())
    });
    WriteTxnMarkersResponse::default().with_markers(markers.collect())
}

/// Version 4 has several keys (KIP-699); version 1 is the first with an error message.
fn find_coordinator(
    request: &FindCoordinatorRequest,
    version: i16,
    error: ResponseError,
) -> FindCoordinatorResponse {
    let (code, message) = (error.code(), Some(str_bytes(error_message(error))));
    if version < 4 {
        return FindCoordinatorResponse::default()
            .with_error_code(code)
            .with_error_message(message.filter(|_| version >= 1))
            .with_node_id((-1).into())
            .with_port(-1);
    }
    let keys = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id((-1).into())
            .with_port(-1)
            .with_error_code(code)
            .with_error_message(message.clone())
    });
    FindCoordinatorResponse::default().with_coordinators(keys.collect())
}

fn describe_configs(request: &DescribeConfigsRequest, code: i16) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        DescribeConfigsResult::default()
            .with_error_code(code)
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn metadata(request: &MetadataRequest, code: i16) -> MetadataResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        // Responses could not omit the name until long after requests could (KIP-516).
        MetadataResponseTopic::default()
            .with_error_code(code)
            .with_name(Some(topic.name.clone().unwrap_or_default()))
            .with_topic_id(topic.topic_id)
    });
    MetadataResponse::default().with_topics(topics.collect())
}

fn produce(request: &ProduceRequest, code: i16) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code)
                .with_base_offset(-1)
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(responses.collect())
}

fn fetch(request: &FetchRequest, code: i16) -> FetchResponse {
    let responses = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|wanted| {
            PartitionData::default()
                .with_partition_index(wanted.partition)
                .with_high_watermark(-1)
                .with_error_code(code)
        });
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions.collect())
    });
    FetchResponse::default().with_responses(responses.collect())
}

fn list_offsets(request: &ListOffsetsRequest, code: i16) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|requested| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(requested.partition_index)
                .with_offset(-1)
                .with_error_code(code)
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::offset_fetch_request::{
        OffsetFetchRequestGroup, OffsetFetchRequestTopic,
    };

    use super::*;
    use crate::protocol::{GroupId, TopicName};

    const ERROR: ResponseError = ResponseError::NotCoordinator;

    /// R6.1.1, R6.1.16.
    #[test]
    fn a_refused_join_names_no_protocol_and_the_member_only_if_the_request_is_wrong() {
        use ResponseError as E;
        let request: Request = JoinGroupRequest::default().with_member_id(str_bytes("c1-x")).into();
        for (version, name) in [(6, Some(StrBytes::new())), (7, None)] {
            for (error, member) in [
                (E::InvalidGroupId, "c1-x"),
                (E::InvalidSessionTimeout, "c1-x"),
                (E::NotCoordinator, ""),
                (E::CoordinatorLoadInProgress, ""),
                (E::RequestTimedOut, ""),
            ] {
                let Response::JoinGroup(response) = refusal(&request, version, error) else {
                    panic!("a JoinGroup is refused by a JoinGroup");
                };
                assert_eq!((response.error_code, response.generation_id), (error.code(), -1));
                assert_eq!(response.member_id.as_str(), member, "{error:?}");
                assert_eq!(response.protocol_name, name, "version {version}");
            }
        }
    }

    #[test]
    fn a_refused_offset_fetch_has_its_error_where_its_version_has_room() {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(TopicName(str_bytes("t")))
            .with_partition_indexes(vec![3, 1]);
        let groups = ["g2", "g1"]
            .map(|id| OffsetFetchRequestGroup::default().with_group_id(GroupId(str_bytes(id))));
        let request: Request = OffsetFetchRequest::default()
            .with_topics(Some(vec![topic]))
            .with_groups(groups.to_vec())
            .into();
        let refused = |version| match refusal(&request, version, ERROR) {
            Response::OffsetFetch(response) => response,
            other => panic!("{other:?}"),
        };
        let old = refused(1);
        let found: Vec<_> = old.topics[0]
            .partitions
            .iter()
            .map(|p| (p.partition_index, p.committed_offset, p.error_code))
            .collect();
        assert_eq!(old.error_code, 0);
        assert_eq!(found, [(3, -1, ERROR.code()), (1, -1, ERROR.code())]);
        assert_eq!((refused(7).error_code, refused(7).topics.len()), (ERROR.code(), 0));
        let new = refused(8);
        let groups: Vec<_> =
            new.groups.iter().map(|g| (g.group_id.0.as_str(), g.error_code)).collect();
        assert_eq!(new.error_code, 0);
        assert_eq!(groups, [("g2", ERROR.code()), ("g1", ERROR.code())]);
    }
}
