//! OffsetCommit: stores how far a group has read (rules R6.5).
//!
//! The answer leaves when every record of the request is durable or has failed ([`super::appends`]).

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::protocol::{ResponseError, StrBytes, TopicPartition, error_code};
use crate::time::Time;

use super::api::{Call, Release};
use super::appends::{Consequence, Entry};
use super::group::{Group, Groups};
use super::record::{CommittedOffset, Record};
use super::state::GroupState;
use super::turn::Turn;

/// The first version that tells a group that does not exist from an old generation.
const NAMES_MISSING_GROUP: i16 = 9;

/// Answers an OffsetCommit, or holds the answer until its records are durable.
pub(super) fn handle(
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
        is_too_long(partition, limit).then_some(ResponseError::OffsetMetadataTooLarge)
    };
    let response = response(request, verdict);
    match append(group, turn, call, request, &response) {
        0 => turn.respond(call.id, response, Release::WhenDurable),
        appends => turn.appends.hold(call.id, appends, response),
    }
}

/// The group, if the caller may commit to it now (R6.5.1 to R6.5.8).
fn admit<'g>(
    groups: &'g mut Groups,
    turn: &mut Turn<'_>,
    version: i16,
    request: &OffsetCommitRequest,
) -> Result<&'g mut Group, ResponseError> {
    if request.group_instance_id.is_some() {
        return Err(ResponseError::UnsupportedVersion);
    }
    let generation = request.generation_id_or_member_epoch;
    let id = &request.group_id;
    if !groups.contains_key(id) {
        if generation >= 0 {
            return Err(match version >= NAMES_MISSING_GROUP {
                true => ResponseError::GroupIdNotFound,
                false => ResponseError::IllegalGeneration,
            });
        }
        groups.insert(id.clone(), Group::new(id.clone(), turn.now));
    }
    let group = groups.get_mut(id).expect("the group is there or was just created");
    fence(group, turn, generation, &request.member_id)?;
    Ok(group)
}

/// Members commit in their own generation, and still may while the next one forms: that is how a
/// consumer commits what it gives up. Anybody may commit to a group without members.
fn fence(
    group: &Group,
    turn: &mut Turn<'_>,
    generation: i32,
    member: &StrBytes,
) -> Result<(), ResponseError> {
    let no_generation = generation < 0;
    match group.state() {
        GroupState::Dead => return Err(ResponseError::CoordinatorNotAvailable),
        GroupState::Empty if no_generation => return Ok(()),
        GroupState::Empty
        | GroupState::PreparingRebalance
        | GroupState::CompletingRebalance
        | GroupState::Stable => {}
    }
    if no_generation && member.is_empty() {
        return Err(ResponseError::UnknownMemberId);
    }
    let member = group.member(member)?;
    group.check_generation(generation)?;
    match group.state() {
        GroupState::CompletingRebalance => Err(ResponseError::RebalanceInProgress),
        GroupState::PreparingRebalance | GroupState::Stable => {
            group.restart_session(member, turn);
            Ok(())
        }
        GroupState::Empty | GroupState::Dead => Err(ResponseError::UnknownMemberId),
    }
}

/// Appends every partition that `response` does not refuse; gives how many there were.
fn append(
    group: &mut Group,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    request: &OffsetCommitRequest,
    response: &OffsetCommitResponse,
) -> usize {
    let mut appends = 0;
    for (t, topic) in request.topics.iter().enumerate() {
        for (p, partition) in topic.partitions.iter().enumerate() {
            if response.topics[t].partitions[p].error_code == 0 {
                let entry = Entry { topic: t, partition: p };
                append_one(group, turn, call, topic, partition, entry);
                appends += 1;
            }
        }
    }
    appends
}

fn append_one(
    group: &mut Group,
    turn: &mut Turn<'_>,
    call: &Call<'_>,
    topic: &OffsetCommitRequestTopic,
    partition: &OffsetCommitRequestPartition,
    entry: Entry,
) {
    let (name, number) = (&topic.name, partition.partition_index);
    let offset = committed_offset(partition, turn.now);
    let record = Record::OffsetCommit {
        group: group.id.clone(),
        partition: TopicPartition::new(name.clone(), number),
        offset: offset.clone(),
    };
    let consequence = Consequence::Offset {
        group: group.id.clone(),
        topic: name.clone(),
        partition: number,
        commit: call.id,
        entry,
    };
    let append = turn.append(record, consequence);
    group.offsets.append(name, number, append, offset);
}

fn committed_offset(partition: &OffsetCommitRequestPartition, now: Time) -> CommittedOffset {
    CommittedOffset {
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.clone().unwrap_or_default(),
        committed_at: now,
    }
}

/// The limit is in UTF-16 units, the length of a Java string; no text has more of them than bytes.
fn is_too_long(partition: &OffsetCommitRequestPartition, limit: usize) -> bool {
    partition
        .committed_metadata
        .as_ref()
        .is_some_and(|text| text.len() > limit && text.encode_utf16().count() > limit)
}

/// The answer: every partition of the request in its order, with what `verdict` says of it.
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
