//! The fields of each response, after the error that [`outcome`] finds in it.

use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
};
use kafka_protocol::messages::{
    FetchResponse, FindCoordinatorResponse, InitProducerIdResponse, JoinGroupResponse,
    LeaveGroupResponse, ListOffsetsResponse, MetadataResponse, OffsetCommitResponse,
    OffsetFetchResponse, ProduceResponse, SyncGroupResponse,
};

use super::{Visitor, admin, assignment, optional_text, subscription, topic};
use crate::protocol::{BrokerId, Request, Response, StrBytes};
use crate::trace::event::Place;

/// The first error anywhere in a response; 0 if there is none.
#[inline]
pub(crate) fn outcome(response: &Response) -> i16 {
    match response {
        Response::Heartbeat(body) => body.error_code,
        Response::JoinGroup(body) => body.error_code,
        Response::SyncGroup(body) => body.error_code,
        Response::LeaveGroup(body) => {
            first(body.error_code, body.members.iter().map(|m| m.error_code))
        }
        Response::FindCoordinator(body) => {
            first(body.error_code, body.coordinators.iter().map(|c| c.error_code))
        }
        Response::Fetch(body) => first(
            body.error_code,
            body.responses.iter().flat_map(|t| &t.partitions).map(|p| p.error_code),
        ),
        Response::OffsetCommit(body) => {
            first(0, body.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code))
        }
        Response::OffsetFetch(body) => offset_fetch_outcome(body),
        Response::ListOffsets(body) => {
            first(0, body.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code))
        }
        Response::Metadata(body) => {
            first(body.error_code, body.topics.iter().map(|t| t.error_code))
        }
        Response::Produce(body) => {
            let partitions = body.responses.iter().flat_map(|t| &t.partition_responses);
            first(0, partitions.map(|p| p.error_code))
        }
        Response::InitProducerId(body) => body.error_code,
        Response::DescribeGroups(body) => first(0, body.groups.iter().map(|g| g.error_code)),
        Response::ListGroups(body) => body.error_code,
        Response::WriteTxnMarkers(body) => {
            let topics = body.markers.iter().flat_map(|marker| &marker.topics);
            first(0, topics.flat_map(|t| &t.partitions).map(|p| p.error_code))
        }
        Response::TxnOffsetCommit(body) => {
            first(0, body.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code))
        }
        Response::DescribeConfigs(body) => first(0, body.results.iter().map(|r| r.error_code)),
        Response::DeleteGroups(body) => first(0, body.results.iter().map(|r| r.error_code)),
        Response::OffsetDelete(body) => {
            let partitions = body.topics.iter().flat_map(|t| &t.partitions);
            first(body.error_code, partitions.map(|p| p.error_code))
        }
    }
}

fn offset_fetch_outcome(body: &OffsetFetchResponse) -> i16 {
    let old = body.topics.iter().flat_map(|t| &t.partitions).map(|p| p.error_code);
    let new = body.groups.iter().flat_map(|group| {
        let partitions = group.topics.iter().flat_map(|t| &t.partitions);
        std::iter::once(group.error_code).chain(partitions.map(|p| p.error_code))
    });
    first(body.error_code, old.chain(new))
}

fn first(top: i16, mut inner: impl Iterator<Item = i16>) -> i16 {
    if top != 0 { top } else { inner.find(|&code| code != 0).unwrap_or(0) }
}

#[inline]
pub(super) fn visit<V: Visitor>(request: &Request, response: &Response, v: &mut V) {
    match response {
        // Only an error code, which is visited as the outcome.
        Response::Heartbeat(_) => {}
        Response::Fetch(body) => fetch(body, v),
        Response::JoinGroup(body) => join_group(request, body, v),
        Response::SyncGroup(body) => sync_group(body, v),
        Response::LeaveGroup(body) => leave_group(body, v),
        Response::OffsetCommit(body) => offset_commit(body, v),
        Response::OffsetFetch(body) => offset_fetch(body, v),
        Response::FindCoordinator(body) => find_coordinator(body, v),
        Response::Metadata(body) => metadata(body, v),
        Response::ListOffsets(body) => list_offsets(body, v),
        Response::Produce(body) => produce(body, v),
        Response::InitProducerId(body) => init_producer_id(body, v),
        Response::DescribeGroups(body) => admin::groups_described(body, v),
        Response::ListGroups(body) => admin::groups_listed(body, v),
        Response::WriteTxnMarkers(body) => admin::txn_markers_written(body, v),
        Response::TxnOffsetCommit(body) => admin::txn_offsets_committed(body, v),
        Response::DescribeConfigs(body) => admin::configs_described(body, v),
        Response::DeleteGroups(body) => admin::groups_deleted(body, v),
        Response::OffsetDelete(body) => admin::offsets_deleted(body, v),
    }
}

