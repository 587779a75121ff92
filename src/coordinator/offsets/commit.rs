//! OffsetCommit: stores how far a group has read (rules R6.5).
//!
//! The response is sent when every record of the request is durable or has failed
//! ([`crate::coordinator::runtime::appends`]).

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::coordinator::api::{Call, Entry, Release, Ticket};
use crate::coordinator::group::{Committer, Group, Groups};
use crate::coordinator::record::{CommittedOffset, Record};
use crate::coordinator::runtime::appends::Consequence;
use crate::coordinator::runtime::turn::Turn;
use crate::protocol::{ResponseError, StrBytes, TopicPartition, error_code};
use crate::time::Time;

/// The first version with an error of its own for a group that does not exist.
const REPORTS_MISSING_GROUP: i16 = 9;
/// The last version with a retention time; the first supported version is 2.
const LAST_WITH_RETENTION: i16 = 4;
/// The retention time that leaves the choice to the broker.
const NO_RETENTION: i64 = -1;

/// Responds to an OffsetCommit, or defers the response until its records are durable.
pub(crate) fn handle(
    groups: &mut Groups,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetCommitRequest,
) {
    let group = match admit(groups, turn, call.version, request) {
        Ok(group) => group,
        Err(error) => {
            return turn.respond(call.id, response(request, |_| Some(error)), Release::Now);
        }
    };
    let limit = turn.config.offset_metadata_max;
    let verdict = |partition: &OffsetCommitRequestPartition| {
        is_too_long(partition.committed_metadata.as_ref(), limit)
            .then_some(ResponseError::OffsetMetadataTooLarge)
    };
    let response = response(request, verdict);
    match append(group, turn, call, request, &response) {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        records => turn.respond(call.id, response, Release::WhenKnown(records)),
    }
}

/// The group, if the caller may commit to it (R6.5.1 to R6.5.8).
fn admit<'g>(
    groups: &'g mut Groups,
    turn: &mut Turn<'_>,
    version: i16,
    request: &OffsetCommitRequest,
) -> Result<&'g mut Group, ResponseError> {
    let committer = Committer {
        generation: request.generation_id_or_member_epoch,
        member: &request.member_id,
        instance: request.group_instance_id.as_ref(),
    };
    let id = &request.group_id;
    if !groups.contains_key(id) {
        if !committer.has_no_generation() {
            return Err(match version >= REPORTS_MISSING_GROUP {
                true => ResponseError::GroupIdNotFound,
                false => ResponseError::IllegalGeneration,
            });
        }
        groups.insert(id.clone(), Group::created_by_commit(id.clone(), turn));
    }
    let group = groups.get_mut(id).expect("the group is there or was just created");
    group.validate_commit(turn, &committer)?;
    Ok(group)
}

/// Appends every partition that `response` does not refuse; returns their number.
fn append(
    group: &mut Group,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetCommitRequest,
    response: &OffsetCommitResponse,
) -> usize {
    let expires_at = expires_at(call.version, request.retention_time_ms, turn.now);
    let mut appends = 0;
    for (t, topic) in request.topics.iter().enumerate() {
        for (p, partition) in topic.partitions.iter().enumerate() {
            if response.topics[t].partitions[p].error_code == 0 {
                let entry = Entry::Partition { topic: t, partition: p };
                let offset =
                    CommittedOffset { expires_at, ..committed_offset(partition, turn.now) };
                let ticket = Ticket { request: call.id, entry };
                append_one(group, turn, topic, partition.partition_index, offset, ticket);
                appends += 1;
            }
        }
    }
    appends
}

fn append_one(
    group: &mut Group,
    turn: &mut Turn<'_>,
    topic: &OffsetCommitRequestTopic,
    partition: i32,
    offset: CommittedOffset,
    ticket: Ticket,
) {
    let record = Record::OffsetCommit {
        group: group.id().clone(),
        partition: TopicPartition::new(topic.name.clone(), partition),
        offset,
    };
    turn.append(record, Consequence::Offset { ticket: Some(ticket), observe: None });
}

fn committed_offset(partition: &OffsetCommitRequestPartition, now: Time) -> CommittedOffset {
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
        committed_at: now,
        expires_at: None,
    }
}

/// When a commit with a retention time expires (R6.5.10). A client may send any number: a negative
/// one has already expired, one that is too large never expires.
fn expires_at(version: i16, retention_ms: i64, now: Time) -> Option<Time> {
    if version > LAST_WITH_RETENTION || retention_ms == NO_RETENTION {
        return None;
    }
    let now = i64::try_from(now.micros()).unwrap_or(i64::MAX);
    let expiry = now.saturating_add(retention_ms.saturating_mul(1_000));
    Some(Time::from_micros(u64::try_from(expiry).unwrap_or(0)))
}

/// The limit is in UTF-16 units, the length of a Java string; no text has more of them than bytes.
pub(super) fn is_too_long(metadata: Option<&StrBytes>, limit: usize) -> bool {
    metadata.is_some_and(|text| text.len() > limit && text.encode_utf16().count() > limit)
}

/// The response: every partition of the request in order, with the result of `verdict`.
fn response(
    request: &OffsetCommitRequest,
    verdict: impl Fn(&OffsetCommitRequestPartition) -> Option<ResponseError>,
) -> OffsetCommitResponse {
    let partition = |p: &OffsetCommitRequestPartition| {
        OffsetCommitResponsePartition::default()
            .with_partition_index(p.partition_index)
            .with_error_code(error_code(verdict(p)))
    };
    let topic = |t: &OffsetCommitRequestTopic| {
        OffsetCommitResponseTopic::default()
            .with_name(t.name.clone())
            .with_partitions(t.partitions.iter().map(partition).collect())
    };
    OffsetCommitResponse::default().with_topics(request.topics.iter().map(topic).collect())
}
