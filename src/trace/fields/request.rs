//! The fields of each request.

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetFetchRequest, ProduceRequest, SyncGroupRequest,
};

use super::{Visitor, admin, assignment, optional_text, subscription, topic};
use crate::protocol::Request;
use crate::time::from_millis_i32;

#[inline]
pub(super) fn visit<V: Visitor>(request: &Request, v: &mut V) {
    match request {
        Request::Heartbeat(body) => heartbeat(body, v),
        Request::Fetch(body) => fetch(body, v),
        Request::JoinGroup(body) => join_group(body, v),
        Request::SyncGroup(body) => sync_group(body, v),
        Request::LeaveGroup(body) => leave_group(body, v),
        Request::OffsetCommit(body) => offset_commit(body, v),
        Request::OffsetFetch(body) => offset_fetch(body, v),
        Request::FindCoordinator(body) => find_coordinator(body, v),
        Request::Metadata(body) => metadata(body, v),
        Request::ListOffsets(body) => list_offsets(body, v),
        Request::Produce(body) => produce(body, v),
        Request::InitProducerId(body) => init_producer_id(body, v),
        Request::DescribeGroups(body) => admin::describe_groups(body, v),
        Request::ListGroups(body) => admin::list_groups(body, v),
        Request::WriteTxnMarkers(body) => admin::write_txn_markers(body, v),
        Request::TxnOffsetCommit(body) => admin::txn_offset_commit(body, v),
        Request::DescribeConfigs(body) => admin::describe_configs(body, v),
        Request::DeleteGroups(body) => admin::delete_groups(body, v),
        Request::OffsetDelete(body) => admin::offset_delete(body, v),
    }
}

#[inline]
fn heartbeat<V: Visitor>(body: &HeartbeatRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.int("generation", i64::from(body.generation_id));
    v.member("member", &body.member_id);
    optional_text(v, "instance", body.group_instance_id.as_ref());
}

fn join_group<V: Visitor>(body: &JoinGroupRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.member("member", &body.member_id);
    optional_text(v, "instance", body.group_instance_id.as_ref());
    v.text("type", &body.protocol_type);
    v.open("protocols", body.protocols.len());
    for protocol in &body.protocols {
        v.item();
        v.text("protocol", &protocol.name);
        let of = Some(&body.protocol_type);
        subscription(v, "subscription", &protocol.metadata, of);
    }
    v.close();
    v.duration("session", from_millis_i32(body.session_timeout_ms));
    v.duration("rebalance", from_millis_i32(body.rebalance_timeout_ms));
    optional_text(v, "reason", body.reason.as_ref());
}

fn sync_group<V: Visitor>(body: &SyncGroupRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.int("generation", i64::from(body.generation_id));
    v.member("member", &body.member_id);
    optional_text(v, "instance", body.group_instance_id.as_ref());
    optional_text(v, "type", body.protocol_type.as_ref());
    optional_text(v, "protocol", body.protocol_name.as_ref());
    v.open("assignments", body.assignments.len());
    for given in &body.assignments {
        v.item();
        v.member("member", &given.member_id);
        assignment(v, "assignment", &given.assignment, body.protocol_type.as_ref());
    }
    v.close();
}

fn leave_group<V: Visitor>(body: &LeaveGroupRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.member("member", &body.member_id);
    v.open("members", body.members.len());
    for identity in &body.members {
        v.item();
        v.member("member", &identity.member_id);
        optional_text(v, "instance", identity.group_instance_id.as_ref());
        optional_text(v, "reason", identity.reason.as_ref());
    }
    v.close();
}

fn offset_commit<V: Visitor>(body: &OffsetCommitRequest, v: &mut V) {
    v.text("group", &body.group_id.0);
    v.int("generation", i64::from(body.generation_id_or_member_epoch));
    v.member("member", &body.member_id);
    optional_text(v, "instance", body.group_instance_id.as_ref());
    v.int("retention", body.retention_time_ms);
    v.open("offsets", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        let name = topic(&of.name, &of.topic_id);
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &name, partition.partition_index);
            v.int("offset", partition.committed_offset);
            v.int("epoch", i64::from(partition.committed_leader_epoch));
            optional_text(v, "metadata", partition.committed_metadata.as_ref());
        }
    }
    v.close();
}

