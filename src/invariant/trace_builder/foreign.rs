//! Members of another protocol type, and payloads that do not decode.

use super::*;

impl TraceBuilder {
    /// From here on members join with this protocol type and an assignor of their own.
    pub(in crate::invariant) fn of_type(&mut self, name: &str) -> &mut Self {
        self.protocol_type = str_bytes(name);
        self.protocol("own")
    }

    /// A SyncGroup with these bytes as assignments.
    pub(in crate::invariant) fn request_sync_raw(
        &mut self,
        id: &str,
        generation: i32,
        plan: &[(&str, &[u8])],
    ) -> usize {
        let entries = plan.iter().map(|(member, bytes)| {
            sync_group_request::SyncGroupRequestAssignment::default()
                .with_member_id(str_bytes(member))
                .with_assignment(Bytes::copy_from_slice(bytes))
        });
        let body = SyncGroupRequest::default()
            .with_group_id(group())
            .with_member_id(str_bytes(id))
            .with_generation_id(generation)
            .with_assignments(entries.collect());
        self.request(body)
    }

    /// A SyncGroup succeeds with these bytes as its assignment.
    pub(in crate::invariant) fn assigned_raw(
        &mut self,
        key: usize,
        assignment: &[u8],
    ) -> &mut Self {
        let assignment = Bytes::copy_from_slice(assignment);
        self.respond(key, SyncGroupResponse::default().with_assignment(assignment).into())
    }

    /// The leader's JoinGroup response names the members of its generation, each with these bytes.
    pub(in crate::invariant) fn joined_raw(
        &mut self,
        leader: &str,
        generation: i32,
        members: &[(&str, &[u8])],
    ) -> &mut Self {
        let key = self.request_join(leader);
        let members = members.iter().map(|(member, metadata)| {
            join_group_response::JoinGroupResponseMember::default()
                .with_member_id(str_bytes(member))
                .with_metadata(Bytes::copy_from_slice(metadata))
        });
        let response = JoinGroupResponse::default()
            .with_member_id(str_bytes(leader))
            .with_generation_id(generation)
            .with_leader(str_bytes(leader))
            .with_protocol_name(Some(self.protocol.clone()))
            .with_members(members.collect());
        self.respond(key, response.into())
    }
}
