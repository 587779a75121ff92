//! Summarizes a response: its first error and the requested value.

use crate::protocol::{Response, records};

pub(super) fn summarize(response: &Response) -> String {
    match response {
        Response::Produce(body) => {
            let partition = &body.responses[0].partition_responses[0];
            format!("{} offset {}", partition.error_code, partition.base_offset)
        }
        Response::Fetch(body) => {
            let read = &body.responses[0].partitions[0];
            let records = read.records.as_ref().expect("records");
            let values = records::decode_records(records).expect("a batch");
            let value = String::from_utf8_lossy(&values[0].1);
            format!("{} until {}: {value}", body.error_code + read.error_code, read.high_watermark)
        }
        Response::ListOffsets(body) => {
            let partition = &body.topics[0].partitions[0];
            format!("{} offset {}", partition.error_code, partition.offset)
        }
        Response::Metadata(body) => {
            let topic = &body.topics[0];
            let (brokers, partitions) = (body.brokers.len(), topic.partitions.len());
            let name = topic.name.as_ref().map_or("", |name| name.as_str());
            format!("{brokers} brokers, {name} {} with {partitions} partitions", topic.error_code)
        }
        Response::OffsetFetch(body) => match body.groups.first() {
            Some(group) => {
                let partition = &group.topics[0].partitions[0];
                format!(
                    "{} offset {}",
                    group.error_code + partition.error_code,
                    partition.committed_offset
                )
            }
            None => {
                let partition = &body.topics[0].partitions[0];
                format!(
                    "{} offset {}",
                    body.error_code + partition.error_code,
                    partition.committed_offset
                )
            }
        },
        Response::FindCoordinator(body) => match body.coordinators.first() {
            Some(found) => format!("{} node {}", found.error_code, found.node_id.0),
            None => format!("{} node {}", body.error_code, body.node_id.0),
        },
        Response::InitProducerId(body) => {
            let (id, epoch) = (body.producer_id.0, body.producer_epoch);
            format!("{} id {id} epoch {epoch}", body.error_code)
        }
        group => of_group(group),
    }
}

fn of_group(response: &Response) -> String {
    match response {
        Response::JoinGroup(body) => {
            let (generation, members) = (body.generation_id, body.members.len());
            let role = if body.leader == body.member_id { "leads" } else { "follows" };
            format!("{} generation {generation}, {members} members, {role}", body.error_code)
        }
        Response::SyncGroup(body) => {
            let assigned = String::from_utf8_lossy(&body.assignment);
            format!("{} assigned {assigned}", body.error_code)
        }
        Response::DescribeGroups(body) => {
            let group = &body.groups[0];
            let (id, state) = (group.group_id.as_str(), group.group_state.as_str());
            format!("{} {id} {state}, {} members", group.error_code, group.members.len())
        }
        Response::ListGroups(body) => {
            let group = &body.groups[0];
            let (id, kind) = (group.group_id.as_str(), group.protocol_type.as_str());
            format!("{} {id} {kind} {}", body.error_code, group.group_state.as_str())
        }
        other => errors(other).iter().map(i16::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// The errors of a response that has nothing else.
fn errors(response: &Response) -> Vec<i16> {
    match response {
        Response::OffsetCommit(body) => vec![body.topics[0].partitions[0].error_code],
        Response::TxnOffsetCommit(body) => vec![body.topics[0].partitions[0].error_code],
        Response::OffsetDelete(body) => {
            vec![body.error_code + body.topics[0].partitions[0].error_code]
        }
        Response::Heartbeat(body) => vec![body.error_code],
        Response::LeaveGroup(body) => {
            let members = body.members.iter().map(|member| member.error_code);
            vec![body.error_code + members.sum::<i16>()]
        }
        Response::WriteTxnMarkers(body) => {
            vec![body.markers[0].topics[0].partitions[0].error_code]
        }
        Response::DescribeConfigs(body) => body.results.iter().map(|of| of.error_code).collect(),
        Response::DeleteGroups(body) => body.results.iter().map(|group| group.error_code).collect(),
        other => panic!("{other:?} has more than its errors"),
    }
}
