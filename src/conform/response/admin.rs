//! Responses to administrators, and to the requests with which every client starts.

use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, CreateTopicsResponse, DeleteGroupsResponse,
    DescribeGroupsResponse, FindCoordinatorResponse, ListGroupsResponse, MetadataResponse,
};

use super::{Detail, ResponseContext, assignment, error, nullable, sorted};

pub fn describe_groups(
    response: &DescribeGroupsResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    let (separator, show): (_, fn(&DescribedGroup, &ResponseContext<'_>) -> String) =
        if context.is_full() { (" | ", described_in_full) } else { (" ", described) };
    let groups = response.groups.iter().map(|group| show(group, context));
    groups.collect::<Vec<_>>().join(separator)
}

fn described(group: &DescribedGroup, context: &ResponseContext<'_>) -> String {
    let members = group.members.iter().map(|member| {
        let owned = assignment(&member.member_assignment);
        format!("{}={owned}", context.session.shown(&member.member_id))
    });
    format!(
        "DescribeGroups {} state={} type={:?} protocol={:?} members=[{}]",
        error(group.error_code),
        group.group_state.as_str(),
        group.protocol_type.as_str(),
        group.protocol_data.as_str(),
        sorted(members.collect()).join(" ")
    )
}

fn described_in_full(group: &DescribedGroup, context: &ResponseContext<'_>) -> String {
    let members = group.members.iter().map(|member| {
        format!(
            "{}({})/{}{}/meta={}/{}",
            context.session.shown(&member.member_id),
            nullable(&member.group_instance_id),
            member.client_id.as_str(),
            member.client_host.as_str(),
            member.member_metadata.len(),
            assignment(&member.member_assignment)
        )
    });
    format!(
        "DescribeGroups {}={} {} state={} type={:?} protocol={:?} ops={} members=[{}]",
        context.session.group_name(&group.group_id),
        error(group.error_code),
        context.message(&group.error_message),
        group.group_state.as_str(),
        group.protocol_type.as_str(),
        group.protocol_data.as_str(),
        group.authorized_operations,
        sorted(members.collect()).join(" ")
    )
}

/// Lists only the groups of this script: other groups may exist on the broker.
pub fn list_groups(response: &ListGroupsResponse, context: &mut ResponseContext<'_>) -> String {
    let (own, full) = (context.session.group(), context.is_full());
    let groups = response
        .groups
        .iter()
        .filter(|group| group.group_id.as_str() == own || full && group.group_id.starts_with(own));
    let groups = groups.map(|group| {
        let name = match full {
            true => format!("{}:", context.session.group_name(&group.group_id)),
            false => String::new(),
        };
        let (kind, state) = (group.protocol_type.as_str(), group.group_state.as_str());
        format!("{name}{kind}/{state}/{}", group.group_type.as_str())
    });
    let groups = sorted(groups.collect()).join(" ");
    format!("ListGroups {} own=[{groups}]", error(response.error_code))
}

pub fn delete_groups(response: &DeleteGroupsResponse, context: &mut ResponseContext<'_>) -> String {
    let results = response.results.iter().map(|result| match context.is_full() {
        true => {
            let name = context.session.group_name(&result.group_id);
            format!("{name}={}", error(result.error_code))
        }
        false => error(result.error_code),
    });
    let results: Vec<String> = results.collect();
    let results = if context.detail == Detail::Full { sorted(results) } else { results };
    format!("DeleteGroups {}", results.join(" "))
}

pub fn find_coordinator(
    response: &FindCoordinatorResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    let node = |id: i32| if id < 0 { "none" } else { "some" };
    if context.version < 4 {
        let code = error(response.error_code);
        return match context.is_full() {
            true => {
                let message = context.message(&response.error_message);
                format!("FindCoordinator {code}/{message}/node={}", node(response.node_id.0))
            }
            false => format!("FindCoordinator {code}"),
        };
    }
    let coordinators = response.coordinators.iter().map(|found| {
        let code = error(found.error_code);
        match context.is_full() {
            true => format!(
                "{}={code}/{}/node={}",
                context.session.group_name(&found.key),
                context.message(&found.error_message),
                node(found.node_id.0)
            ),
            false => code,
        }
    });
    format!("FindCoordinator {}", coordinators.collect::<Vec<_>>().join(" "))
}

/// The number of partitions of each topic. The session remembers the topic ids.
pub fn metadata(response: &MetadataResponse, context: &mut ResponseContext<'_>) -> String {
    let mut shown = Vec::new();
    for topic in &response.topics {
        if let Some(name) = &topic.name {
            context.session.know_topic(topic.topic_id, name);
        }
        shown.push(format!("{}:{}", error(topic.error_code), topic.partitions.len()));
    }
    format!("Metadata {}", shown.join(" "))
}

pub fn create_topics(response: &CreateTopicsResponse, _: &mut ResponseContext<'_>) -> String {
    let topics = response.topics.iter().map(|topic| error(topic.error_code));
    format!("CreateTopics {}", topics.collect::<Vec<_>>().join(" "))
}

/// The APIs that the scripts test.
const ABOUT: [ApiKey; 16] = [
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::Heartbeat,
    ApiKey::LeaveGroup,
    ApiKey::SyncGroup,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::ApiVersions,
    ApiKey::InitProducerId,
    ApiKey::EndTxn,
    ApiKey::WriteTxnMarkers,
    ApiKey::TxnOffsetCommit,
    ApiKey::DeleteGroups,
    ApiKey::OffsetDelete,
];

pub fn api_versions(response: &ApiVersionsResponse, context: &mut ResponseContext<'_>) -> String {
    let keys = response.api_keys.iter().filter(|listed| {
        context.is_full() || ABOUT.iter().any(|key| *key as i16 == listed.api_key)
    });
    let keys = keys.map(|listed| {
        let name = ApiKey::try_from(listed.api_key).map(|key| format!("{key:?}"));
        let name = name.unwrap_or_else(|_| listed.api_key.to_string());
        format!("{name}:{}-{}", listed.min_version, listed.max_version)
    });
    let keys: Vec<String> = keys.collect();
    format!("ApiVersions {} {}", error(response.error_code), keys.join(" "))
}
