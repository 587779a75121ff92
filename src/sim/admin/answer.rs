//! What the administrator was told: the parts of a response that an `expect answer` line compares.

use std::fmt;

use kafka_protocol::messages::{DescribeGroupsResponse, OffsetFetchResponse};

use crate::coordinator::GroupState;
use crate::protocol::{Response, ResponseError, TopicPartition, error_name};
use crate::sim::schedule::Answer;

/// What a response says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The first error in it that is not NONE, by its official name.
    error: Option<&'static str>,
    /// The state of the first group described, as Kafka writes it.
    state: Option<String>,
    /// How many members the first group described has.
    members: Option<usize>,
    /// The groups listed, sorted.
    groups: Option<Vec<String>>,
    /// The committed offsets told; none where nothing is said of offsets.
    offsets: Option<Vec<(TopicPartition, i64)>>,
}

impl Told {
    /// Nothing but an error.
    pub(super) fn error(error: ResponseError) -> Told {
        Told { error: Some(error_name(error.code())), ..Told::default() }
    }

    pub(super) fn new(response: &Response) -> Told {
        let codes = error_codes(response);
        let error = codes.into_iter().find(|&code| code != 0).map(error_name);
        let told = Told { error, ..Told::default() };
        match response {
            Response::DescribeGroups(answer) => described(told, answer),
            Response::ListGroups(answer) => {
                let names = answer.groups.iter().map(|group| group.group_id.0.to_string());
                let mut names: Vec<String> = names.collect();
                names.sort();
                Told { groups: Some(names), ..told }
            }
            Response::OffsetFetch(answer) => Told { offsets: Some(offsets(answer)), ..told },
            _ => told,
        }
    }

    /// Whether this is what is expected.
    pub fn meets(&self, expected: &Answer) -> bool {
        let error = expected.error.as_deref();
        let state = expected.state.map(GroupState::name);
        let mut groups = expected.groups.clone();
        if let Some(groups) = &mut groups {
            groups.sort();
        }
        error.is_none_or(|error| error == self.error.unwrap_or("NONE"))
            && state.is_none_or(|state| self.state.as_deref() == Some(state))
            && expected.members.is_none_or(|members| self.members == Some(members))
            && groups.is_none_or(|groups| self.groups.as_ref() == Some(&groups))
            && expected.offset.as_ref().is_none_or(|(partition, offset)| {
                self.offset(partition).is_some_and(|told| told == *offset)
            })
    }

    /// The committed offset of a partition, −1 when there is none; nothing when no offsets were told.
    fn offset(&self, partition: &TopicPartition) -> Option<i64> {
        let offsets = self.offsets.as_ref()?;
        let told = offsets.iter().find(|(told, _)| told == partition);
        Some(told.map_or(-1, |&(_, offset)| offset))
    }
}

/// As an `expect answer` line would say it.
impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error.unwrap_or("NONE"))?;
        if let Some(state) = &self.state {
            write!(f, " state={state}")?;
        }
        if let Some(members) = self.members {
            write!(f, " members={members}")?;
        }
        if let Some(groups) = &self.groups {
            let groups = if groups.is_empty() { "none".to_owned() } else { groups.join(",") };
            write!(f, " groups={groups}")?;
        }
        for (partition, offset) in self.offsets.iter().flatten() {
            write!(f, " {partition}={offset}")?;
        }
        Ok(())
    }
}

fn described(told: Told, answer: &DescribeGroupsResponse) -> Told {
    let Some(group) = answer.groups.first() else { return told };
    let state = Some(group.group_state.to_string());
    Told { state, members: Some(group.members.len()), ..told }
}

/// The offsets of an answer, of versions with several groups and of those before.
fn offsets(answer: &OffsetFetchResponse) -> Vec<(TopicPartition, i64)> {
    let mut offsets = Vec::new();
    for topic in answer.groups.iter().flat_map(|group| &group.topics) {
        offsets.extend(topic.partitions.iter().map(|partition| {
            let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
            (name, partition.committed_offset)
        }));
    }
    for topic in &answer.topics {
        offsets.extend(topic.partitions.iter().map(|partition| {
            let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
            (name, partition.committed_offset)
        }));
    }
    offsets
}

/// Every error code of a response to the administrator, in the order they are written.
fn error_codes(response: &Response) -> Vec<i16> {
    match response {
        Response::DescribeGroups(answer) => {
            answer.groups.iter().map(|group| group.error_code).collect()
        }
        Response::ListGroups(answer) => vec![answer.error_code],
        Response::DeleteGroups(answer) => {
            answer.results.iter().map(|result| result.error_code).collect()
        }
        Response::LeaveGroup(answer) => {
            let members = answer.members.iter().map(|member| member.error_code);
            [answer.error_code].into_iter().chain(members).collect()
        }
        Response::OffsetDelete(answer) => {
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions = partitions.map(|partition| partition.error_code);
            [answer.error_code].into_iter().chain(partitions).collect()
        }
        Response::OffsetCommit(answer) => {
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::TxnOffsetCommit(answer) => {
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::WriteTxnMarkers(answer) => {
            let topics = answer.markers.iter().flat_map(|marker| &marker.topics);
            let partitions = topics.flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::OffsetFetch(answer) => {
            let groups = answer.groups.iter().flat_map(|group| {
                let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
                let partitions = partitions.map(|partition| partition.error_code);
                [group.error_code].into_iter().chain(partitions)
            });
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions = partitions.map(|partition| partition.error_code);
            [answer.error_code].into_iter().chain(groups).chain(partitions).collect()
        }
        Response::JoinGroup(answer) => vec![answer.error_code],
        Response::Produce(_)
        | Response::Fetch(_)
        | Response::ListOffsets(_)
        | Response::Metadata(_)
        | Response::FindCoordinator(_)
        | Response::InitProducerId(_)
        | Response::DescribeConfigs(_)
        | Response::Heartbeat(_)
        | Response::SyncGroup(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
