//! TxnOffsetCommit: stores how far a group has read, pending until the producer's transaction
//! commits (rules R6.8, KIP-447).
//!
//! Whether the producer may still write is for the log to decide, not the coordinator (R15.5).

use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use crate::coordinator::api::{Call, Entry, Release, Ticket};
use crate::coordinator::group::{Committer, Group, Groups};
use crate::coordinator::record::{CommittedOffset, ProducerId, Record};
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{ResponseError, TopicPartition, error_code};
use crate::time::Time;

use super::commit::is_too_long;

/// Responds to a TxnOffsetCommit, or defers the response until its records are durable.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &TxnOffsetCommitRequest,
) {
    let group = match admit(groups, turn, request) {
        Ok(group) => group,
        Err(error) => {
            return turn.respond(call.id, response(request, |_| Some(error)), Release::Now);
        }
    };
    let limit = turn.config.offset_metadata_max;
    let verdict = |partition: &TxnOffsetCommitRequestPartition| {
        is_too_long(partition.committed_metadata.as_ref(), limit)
            .then_some(ResponseError::OffsetMetadataTooLarge)
    };
    let response = response(request, verdict);
    match append(group, turn, call, request, &response) {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        records => turn.respond(call.id, response, Release::WhenKnown(records)),
    }
}

/// The group, if the caller may commit to it (R6.8.1 to R6.8.4).
fn admit<'g>(
    groups: &'g mut Groups,
    turn: &mut Turn<'_>,
    request: &TxnOffsetCommitRequest,
) -> Result<&'g mut Group, ResponseError> {
    let committer = Committer {
        generation: request.generation_id,
        member: &request.member_id,
        instance: request.group_instance_id.as_ref(),
    };
    let id = &request.group_id;
    if id.0.is_empty() {
        return Err(ResponseError::InvalidGroupId);
    }
    if !groups.contains_key(id) {
        if !committer.has_no_generation() {
            return Err(ResponseError::IllegalGeneration);
        }
        groups.insert(id.clone(), Group::created_by_commit(id.clone(), turn));
    }
    let group = groups.get_mut(id).expect("the group is there or was just created");
    group.validate_txn_commit(&committer)?;
    Ok(group)
}

/// Appends every partition that `response` does not refuse; returns their number.
fn append(
    group: &mut Group,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &TxnOffsetCommitRequest,
    response: &TxnOffsetCommitResponse,
) -> usize {
    let producer = ProducerId(request.producer_id.0);
    let mut appends = 0;
    for (t, topic) in request.topics.iter().enumerate() {
        for (p, partition) in topic.partitions.iter().enumerate() {
            if response.topics[t].partitions[p].error_code == 0 {
                let at = TopicPartition::new(topic.name.clone(), partition.partition_index);
                let offset = committed_offset(partition, turn.now);
                let entry = Entry::Partition { topic: t, partition: p };
                let ticket = Ticket { request: call.id, entry };
                append_one(group, turn, producer, at, offset, ticket);
                appends += 1;
            }
        }
    }
    appends
}

fn append_one(
    group: &mut Group,
    turn: &mut Turn<'_>,
    producer: ProducerId,
    at: TopicPartition,
    offset: CommittedOffset,
    ticket: Ticket,
) {
    let record =
        Record::TxnOffsetCommit { producer, group: group.id().clone(), partition: at, offset };
    turn.append(record, Consequence::Offset { ticket: Some(ticket), observe: None });
}

fn committed_offset(partition: &TxnOffsetCommitRequestPartition, now: Time) -> CommittedOffset {
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
        committed_at: now,
        expires_at: None,
    }
}

/// The response: every partition of the request in order, with the result of `verdict`.
fn response(
    request: &TxnOffsetCommitRequest,
    verdict: impl Fn(&TxnOffsetCommitRequestPartition) -> Option<ResponseError>,
) -> TxnOffsetCommitResponse {
    let partition = |p: &TxnOffsetCommitRequestPartition| {
        TxnOffsetCommitResponsePartition::default()
            .with_partition_index(p.partition_index)
            .with_error_code(error_code(verdict(p)))
    };
    let topic = |t: &TxnOffsetCommitRequestTopic| {
        TxnOffsetCommitResponseTopic::default()
            .with_name(t.name.clone())
            .with_partitions(t.partitions.iter().map(partition).collect())
    };
    TxnOffsetCommitResponse::default().with_topics(request.topics.iter().map(topic).collect())
}
