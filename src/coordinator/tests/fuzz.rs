//! Any sequence of requests: nothing panics, every request is answered once, all moves are legal, and
//! what is told fits what was asked.

use std::collections::BTreeMap;

use bytes::Bytes;
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

use super::bench::{join_request, offer, sync_request};
use super::*;
use crate::coordinator::{CoordinatorConfig, GroupCoordinator, GroupState, Observation};
use crate::protocol::{GroupId, Request, Response, StrBytes, TopicName, str_bytes};
use crate::rng::Rng;
use crate::time::Time;

#[test]
fn any_sequence_of_requests_is_answered_and_moves_legally() {
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..60 {
        let mut run = Fuzz::new(seed);
        for _ in 0..700 {
            run.step();
        }
        run.finish();
        run.bench.reasons().into_iter().for_each(|why| *reached.entry(why).or_default() += 1);
    }
    for why in [
        "member joined",
        "all members joined",
        "initial delay over",
        "join timeout",
        "leader synced",
        "member left",
        "session expired",
        "sync timeout",
        "metadata changed",
        "leader rejoined",
        "assignment append failed",
        "no members left",
    ] {
        assert!(reached.contains_key(why), "the fuzz never reached {why:?}: {reached:?}");
    }
}

struct Fuzz {
    rng: Rng,
    bench: Bench,
    /// Ids that were ever handed out.
    ids: Vec<StrBytes>,
    settled: usize,
    seen: usize,
    generations: BTreeMap<GroupId, i32>,
}

impl Fuzz {
    fn new(seed: u64) -> Fuzz {
        let mut rng = Rng::stream(seed, "fuzz");
        let delay = *rng.pick(&[ms(0), ms(500), secs(3)]);
        let config = CoordinatorConfig { initial_rebalance_delay: delay, ..Default::default() };
        let (bench, ids, generations) = (Bench::with(config), Vec::new(), BTreeMap::new());
        Fuzz { rng, bench, ids, settled: 0, seen: 0, generations }
    }

    fn step(&mut self) {
        match self.rng.below(10) {
            0 => self.pass(),
            1 | 2 => self.settle_log(),
            _ => {
                let (version, request) = self.request();
                let client = *self.rng.pick(&["c1", "c2", ""]);
                let id = self.bench.ask(client, version, request);
                self.learn(id);
            }
        }
        self.check_moves();
    }

    fn pass(&mut self) {
        let step = *self.rng.pick(&[ms(0), ms(1), ms(300), secs(2), secs(7), secs(40), secs(400)]);
        let exactly =
            self.rng.chance(500).then(|| self.bench.coordinator.next_deadline()).flatten();
        self.bench.pass(exactly.map_or(step, |at: Time| at.since(self.bench.now)));
    }

    fn settle_log(&mut self) {
        let Some((append, _)) = self.bench.log.get(self.settled) else { return };
        let errors = [E::NotEnoughReplicas, E::NotLeaderOrFollower, E::MessageTooLarge];
        let error = self.rng.chance(150).then(|| *self.rng.pick(&errors));
        self.settled += 1;
        self.bench.settle_one(*append, error);
    }

    fn learn(&mut self, id: crate::coordinator::RequestId) {
        if let Some((Response::JoinGroup(answer), _)) = self.bench.answers.get(&id)
            && !answer.member_id.is_empty()
            && !self.ids.contains(&answer.member_id)
        {
            self.ids.push(answer.member_id.clone());
        }
    }

    fn check_moves(&mut self) {
        for observation in &self.bench.observed[self.seen..] {
            match observation {
                Observation::State { from, to, .. } => assert!(from.may_become(*to)),
                Observation::GenerationBegan { group, generation, members, leader, .. } => {
                    let before = self.generations.insert(group.clone(), generation.0);
                    assert_eq!(generation.0, before.unwrap_or(0) + 1);
                    assert_eq!(members.is_empty(), leader.is_none());
                }
                _ => {}
            }
        }
        self.seen = self.bench.observed.len();
    }

