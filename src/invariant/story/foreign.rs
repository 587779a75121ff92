//! Members that are no consumers, or say what nobody can read.

use super::*;

impl Story {
    /// From here on members join as such of this protocol type, under an assignor of their own.
    pub(in crate::invariant) fn of_type(&mut self, name: &str) -> &mut Self {
        self.protocol_type = str_bytes(name);
        self.protocol("own")
    }

    /// A SyncGroup with assignments as bytes.
    pub(in crate::invariant) fn ask_sync_raw(
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
        self.ask(body)
    }

    /// A SyncGroup succeeds with these bytes.
    pub(in crate::invariant) fn told_raw(&mut self, key: usize, assignment: &[u8]) -> &mut Self {
        let assignment = Bytes::copy_from_slice(assignment);
        self.answer(key, SyncGroupResponse::default().with_assignment(assignment).into())
    }

    /// The leader is told the members of its generation, each with these bytes.
    pub(in crate::invariant) fn joined_raw(
        &mut self,
        leader: &str,
        generation: i32,
        members: &[(&str, &[u8])],
    ) -> &mut Self {
        let key = self.ask_join(leader);
        let members = members.iter().map(|(member, metadata)| {
            join_group_response::JoinGroupResponseMember::default()
                .with_member_id(str_bytes(member))
                .with_metadata(Bytes::copy_from_slice(metadata))
        });
        let answer = JoinGroupResponse::default()
            .with_member_id(str_bytes(leader))
            .with_generation_id(generation)
            .with_leader(str_bytes(leader))
            .with_protocol_name(Some(self.protocol.clone()))
            .with_members(members.collect());
        self.answer(key, answer.into())
    }
}
