//! Responses to members of a classic group.

use kafka_protocol::messages::{
    HeartbeatResponse, JoinGroupResponse, LeaveGroupResponse, SyncGroupResponse,
};
use uuid::Uuid;

use super::{ResponseContext, assignment, error, hex, nullable, sorted};
use crate::protocol::StrBytes;

pub fn join_group(response: &JoinGroupResponse, context: &mut ResponseContext<'_>) -> String {
    let (client, full) = (context.client, context.is_full());
    let me = context.session.name(client, &response.member_id);
    if !response.member_id.is_empty() {
        context.session.remember(client, "m", &response.member_id);
    }
    if response.error_code == 0 {
        context.session.remember(client, "g", response.generation_id);
    }
    let shown = |member: &str| context.session.shown(member).to_owned();
    let head = format!("JoinGroup {} gen={}", error(response.error_code), response.generation_id);
    let (leader, skip) = (shown(&response.leader), response.skip_assignment);
    if full {
        let members = response.members.iter().map(|member| {
            let instance = nullable(&member.group_instance_id);
            format!("{}({instance})={}", shown(&member.member_id), member.metadata.len())
        });
        return format!(
            "{head} type={} protocol={} leader={leader} me={me} id={:?} skip={skip} members=[{}]",
            nullable(&response.protocol_type),
            nullable(&response.protocol_name),
            pattern(&response.member_id),
            sorted(members.collect()).join(" ")
        );
    }
    let members = response.members.iter().map(|member| {
        let instance = member.group_instance_id.as_ref().map(|instance| format!("({instance})"));
        format!("{}{}", shown(&member.member_id), instance.unwrap_or_default())
    });
    format!(
        "{head} type={:?} protocol={:?} leader={leader} me={me} skip={skip} members=[{}]",
        or_dash(&response.protocol_type),
        or_dash(&response.protocol_name),
        sorted(members.collect()).join(" ")
    )
}

fn or_dash(text: &Option<StrBytes>) -> &str {
    text.as_ref().map_or("-", |text| text.as_str())
}

/// A member id with its UUID replaced by a star.
fn pattern(member: &str) -> String {
    const UUID: usize = 36;
    let at = member.len().checked_sub(UUID).filter(|&at| member.is_char_boundary(at));
    match at.map(|at| member.split_at(at)) {
        Some((head, uuid)) if Uuid::parse_str(uuid).is_ok() => format!("{head}*"),
        _ => member.to_owned(),
    }
}

pub fn sync_group(response: &SyncGroupResponse, context: &mut ResponseContext<'_>) -> String {
    let head = format!("SyncGroup {}", error(response.error_code));
    match context.is_full() {
        true => format!(
            "{head} type={} protocol={} assignment={}",
            nullable(&response.protocol_type),
            nullable(&response.protocol_name),
            hex(&response.assignment)
        ),
        false => format!(
            "{head} type={:?} protocol={:?} assignment={}",
            or_dash(&response.protocol_type),
            or_dash(&response.protocol_name),
            assignment(&response.assignment)
        ),
    }
}

pub fn heartbeat(response: &HeartbeatResponse, _: &mut ResponseContext<'_>) -> String {
    format!("Heartbeat {}", error(response.error_code))
}

pub fn leave_group(response: &LeaveGroupResponse, context: &mut ResponseContext<'_>) -> String {
    let members = response.members.iter().map(|member| match context.is_full() {
        true => format!(
            "{}({})={}",
            context.session.shown(&member.member_id),
            nullable(&member.group_instance_id),
            error(member.error_code)
        ),
        false => error(member.error_code),
    });
    let members: Vec<String> = members.collect();
    format!("LeaveGroup {} members=[{}]", error(response.error_code), members.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_id_is_shown_without_its_uuid() {
        let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(pattern(&format!("client-{uuid}")), "client-*");
        assert_eq!(pattern("ghost"), "ghost");
        assert_eq!(pattern(&"é".repeat(30)), "é".repeat(30));
    }
}
