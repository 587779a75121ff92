//! The fields of the requests of administrators and transactions, and of their responses.

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, GroupId, ListGroupsRequest, ListGroupsResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::{Visitor, assignment, optional_text, subscription};
use crate::protocol::StrBytes;

pub(super) fn describe_groups<V: Visitor>(body: &DescribeGroupsRequest, v: &mut V) {
    groups(&body.groups, v);
    v.flag("authorized_operations", body.include_authorized_operations);
}

pub(super) fn list_groups<V: Visitor>(body: &ListGroupsRequest, v: &mut V) {
    texts(v, "states", &body.states_filter);
    texts(v, "types", &body.types_filter);
}

pub(super) fn delete_groups<V: Visitor>(body: &DeleteGroupsRequest, v: &mut V) {
    groups(&body.groups_names, v);
}

fn groups<V: Visitor>(groups: &[GroupId], v: &mut V) {
    v.open("groups", groups.len());
    for group in groups {
        v.item();
        v.text("", &group.0);
    }
    v.close();
}

fn texts<V: Visitor>(v: &mut V, key: &'static str, texts: &[StrBytes]) {
    v.open(key, texts.len());
    for text in texts {
        v.item();
        v.text("", text);
    }
    v.close();
}

pub(super) fn offset_delete<V: Visitor>(body: &OffsetDeleteRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.open("partitions", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        for partition in &of.partitions {
            v.item();
            v.partition("", &of.name.0, partition.partition_index);
        }
    }
    v.close();
}

pub(super) fn txn_offset_commit<V: Visitor>(body: &TxnOffsetCommitRequest, v: &mut V) {
    v.text("transaction", &body.transactional_id.0);
    v.text("group", &body.group_id.0);
    v.int("producer", body.producer_id.0);
    v.int("producer_epoch", i64::from(body.producer_epoch));
    v.int("generation", i64::from(body.generation_id));
    v.member("member", &body.member_id);
    optional_text(v, "instance", body.group_instance_id.as_ref());
    v.open("offsets", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &of.name.0, partition.partition_index);
            v.int("offset", partition.committed_offset);
            v.int("epoch", i64::from(partition.committed_leader_epoch));
            optional_text(v, "metadata", partition.committed_metadata.as_ref());
        }
    }
    v.close();
}

pub(super) fn write_txn_markers<V: Visitor>(body: &WriteTxnMarkersRequest, v: &mut V) {
    v.open("markers", body.markers.len());
    for marker in &body.markers {
        v.item();
        v.int("producer", marker.producer_id.0);
        v.int("producer_epoch", i64::from(marker.producer_epoch));
        v.word("outcome", if marker.transaction_result { "commit" } else { "abort" });
        v.int("coordinator_epoch", i64::from(marker.coordinator_epoch));
        v.open("partitions", marker.topics.iter().map(|t| t.partition_indexes.len()).sum());
        for of in &marker.topics {
            for partition in &of.partition_indexes {
                v.item();
                v.partition("", &of.name.0, *partition);
            }
        }
        v.close();
    }
    v.close();
}

pub(super) fn groups_described<V: Visitor>(body: &DescribeGroupsResponse, v: &mut V) {
    v.open("groups", body.groups.len());
    for group in &body.groups {
        v.item();
        group_described(group, v);
    }
    v.close();
}

fn group_described<V: Visitor>(group: &DescribedGroup, v: &mut V) {
    v.text("group", &group.group_id.0);
    v.error("error", group.error_code);
    optional_text(v, "message", group.error_message.as_ref());
    v.text("state", &group.group_state);
    v.text("type", &group.protocol_type);
    v.text("protocol", &group.protocol_data);
    v.open("members", group.members.len());
    for member in &group.members {
        v.item();
        v.member("member", &member.member_id);
        optional_text(v, "instance", member.group_instance_id.as_ref());
        v.text("client", &member.client_id);
        v.text("host", &member.client_host);
        subscription(v, "metadata", &member.member_metadata, Some(&group.protocol_type));
        assignment(v, "assignment", &member.member_assignment, Some(&group.protocol_type));
    }
    v.close();
}

pub(super) fn groups_listed<V: Visitor>(body: &ListGroupsResponse, v: &mut V) {
    v.open("groups", body.groups.len());
    for group in &body.groups {
        v.item();
        v.text("group", &group.group_id.0);
        v.text("state", &group.group_state);
        v.text("type", &group.protocol_type);
        v.text("group_type", &group.group_type);
    }
    v.close();
}

pub(super) fn groups_deleted<V: Visitor>(body: &DeleteGroupsResponse, v: &mut V) {
    v.open("results", body.results.len());
    for result in &body.results {
        v.item();
        v.text("group", &result.group_id.0);
        v.error("error", result.error_code);
    }
    v.close();
}

pub(super) fn offsets_deleted<V: Visitor>(body: &OffsetDeleteResponse, v: &mut V) {
    v.error("top_error", body.error_code);
    let partitions = body.topics.iter().flat_map(|of| {
        of.partitions.iter().map(|p| (of.name.0.as_str(), p.partition_index, p.error_code))
    });
    results(v, partitions);
}

pub(super) fn txn_offsets_committed<V: Visitor>(body: &TxnOffsetCommitResponse, v: &mut V) {
    let partitions = body.topics.iter().flat_map(|of| {
        of.partitions.iter().map(|p| (of.name.0.as_str(), p.partition_index, p.error_code))
    });
    results(v, partitions);
}

pub(super) fn txn_markers_written<V: Visitor>(body: &WriteTxnMarkersResponse, v: &mut V) {
    v.open("markers", body.markers.len());
    for marker in &body.markers {
        v.item();
        v.int("producer", marker.producer_id.0);
        let partitions = marker.topics.iter().flat_map(|of| {
            of.partitions.iter().map(|p| (of.name.0.as_str(), p.partition_index, p.error_code))
        });
        results(v, partitions);
    }
    v.close();
}

fn results<'a, V: Visitor>(
    v: &mut V,
    partitions: impl Iterator<Item = (&'a str, i32, i16)> + Clone,
) {
    v.open("results", partitions.clone().count());
    for (topic, partition, error) in partitions {
        v.item();
        v.partition("partition", topic, partition);
        v.error("error", error);
    }
    v.close();
}

pub(super) fn describe_configs<V: Visitor>(body: &DescribeConfigsRequest, v: &mut V) {
    v.open("resources", body.resources.len());
    for resource in &body.resources {
        v.item();
        v.int("type", i64::from(resource.resource_type));
        v.text("name", &resource.resource_name);
    }
    v.close();
}

pub(super) fn configs_described<V: Visitor>(body: &DescribeConfigsResponse, v: &mut V) {
    v.open("resources", body.results.len());
    for result in &body.results {
        v.item();
        v.int("type", i64::from(result.resource_type));
        v.text("name", &result.resource_name);
        v.error("error", result.error_code);
        v.int("configs", result.configs.len() as i64);
    }
    v.close();
}