/// Before version 7, only the request has the protocol type (KIP-559).
fn join_group<V: Visitor>(request: &Request, body: &JoinGroupResponse, v: &mut V) {
    let protocol_type = match request {
        Request::JoinGroup(join) => Some(&join.protocol_type),
        _ => body.protocol_type.as_ref(),
    };
    v.int("generation", i64::from(body.generation_id));
    v.member("member", &body.member_id);
    v.member("leader", &body.leader);
    optional_text(v, "type", body.protocol_type.as_ref());
    optional_text(v, "protocol", body.protocol_name.as_ref());
    v.flag("skip_assignment", body.skip_assignment);
    v.open("members", body.members.len());
    for member in &body.members {
        v.item();
        v.member("member", &member.member_id);
        optional_text(v, "instance", member.group_instance_id.as_ref());
        subscription(v, "subscription", &member.metadata, protocol_type);
    }
    v.close();
}

fn sync_group<V: Visitor>(body: &SyncGroupResponse, v: &mut V) {
    optional_text(v, "type", body.protocol_type.as_ref());
    optional_text(v, "protocol", body.protocol_name.as_ref());
    assignment(v, "assignment", &body.assignment, body.protocol_type.as_ref());
}

fn leave_group<V: Visitor>(body: &LeaveGroupResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    v.open("members", body.members.len());
    for member in &body.members {
        v.item();
        v.member("member", &member.member_id);
        optional_text(v, "instance", member.group_instance_id.as_ref());
        v.error("error", member.error_code);
    }
    v.close();
}

fn offset_commit<V: Visitor>(body: &OffsetCommitResponse, v: &mut V) {
    v.open("results", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        let name = topic(&of.name, &of.topic_id);
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &name, partition.partition_index);
            v.error("error", partition.error_code);
        }
    }
    v.close();
}

fn offset_fetch<V: Visitor>(body: &OffsetFetchResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    // Versions 8 and up contain several groups; older versions contain the requested group only.
    if body.groups.is_empty() {
        v.open("offsets", body.topics.iter().map(|t| t.partitions.len()).sum());
        for of in &body.topics {
            of.partitions.iter().for_each(|p| committed(v, &of.name.0, Committed::from(p)));
        }
        return v.close();
    }
    v.open("groups", body.groups.len());
    for group in &body.groups {
        v.item();
        v.text("group", &group.group_id.0);
        v.error("error", group.error_code);
        v.open("offsets", group.topics.iter().map(|t| t.partitions.len()).sum());
        for of in &group.topics {
            let name = topic(&of.name, &of.topic_id);
            of.partitions.iter().for_each(|p| committed(v, &name, Committed::from(p)));
        }
        v.close();
    }
    v.close();
}

/// A committed offset, from either layout of the response.
struct Committed<'a> {
    partition: i32,
    offset: i64,
    epoch: i32,
    metadata: Option<&'a StrBytes>,
    error: i16,
}

impl<'a> From<&'a OffsetFetchResponsePartition> for Committed<'a> {
    fn from(p: &'a OffsetFetchResponsePartition) -> Self {
        Committed {
            partition: p.partition_index,
            offset: p.committed_offset,
            epoch: p.committed_leader_epoch,
            metadata: p.metadata.as_ref(),
            error: p.error_code,
        }
    }
}

