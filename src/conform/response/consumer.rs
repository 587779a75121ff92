//! Responses to members of a consumer group (KIP-848).

use kafka_protocol::messages::{ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatResponse};

use super::{ResponseContext, error, numbers, sorted};

pub fn heartbeat(
    response: &ConsumerGroupHeartbeatResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    let client = context.client;
    if let Some(member) = &response.member_id {
        context.session.name(client, member);
        if !member.is_empty() {
            context.session.remember(client, "m", member);
        }
    }
    if response.error_code == 0 {
        context.session.remember(client, "g", response.member_epoch);
    }
    let assignment = response.assignment.as_ref().map(|assignment| {
        let topics = assignment.topic_partitions.iter().map(|owned| {
            let mut partitions = owned.partitions.clone();
            partitions.sort_unstable();
            format!("{}:{}", context.session.topic(owned.topic_id), numbers(&partitions))
        });
        format!("[{}]", sorted(topics.collect()).join("+"))
    });
    format!(
        "ConsumerGroupHeartbeat {} epoch={} assignment={}",
        error(response.error_code),
        response.member_epoch,
        assignment.as_deref().unwrap_or("null")
    )
}

pub fn describe(
    response: &ConsumerGroupDescribeResponse,
    context: &mut ResponseContext<'_>,
) -> String {
    let groups = response.groups.iter().map(|group| {
        let members = group.members.iter().map(|member| {
            format!("{}@{}", context.session.shown(&member.member_id), member.member_epoch)
        });
        format!(
            "ConsumerGroupDescribe {} state={} epoch={} assignment_epoch={} members=[{}]",
            error(group.error_code),
            group.group_state.as_str(),
            group.group_epoch,
            group.assignment_epoch,
            sorted(members.collect()).join(" ")
        )
    });
    groups.collect::<Vec<_>>().join(" ")
}
