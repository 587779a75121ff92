//! Reads an event from its fields: the reverse of [`Event::visit`].
//!
//! The keys are those of [`crate::trace::fields`], and those that only this format has: the bytes
//! of messages ([`super::frames`]) and payloads, and the number of a consumer.

use serde_json::{Map, Value};

use super::fields::{Fields, Wrong};
use super::frames;
use super::observations;
use super::places::Places;
use crate::broker::Term;
use crate::client::ConsumerConfig;
use crate::coordinator::CoordinatorConfig;
use crate::protocol::{GroupId, TopicPartition};
use crate::trace::event::{Awaited, Event, EventKind};

/// Reads the events of one kind; returns `None` for all other names.
type Read = fn(&str, Fields<'_>) -> Result<Option<EventKind>, Wrong>;

/// Reads an event, and learns the names that it introduces.
pub(super) fn read(object: &Map<String, Value>, places: &mut Places) -> Result<Event, Wrong> {
    let name: String = Fields::new(object, places).get("event")?;
    if name == "consumer-started" {
        let fields = Fields::new(object, places);
        let (name, index): (String, u16) = (fields.get("name")?, fields.get("index")?);
        places.learn(&name, index);
    }
    let fields = Fields::new(object, places);
    let (at, local, place) = (fields.get("at")?, fields.get("local")?, fields.get("place")?);
    let readers: [Read; 5] = [processes, coordinator, consumer, cluster, verdicts];
    for read in readers {
        if let Some(kind) = read(&name, fields)? {
            return Ok(Event { at, local, place, kind });
        }
    }
    Err(Wrong(format!("\"event\": there is no event \"{name}\"")))
}

fn coordinator(name: &str, fields: Fields<'_>) -> Result<Option<EventKind>, Wrong> {
    Ok(observations::coordinator(name, fields)?.map(EventKind::Coordinator))
}

fn consumer(name: &str, fields: Fields<'_>) -> Result<Option<EventKind>, Wrong> {
    Ok(observations::consumer(name, fields)?.map(EventKind::Consumer))
}

/// The events of processes: their starts and ends, their faults and the messages between them.
fn processes(name: &str, fields: Fields<'_>) -> Result<Option<EventKind>, Wrong> {
    Ok(Some(match name {
        "sent" => EventKind::Sent {
            to: fields.get("to")?,
            conn: fields.get("conn")?,
            message: frames::message(fields)?,
        },
        "received" => EventKind::Received {
            from: fields.get("from")?,
            conn: fields.get("conn")?,
            message: frames::message(fields)?,
        },
        "lost" => EventKind::Lost {
            to: fields.get("to")?,
            conn: fields.get("conn")?,
            message: frames::message(fields)?,
            why: fields.get("why")?,
        },
        "coordinator-started" => EventKind::CoordinatorStarted {
            config: coordinator_config(fields)?,
            offsets_partitions: fields.get("offsets_partitions")?,
        },
        "consumer-started" => EventKind::ConsumerStarted {
            name: fields.get("name")?,
            config: consumer_config(fields)?.into(),
        },
        "consumer-closed" => EventKind::ConsumerClosed,
        "script" => EventKind::Script { line: fields.get("line")?, text: fields.get("text")? },
        "fault-began" => EventKind::FaultBegan {
            fault: fields.get("fault")?,
            peer: fields.optional("peer")?,
            direction: fields.optional("direction")?,
        },
        "fault-ended" => {
            EventKind::FaultEnded { fault: fields.get("fault")?, peer: fields.optional("peer")? }
        }
        _ => return Ok(None),
    }))
}

/// The events of the cluster: topics, logs and their leaders.
fn cluster(name: &str, fields: Fields<'_>) -> Result<Option<EventKind>, Wrong> {
    Ok(Some(match name {
        "topic-created" => EventKind::TopicCreated {
            topic: fields.get("topic")?,
            partitions: fields.get("partitions")?,
        },
        "topic-grown" => EventKind::TopicGrown {
            topic: fields.get("topic")?,
            partitions: fields.get("partitions")?,
        },
        "topic-deleted" => EventKind::TopicDeleted { topic: fields.get("topic")? },
        "leader-elected" => EventKind::LeaderElected {
            term: term(fields)?,
            leader: fields.optional("leader")?,
            lost: fields.get("lost")?,
        },
        "term" => EventKind::TermChanged { term: term(fields)?, state: fields.get("state")? },
        "uncommitted" => {
            EventKind::Uncommitted { term: term(fields)?, records: fields.get("records")? }
        }
        "appended" => EventKind::Appended {
            partition: fields.get("partition")?,
            first: fields.get("first")?,
            next: fields.get("next")?,
        },
        _ => return Ok(None),
    }))
}

/// The events by which a schedule judges a run and ends it.
fn verdicts(name: &str, fields: Fields<'_>) -> Result<Option<EventKind>, Wrong> {
    Ok(Some(match name {
        "quiesced" => EventKind::Quiesced { core: fields.get("core")? },
        "settled" => EventKind::Settled { took: fields.get("took")? },
        "not-settled" => EventKind::NotSettled {
            within: fields.get("within")?,
            waiting_for: waiting_for(fields)?,
        },
        "drained" => EventKind::Drained { took: fields.get("took")? },
        "not-drained" => EventKind::NotDrained {
            within: fields.get("within")?,
            waiting_for: waiting_for(fields)?,
        },
        "expected" => EventKind::Expected {
            line: fields.get("line")?,
            expected: fields.get("expected")?,
            found: fields.optional("found")?,
        },
        "finished" => EventKind::Finished,
        _ => return Ok(None),
    }))
}

fn term(fields: Fields<'_>) -> Result<Term, Wrong> {
    let partition: TopicPartition = fields.get("partition")?;
    Ok(Term { partition: partition.partition, epoch: fields.get("epoch")? })
}

fn coordinator_config(fields: Fields<'_>) -> Result<CoordinatorConfig, Wrong> {
    Ok(CoordinatorConfig {
        initial_rebalance_delay: fields.get("initial_delay")?,
        min_session_timeout: fields.get("min_session")?,
        max_session_timeout: fields.get("max_session")?,
        max_size: fields.get("max_size")?,
        offset_metadata_max: fields.get("metadata_max")?,
        offsets_retention: fields.get("retention")?,
        offsets_retention_check: fields.get("retention_check")?,
    })
}

fn consumer_config(fields: Fields<'_>) -> Result<ConsumerConfig, Wrong> {
    Ok(ConsumerConfig {
        client_id: fields.get("client")?,
        group: fields.get("group")?,
        instance_id: fields.optional("instance")?,
        rack: fields.optional("rack")?,
        topics: fields.get("topics")?,
        assignors: fields.get("assignor")?,
        session_timeout: fields.get("session")?,
        heartbeat_interval: fields.get("heartbeat")?,
        max_poll_interval: fields.get("rebalance")?,
        processing_time: fields.get("process")?,
        max_poll_records: fields.get("records")?,
        auto_commit_interval: fields.get("autocommit")?,
        request_timeout: fields.get("request")?,
        retry_backoff: fields.get("backoff")?,
        retry_backoff_max: fields.get("backoff_max")?,
        reconnect_backoff: fields.get("reconnect_backoff")?,
        reconnect_backoff_max: fields.get("reconnect_backoff_max")?,
        fetch_max_wait: fields.get("fetch")?,
        metadata_max_age: fields.get("metadata_age")?,
        join_version: fields.get("version")?,
        bootstrap: fields.get("bootstrap")?,
    })
}

/// What a wait waited for. The groups that it was about are in a list of their own, in the same
/// order; an empty name stands for none.
fn waiting_for(fields: Fields<'_>) -> Result<Vec<Awaited>, Wrong> {
    let whats: Vec<String> = fields.get("waiting_for")?;
    let groups: Vec<GroupId> = fields.get("waiting_groups")?;
    if whats.len() != groups.len() {
        let (whats, groups) = (whats.len(), groups.len());
        return Err(Wrong(format!(
            "\"waiting_groups\": expected {whats} items as in \"waiting_for\", found {groups}"
        )));
    }
    let group = |group: GroupId| Some(group).filter(|group| !group.as_str().is_empty());
    let both = whats.into_iter().zip(groups);
    Ok(both.map(|(what, name)| Awaited { group: group(name), what }).collect())
}