impl<'a> From<&'a OffsetFetchResponsePartitions> for Committed<'a> {
    fn from(p: &'a OffsetFetchResponsePartitions) -> Self {
        Committed {
            partition: p.partition_index,
            offset: p.committed_offset,
            epoch: p.committed_leader_epoch,
            metadata: p.metadata.as_ref(),
            error: p.error_code,
        }
    }
}

fn committed<V: Visitor>(v: &mut V, topic: &str, found: Committed<'_>) {
    v.item();
    v.partition("partition", topic, found.partition);
    v.int("offset", found.offset);
    v.int("epoch", i64::from(found.epoch));
    optional_text(v, "metadata", found.metadata);
    v.error("error", found.error);
}

fn find_coordinator<V: Visitor>(body: &FindCoordinatorResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    // Versions 4 and up contain several keys and do not use the fields of older versions.
    if body.coordinators.is_empty() {
        v.place("node", Place::Broker(BrokerId(body.node_id.0)));
    } else {
        v.none("node");
    }
    v.open("coordinators", body.coordinators.len());
    for coordinator in &body.coordinators {
        v.item();
        v.text("key", &coordinator.key);
        v.place("node", Place::Broker(BrokerId(coordinator.node_id.0)));
        v.error("error", coordinator.error_code);
    }
    v.close();
}

fn metadata<V: Visitor>(body: &MetadataResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    v.place("controller", Place::Broker(BrokerId(body.controller_id.0)));
    v.open("brokers", body.brokers.len());
    for broker in &body.brokers {
        v.item();
        v.place("broker", Place::Broker(BrokerId(broker.node_id.0)));
        optional_text(v, "rack", broker.rack.as_ref());
    }
    v.close();
    v.open("topics", body.topics.len());
    for of in &body.topics {
        v.item();
        match &of.name {
            Some(name) => v.text("topic", &topic(name, &of.topic_id)),
            None => v.text("topic", &of.topic_id.to_string()),
        }
        v.error("error", of.error_code);
        v.open("partitions", of.partitions.len());
        for partition in &of.partitions {
            v.item();
            v.int("partition", i64::from(partition.partition_index));
            v.place("leader", Place::Broker(BrokerId(partition.leader_id.0)));
            v.int("epoch", i64::from(partition.leader_epoch));
            v.open("replicas", partition.replica_nodes.len());
            for replica in &partition.replica_nodes {
                v.item();
                v.place("", Place::Broker(BrokerId(replica.0)));
            }
            v.close();
            v.error("error", partition.error_code);
        }
        v.close();
    }
    v.close();
}

fn list_offsets<V: Visitor>(body: &ListOffsetsResponse, v: &mut V) {
    v.open("offsets", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &of.name.0, partition.partition_index);
            v.int("offset", partition.offset);
            v.int("timestamp", partition.timestamp);
            v.int("epoch", i64::from(partition.leader_epoch));
            v.error("error", partition.error_code);
        }
    }
    v.close();
}

fn fetch<V: Visitor>(body: &FetchResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    v.open("records", body.responses.iter().map(|t| t.partitions.len()).sum());
    for of in &body.responses {
        let name = topic(&of.topic, &of.topic_id);
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &name, partition.partition_index);
            match &partition.records {
                Some(records) => v.records("records", records),
                None => v.none("records"),
            }
            v.int("high_watermark", partition.high_watermark);
            v.int("log_start", partition.log_start_offset);
            v.error("error", partition.error_code);
        }
    }
    v.close();
}

fn produce<V: Visitor>(body: &ProduceResponse, v: &mut V) {
    v.open("offsets", body.responses.iter().map(|t| t.partition_responses.len()).sum());
    for of in &body.responses {
        let name = topic(&of.name, &of.topic_id);
        for partition in &of.partition_responses {
            v.item();
            v.partition("partition", &name, partition.index);
            v.int("offset", partition.base_offset);
            v.error("error", partition.error_code);
        }
    }
    v.close();
}

fn init_producer_id<V: Visitor>(body: &InitProducerIdResponse, v: &mut V) {
    v.int("producer", body.producer_id.0);
    v.int("producer_epoch", i64::from(body.producer_epoch));
}