    /// Everybody falls silent; whatever is parked must be answered.
    fn finish(&mut self) {
        for _ in 0..40 {
            while self.settled < self.bench.log.len() {
                self.settle_log();
            }
            self.bench.pass(secs(900));
            self.check_moves();
        }
        assert_eq!(self.bench.unanswered(), 0);
        for name in ["g", "h"] {
            let Some(look) = self.bench.coordinator.describe(&GroupId(str_bytes(name))) else {
                continue;
            };
            assert_eq!((look.state, look.members.len()), (GroupState::Empty, 0), "{look:?}");
        }
    }

    // Requests near the valid ones.

    fn request(&mut self) -> (i16, Request) {
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

    /// Mostly one of the newest members.
    fn member(&mut self) -> StrBytes {
        if self.ids.is_empty() || self.rng.chance(30) {
            return str_bytes("nobody");
        }
        let newest = self.ids.len().saturating_sub(5) as u64;
        let from = if self.rng.chance(900) { newest } else { 0 };
        self.ids[self.rng.within(from..=self.ids.len() as u64 - 1) as usize].clone()
    }

    fn generation(&mut self, group: &GroupId) -> i32 {
        let current = self.bench.coordinator.describe(group).map_or(0, |look| look.generation.0);
        match self.rng.below(20) {
            0 => current - 1,
            1 => current + 1,
            2 => -1,
            3 => i32::MIN,
            _ => current,
        }
    }

    fn instance(&mut self) -> Option<StrBytes> {
        self.rng.chance(10).then(|| str_bytes("instance"))
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
        let request = offer(join_request(&member), offered)
            .with_group_id(self.group())
            .with_group_instance_id(self.instance())
            .with_session_timeout_ms(*self.rng.pick(&[6_000, 10_000, 10_000, 30_000, -5, i32::MAX]))
            .with_rebalance_timeout_ms(*self.rng.pick(&[-1, 0, 1_000, 20_000, 60_000, 900_000]))
            .with_protocol_type(str_bytes(protocol_type));
        (version, request.into())
    }

    fn sync(&mut self) -> (i16, Request) {
        let (version, group, member) = (self.rng.below(6) as i16, self.group(), self.member());
        let generation = self.generation(&group);
        let members = [self.member(), member.clone(), self.member()];
        let leader = self.bench.coordinator.describe(&group).and_then(|look| look.leader);
        let leader = leader.filter(|_| self.rng.chance(300)).map(|leader| leader.0);
        let mut request = sync_request(&leader.unwrap_or(member), generation, &members)
            .with_group_id(group)
            .with_group_instance_id(self.instance());
        if self.rng.chance(900) {
            let names: [Option<&str>; 3] = [None, Some("range"), Some("roundrobin")];
            request.protocol_name = self.rng.pick(&names).map(str_bytes);
        }
        (version, request.into())
    }

    fn heartbeat(&mut self) -> (i16, Request) {
        let (group, member) = (self.group(), self.member());
        let request = HeartbeatRequest::default()
            .with_generation_id(self.generation(&group))
            .with_group_id(group)
            .with_member_id(member)
            .with_group_instance_id(self.instance());
        (self.rng.below(5) as i16, request.into())
    }

    fn leave(&mut self) -> (i16, Request) {
        let members = (0..self.rng.below(4))
            .map(|_| {
                MemberIdentity::default()
                    .with_member_id(self.member())
                    .with_group_instance_id(self.instance())
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

/// The bytes of a subscription are nobody's business here.
#[test]
fn payloads_pass_through_unread() {
    let (mut bench, ids) = Bench::stable(1);
    let garbage = Bytes::from_static(&[0xff, 0, 0xfe]);
    let mut request = join_request(&ids[0]);
    request.protocols[0].metadata = garbage.clone();
    let join = bench.ask("m", 9, request);
    assert_eq!(bench.joined(join).members[0].metadata, garbage);
}
