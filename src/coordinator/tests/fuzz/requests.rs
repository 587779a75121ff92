//! The requests of the fuzz: most of them are plausible.

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    HeartbeatRequest, LeaveGroupRequest, OffsetCommitRequest, OffsetFetchRequest,
};

use super::super::bench::{join_request, offer, sync_request};
use super::*;

impl Fuzz {
    pub(super) fn request(&mut self) -> (i16, Request) {
        match self.rng.below(12) {
            0..4 => self.join(),
            4..7 => self.sync(),
            7 => self.heartbeat(),
            8 => self.leave(),
            9 | 10 => self.commit(),
            _ => self.fetch(),
        }
    }

    fn group(&mut self) -> GroupId {
        GroupId(str_bytes(match self.rng.below(40) {
            0 => "",
            1..5 => "h",
            _ => "g",
        }))
    }

    /// Usually an id of a member, often one of the newest.
    fn member(&mut self) -> StrBytes {
        let describe = self.bench.coordinator.describe(&GroupId(str_bytes("g")));
        let members = describe.map(|describe| describe.members).unwrap_or_default();
        if !members.is_empty() && self.rng.chance(600) {
            return self.rng.pick(&members).id.0.clone();
        }
        if self.ids.is_empty() || self.rng.chance(30) {
            return str_bytes("nobody");
        }
        let newest = self.ids.len().saturating_sub(5) as u64;
        let from = if self.rng.chance(900) { newest } else { 0 };
        self.ids[self.rng.within(from..=self.ids.len() as u64 - 1) as usize].clone()
    }

    fn generation(&mut self, group: &GroupId) -> i32 {
        let current =
            self.bench.coordinator.describe(group).map_or(0, |describe| describe.generation.0);
        match self.rng.below(20) {
            0 => current - 1,
            1 => current + 1,
            2 => -1,
            3 => i32::MIN,
            _ => current,
        }
    }

    /// Usually the instance id that belongs to the member id, if it has one.
    fn instance(&mut self, member: &StrBytes) -> Option<StrBytes> {
        match self.rng.below(20) {
            0 => Some(str_bytes(self.rng.pick::<&str>(&INSTANCES))),
            1 => None,
            _ => member
                .split_once('-')
                .filter(|(name, _)| name.starts_with('i'))
                .map(|i| str_bytes(i.0)),
        }
    }

    fn join(&mut self) -> (i16, Request) {
        let version = self.rng.below(10) as i16;
        let member = if self.rng.chance(250) { StrBytes::new() } else { self.member() };
        let offers: [&[(&str, &str)]; 6] = [
            &[("range", "a")],
            &[("range", "a")],
            &[("range", "b"), ("roundrobin", "b")],
            &[("roundrobin", "b"), ("range", "b"), ("roundrobin", "c")],
            &[("roundrobin", "")],
            &[],
        ];
        let offered = self.rng.pick(&offers);
        let protocol_type = if self.rng.chance(20) { "connect" } else { "consumer" };
        let instance = match member.is_empty() && self.rng.chance(700) {
            true => Some(str_bytes(self.rng.pick::<&str>(&INSTANCES))),
            false => self.instance(&member),
        };
        let request = offer(join_request(&member), offered)
            .with_group_id(self.group())
            .with_group_instance_id(instance)
            .with_session_timeout_ms(*self.rng.pick(&[
                6_000,
                10_000,
                30_000,
                60_000,
                60_000,
                60_000,
                -5,
                i32::MAX,
            ]))
            .with_rebalance_timeout_ms(
                *self.rng.pick(&[-1, 0, 1_000, 20_000, 60_000, 60_000, 60_000, 900_000]),
            )
            .with_protocol_type(str_bytes(protocol_type));
        (version, request.into())
    }

    fn sync(&mut self) -> (i16, Request) {
        let (version, group, member) = (self.rng.below(6) as i16, self.group(), self.member());
        let generation = self.generation(&group);
        let members = [self.member(), member.clone(), self.member()];
        let leader = self.bench.coordinator.describe(&group).and_then(|describe| describe.leader);
        let leader = leader.filter(|_| self.rng.chance(300)).map(|leader| leader.0);
        let caller = leader.unwrap_or(member);
        let mut request = sync_request(&caller, generation, &members)
            .with_group_id(group)
            .with_group_instance_id(self.instance(&caller));
        if self.rng.chance(900) {
            let names: [Option<&str>; 3] = [None, Some("range"), Some("roundrobin")];
            request.protocol_name = self.rng.pick(&names).map(str_bytes);
        }
        (version, request.into())
    }

    fn heartbeat(&mut self) -> (i16, Request) {
        let (group, member) = (self.group(), self.member());
        let instance = self.instance(&member);
        let request = HeartbeatRequest::default()
            .with_generation_id(self.generation(&group))
            .with_group_id(group)
            .with_member_id(member)
            .with_group_instance_id(instance);
        (self.rng.below(5) as i16, request.into())
    }

    fn leave(&mut self) -> (i16, Request) {
        let members = (0..self.rng.below(4))
            .map(|_| {
                let member = self.member();
                let instance = self.instance(&member);
                let member = if self.rng.chance(100) { StrBytes::new() } else { member };
                MemberIdentity::default().with_member_id(member).with_group_instance_id(instance)
            })
            .collect();
        let request = LeaveGroupRequest::default()
            .with_group_id(self.group())
            .with_member_id(self.member())
            .with_members(members);
        (self.rng.below(6) as i16, request.into())
    }

    fn commit(&mut self) -> (i16, Request) {
        let (group, member) = (self.group(), self.member());
        let partitions = (0..self.rng.below(4))
            .map(|_| {
                OffsetCommitRequestPartition::default()
                    .with_partition_index(self.rng.below(3) as i32 - 1)
                    .with_committed_offset(*self.rng.pick(&[0, 7, -1, i64::MAX]))
                    .with_committed_metadata(self.rng.chance(500).then(|| str_bytes("note")))
            })
            .collect();
        let topic = OffsetCommitRequestTopic::default()
            .with_name(TopicName(str_bytes("t")))
            .with_partitions(partitions);
        let request = OffsetCommitRequest::default()
            .with_generation_id_or_member_epoch(self.generation(&group))
            .with_group_id(group)
            .with_member_id(if self.rng.chance(200) { StrBytes::new() } else { member })
            .with_topics(vec![topic; self.rng.below(3) as usize]);
        (self.rng.within(2..=9) as i16, request.into())
    }

    fn fetch(&mut self) -> (i16, Request) {
        let name = TopicName(str_bytes("t"));
        let one = OffsetFetchRequestTopic::default()
            .with_name(name.clone())
            .with_partition_indexes(vec![0, 1, -7]);
        let several = OffsetFetchRequestTopics::default()
            .with_name(name)
            .with_partition_indexes(vec![0, 1, i32::MIN]);
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(self.group())
            .with_topics(self.rng.chance(500).then(|| vec![several]));
        let request = OffsetFetchRequest::default()
            .with_group_id(self.group())
            .with_topics(self.rng.chance(500).then(|| vec![one]))
            .with_groups(vec![group; self.rng.below(3) as usize])
            .with_require_stable(self.rng.chance(500));
        (self.rng.within(1..=9) as i16, request.into())
    }
}
