//! What the administrator received: the parts of a response that an `expect response` line
//! compares.

use std::fmt;

use kafka_protocol::messages::{DescribeGroupsResponse, OffsetFetchResponse};

use crate::coordinator::GroupState;
use crate::protocol::{Response, ResponseError, TopicPartition, error_name};
use crate::sim::schedule::ExpectedResponse;

/// The parts of a response that a schedule can compare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdminResponse {
    /// The first error code in it that is not NONE, by its official name.
    error: Option<&'static str>,
    /// The state of the first group described, as Kafka spells it.
    state: Option<String>,
    /// The number of members of the first group described.
    members: Option<usize>,
    /// The groups listed, sorted.
    groups: Option<Vec<String>>,
    /// The committed offsets; `None` if the response has no offsets.
    offsets: Option<Vec<(TopicPartition, i64)>>,
}

impl AdminResponse {
    /// A response that is nothing but an error.
    pub(super) fn error(error: ResponseError) -> AdminResponse {
        AdminResponse { error: Some(error_name(error.code())), ..AdminResponse::default() }
    }

    pub(super) fn new(response: &Response) -> AdminResponse {
        let codes = error_codes(response);
        let error = codes.into_iter().find(|&code| code != 0).map(error_name);
        let base = AdminResponse { error, ..AdminResponse::default() };
        match response {
            Response::DescribeGroups(response) => with_description(base, response),
            Response::ListGroups(response) => {
                let names = response.groups.iter().map(|group| group.group_id.0.to_string());
                let mut names: Vec<String> = names.collect();
                names.sort();
                AdminResponse { groups: Some(names), ..base }
            }
            Response::OffsetFetch(response) => {
                AdminResponse { offsets: Some(offsets(response)), ..base }
            }
            _ => base,
        }
    }

    /// Whether the response has everything that is expected.
    pub fn meets(&self, expected: &ExpectedResponse) -> bool {
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
                self.offset(partition).is_some_and(|found| found == *offset)
            })
    }

    /// The committed offset of a partition, −1 if it has none; `None` if the response has no
    /// offsets.
    fn offset(&self, partition: &TopicPartition) -> Option<i64> {
        let offsets = self.offsets.as_ref()?;
        let found = offsets.iter().find(|(name, _)| name == partition);
        Some(found.map_or(-1, |&(_, offset)| offset))
    }
}

/// Printed in the syntax of an `expect response` line.
impl fmt::Display for AdminResponse {
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

fn with_description(base: AdminResponse, response: &DescribeGroupsResponse) -> AdminResponse {
    let Some(group) = response.groups.first() else { return base };
    let state = Some(group.group_state.to_string());
    AdminResponse { state, members: Some(group.members.len()), ..base }
}

/// The offsets in a response, for versions with several groups and for the older ones.
fn offsets(response: &OffsetFetchResponse) -> Vec<(TopicPartition, i64)> {
    let mut offsets = Vec::new();
    for topic in response.groups.iter().flat_map(|group| &group.topics) {
        offsets.extend(topic.partitions.iter().map(|partition| {
            let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
            (name, partition.committed_offset)
        }));
    }
    for topic in &response.topics {
        offsets.extend(topic.partitions.iter().map(|partition| {
            let name = TopicPartition::new(topic.name.clone(), partition.partition_index);
            (name, partition.committed_offset)
        }));
    }
    offsets
}

/// Every error code of a response to the administrator, in the order of its fields.
fn error_codes(response: &Response) -> Vec<i16> {
    match response {
        Response::DescribeGroups(response) => {
            response.groups.iter().map(|group| group.error_code).collect()
        }
        Response::ListGroups(response) => vec![response.error_code],
        Response::DeleteGroups(response) => {
            response.results.iter().map(|result| result.error_code).collect()
        }
        Response::LeaveGroup(response) => {
            let members = response.members.iter().map(|member| member.error_code);
            [response.error_code].into_iter().chain(members).collect()
        }
        Response::OffsetDelete(response) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions = partitions.map(|partition| partition.error_code);
            [response.error_code].into_iter().chain(partitions).collect()
        }
        Response::OffsetCommit(response) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::TxnOffsetCommit(response) => {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::WriteTxnMarkers(response) => {
            let topics = response.markers.iter().flat_map(|marker| &marker.topics);
            let partitions = topics.flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).collect()
        }
        Response::OffsetFetch(response) => {
            let groups = response.groups.iter().flat_map(|group| {
                let partitions = group.topics.iter().flat_map(|topic| &topic.partitions);
                let partitions = partitions.map(|partition| partition.error_code);
                [group.error_code].into_iter().chain(partitions)
            });
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            let partitions = partitions.map(|partition| partition.error_code);
            [response.error_code].into_iter().chain(groups).chain(partitions).collect()
        }
        Response::JoinGroup(response) => vec![response.error_code],
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
