//! Reads the observations of coordinators and consumers.

use super::fields::{ErrorCode, Fields, Payload, Wrong};
use crate::client::ClientObservation as Consumer;
use crate::coordinator::{
    ClassicObservation as Classic, GroupMetadata, LoadedGroup, MemberMetadata,
    Observation as Coordinator,
};
use crate::protocol::TopicPartition;

/// The observation of a coordinator; `None` if there is none of this name.
pub(super) fn coordinator(name: &str, fields: Fields<'_>) -> Result<Option<Coordinator>, Wrong> {
    Ok(Some(match name {
        "group-state" => Coordinator::Classic(Classic::State {
            group: fields.get("group")?,
            from: fields.get("from")?,
            to: fields.get("to")?,
            why: fields.get("why")?,
        }),
        "member-added" => Coordinator::Classic(Classic::MemberAdded {
            group: fields.get("group")?,
            member: fields.get("member")?,
            instance: fields.optional("instance")?,
            session: fields.get("session")?,
            rebalance: fields.get("rebalance")?,
        }),
        "member-removed" => Coordinator::Classic(Classic::MemberRemoved {
            group: fields.get("group")?,
            member: fields.get("member")?,
            why: fields.get("why")?,
        }),
        "member-replaced" => Coordinator::Classic(Classic::MemberReplaced {
            group: fields.get("group")?,
            instance: fields.get("instance")?,
            old: fields.get("old")?,
            new: fields.get("new")?,
            session: fields.get("session")?,
            rebalance: fields.get("rebalance")?,
        }),
        "replacement-undone" => Coordinator::Classic(Classic::ReplacementUndone {
            group: fields.get("group")?,
            instance: fields.get("instance")?,
            old: fields.get("old")?,
            new: fields.get("new")?,
        }),
        "group-loaded" => Coordinator::GroupLoaded(Box::new(loaded(fields)?)),
        "group-removed" => {
            Coordinator::GroupRemoved { group: fields.get("group")?, why: fields.get("why")? }
        }
        "offset-removed" => Coordinator::OffsetRemoved {
            group: fields.get("group")?,
            partition: fields.get("partition")?,
            why: fields.get("why")?,
        },
        "generation-began" => Coordinator::Classic(Classic::GenerationBegan {
            group: fields.get("group")?,
            generation: fields.get("generation")?,
            protocol: fields.optional("protocol")?,
            leader: fields.optional("leader")?,
            members: fields.get("members")?,
            took: fields.get("took")?,
        }),
        "timer-fired" => Coordinator::Classic(Classic::TimerFired {
            group: fields.get("group")?,
            timer: fields.get("timer")?,
            member: fields.optional("member")?,
        }),
        _ => return Ok(None),
    }))
}

fn loaded(fields: Fields<'_>) -> Result<LoadedGroup, Wrong> {
    let metadata = GroupMetadata {
        group: fields.get("group")?,
        protocol_type: fields.optional("type")?,
        generation: fields.get("generation")?,
        protocol: fields.optional("protocol")?,
        leader: fields.optional("leader")?,
        state_since: fields.get("since")?,
        members: fields.each("members", member)?,
    };
    let (state, offsets) = (fields.get("state")?, fields.each("offsets", offset)?);
    Ok(LoadedGroup { metadata, state, offsets })
}

fn member(fields: Fields<'_>) -> Result<MemberMetadata, Wrong> {
    Ok(MemberMetadata {
        id: fields.get("member")?,
        instance_id: fields.optional("instance")?,
        client_id: fields.get("client")?,
        client_host: fields.get("host")?,
        session_timeout: fields.get("session")?,
        rebalance_timeout: fields.get("rebalance")?,
        subscription: fields.get::<Payload>("metadata_bytes")?.0,
        assignment: fields.get::<Payload>("assignment_bytes")?.0,
    })
}

fn offset(fields: Fields<'_>) -> Result<(TopicPartition, i64), Wrong> {
    Ok((fields.get("partition")?, fields.get("offset")?))
}

/// The observation of a consumer; `None` if there is none of this name.
pub(super) fn consumer(name: &str, fields: Fields<'_>) -> Result<Option<Consumer>, Wrong> {
    Ok(Some(match name {
        "member-state" => Consumer::State {
            from: fields.get("from")?,
            to: fields.get("to")?,
            why: fields.get("why")?,
        },
        "coordinator-lost" => Consumer::CoordinatorLost { why: fields.get("why")? },
        "assigned" => Consumer::Assigned {
            member: fields.get("member")?,
            generation: fields.get("generation")?,
            partitions: fields.get("partitions")?,
            added: fields.get("added")?,
        },
        "revoked" => Consumer::Revoked { partitions: fields.get("partitions")? },
        "partitions-lost" => Consumer::Lost { partitions: fields.get("partitions")? },
        "positioned" => Consumer::Positioned {
            partition: fields.get("partition")?,
            offset: fields.get("offset")?,
            committed: fields.get("committed")?,
        },
        "polled" => Consumer::Polled {
            partition: fields.get("partition")?,
            first: fields.get("first")?,
            values: fields.get("values")?,
        },
        "processed" => Consumer::Processed {
            partition: fields.get("partition")?,
            first: fields.get("first")?,
            next: fields.get("next")?,
        },
        "commit-failed" => Consumer::CommitFailed {
            offsets: fields.each("offsets", offset)?,
            why: fields.get("why")?,
        },
        "poll-timeout" => Consumer::PollTimeout,
        "fatal" => Consumer::Fatal { error: fields.get::<ErrorCode>("error")?.0 },
        _ => return Ok(None),
    }))
}