fn offset_fetch<V: Visitor>(body: &OffsetFetchRequest, v: &mut V) {
    v.flag("require_stable", body.require_stable);
    // Versions 8 and up name several groups; older versions have a single group at the top level.
    if body.groups.is_empty() {
        v.text("group", &body.group_id.0);
        let topics = body.topics.as_deref();
        topic_partitions(v, topics, |of: &OffsetFetchRequestTopic| {
            (of.name.0.as_str().into(), &of.partition_indexes)
        });
        return;
    }
    v.open("groups", body.groups.len());
    for group in &body.groups {
        v.item();
        offset_fetch_group(group, v);
    }
    v.close();
}

fn offset_fetch_group<V: Visitor>(group: &OffsetFetchRequestGroup, v: &mut V) {
    v.text("group", &group.group_id.0);
    match &group.member_id {
        Some(member) => v.member("member", member),
        None => v.none("member"),
    }
    v.int("epoch", i64::from(group.member_epoch));
    topic_partitions(v, group.topics.as_deref(), |of: &OffsetFetchRequestTopics| {
        (topic(&of.name, &of.topic_id), &of.partition_indexes)
    });
}

fn topic_partitions<V: Visitor, T>(
    v: &mut V,
    topics: Option<&[T]>,
    parts: impl Fn(&T) -> (std::borrow::Cow<'_, str>, &Vec<i32>),
) {
    let Some(topics) = topics else { return v.none("partitions") };
    v.open("partitions", topics.iter().map(|of| parts(of).1.len()).sum());
    for of in topics {
        let (name, partitions) = parts(of);
        for partition in partitions {
            v.item();
            v.partition("", &name, *partition);
        }
    }
    v.close();
}

fn find_coordinator<V: Visitor>(body: &FindCoordinatorRequest, v: &mut V) {
    v.text("key", &body.key);
    v.int("key_type", i64::from(body.key_type));
    v.open("keys", body.coordinator_keys.len());
    for key in &body.coordinator_keys {
        v.item();
        v.text("", key);
    }
    v.close();
}

fn metadata<V: Visitor>(body: &MetadataRequest, v: &mut V) {
    let Some(topics) = &body.topics else { return v.none("topics") };
    v.open("topics", topics.len());
    for of in topics {
        v.item();
        v.text(
            "",
            &of.name
                .as_ref()
                .map_or_else(|| of.topic_id.to_string().into(), |name| topic(name, &of.topic_id)),
        );
    }
    v.close();
}

fn list_offsets<V: Visitor>(body: &ListOffsetsRequest, v: &mut V) {
    v.int("isolation", i64::from(body.isolation_level));
    v.open("timestamps", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &of.name.0, partition.partition_index);
            v.int("timestamp", partition.timestamp);
        }
    }
    v.close();
}

fn fetch<V: Visitor>(body: &FetchRequest, v: &mut V) {
    v.open("positions", body.topics.iter().map(|t| t.partitions.len()).sum());
    for of in &body.topics {
        let name = topic(&of.topic, &of.topic_id);
        for partition in &of.partitions {
            v.item();
            v.partition("partition", &name, partition.partition);
            v.int("offset", partition.fetch_offset);
            v.int("max_bytes", i64::from(partition.partition_max_bytes));
        }
    }
    v.close();
    v.duration("wait", from_millis_i32(body.max_wait_ms));
    v.int("min_bytes", i64::from(body.min_bytes));
    v.int("max_bytes", i64::from(body.max_bytes));
    v.int("isolation", i64::from(body.isolation_level));
    v.text("rack", &body.rack_id);
}

fn produce<V: Visitor>(body: &ProduceRequest, v: &mut V) {
    v.int("acks", i64::from(body.acks));
    v.open("records", body.topic_data.iter().map(|t| t.partition_data.len()).sum());
    for of in &body.topic_data {
        let name = topic(&of.name, &of.topic_id);
        for partition in &of.partition_data {
            v.item();
            v.partition("partition", &name, partition.index);
            match &partition.records {
                Some(records) => v.records("records", records),
                None => v.none("records"),
            }
        }
    }
    v.close();
}

fn init_producer_id<V: Visitor>(body: &InitProducerIdRequest, v: &mut V) {
    optional_text(v, "transaction", body.transactional_id.as_ref().map(|id| &id.0));
    v.duration("timeout", from_millis_i32(body.transaction_timeout_ms));
    v.int("producer", body.producer_id.0);
    v.int("producer_epoch", i64::from(body.producer_epoch));
}
