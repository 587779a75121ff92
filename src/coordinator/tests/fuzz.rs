//! Any sequence of requests, with static members, small groups and failovers: nothing panics, every
//! request gets one response, all state changes are legal, responses match their requests, and the
//! next coordinator loads what was durable.

mod requests;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::bench::join_request;
use super::*;
use crate::coordinator::group::Group;
use crate::coordinator::{
    ClassicObservation, CoordinatorConfig, GroupCoordinator, GroupMetadata, GroupState, Inspect,
    Observation, Record, Removal,
};
use crate::protocol::{
    Generation, GroupId, MemberId, Request, Response, StrBytes, TopicName, str_bytes,
};
use crate::rng::Rng;
use crate::time::Time;

/// R3.5, R3.6, R4.1.
#[test]
fn any_sequence_of_requests_gets_responses_and_moves_legally() {
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..150 {
        let mut run = Fuzz::new(seed);
        for _ in 0..1_000 {
            run.step();
        }
        run.finish();
        run.reached
            .into_iter()
            .for_each(|(what, times)| *reached.entry(what).or_default() += times);
    }
    for why in [
        "member joined",
        "all members joined",
        "initial delay over",
        "join timeout",
        "leader synced",
        "member left",
        "session expired",
        "pending member id expired",
        "sync timeout",
        "metadata changed",
        "leader rejoined",
        "assignment append failed",
        "no members left",
        "assignor changed",
        "static member replaced",
        "too many members",
        "unloaded",
        "(replaced)",
        "(group removed)",
        "(replacement undone)",
        "(turned away)",
        "(loaded with members)",
        "(members as stored)",
    ] {
        assert!(reached.contains_key(why), "the fuzz never reached {why:?}: {reached:?}");
    }
}

const INSTANCES: [&str; 3] = ["i1", "i2", "i3"];

struct Fuzz {
    rng: Rng,
    bench: Bench,
    /// All member ids that were ever handed out.
    ids: Vec<StrBytes>,
    /// The durable records of the groups themselves, in log order.
    durable: Vec<Record>,
    /// No append has failed since the last failover, so memory and log must agree.
    nothing_failed: bool,
    config: CoordinatorConfig,
    terms: u64,
    settled: usize,
    seen: usize,
    generations: BTreeMap<GroupId, i32>,
    holders: BTreeMap<(GroupId, StrBytes), MemberId>,
    reached: BTreeMap<&'static str, u64>,
}

impl Fuzz {
    fn new(seed: u64) -> Fuzz {
        let mut rng = Rng::stream(seed, "fuzz");
        let delay = *rng.pick(&[ms(0), ms(500), secs(3)]);
        let config = CoordinatorConfig {
            initial_rebalance_delay: delay,
            max_size: *rng.pick(&[1, 2, 3, 100, 100]),
            ..Default::default()
        };
        Fuzz {
            rng,
            bench: Bench::with(config.clone()),
            ids: Vec::new(),
            durable: Vec::new(),
            nothing_failed: true,
            config,
            terms: 0,
            settled: 0,
            seen: 0,
            generations: BTreeMap::new(),
            holders: BTreeMap::new(),
            reached: BTreeMap::new(),
        }
    }

    fn step(&mut self) {
        match self.rng.below(10) {
            0 if self.rng.chance(30) => self.fail_over(),
            0 => self.pass(),
            1 | 2 => self.settle_log(),
            _ => {
                let (version, request) = self.request();
                let client = *self.rng.pick(&["c1", "c2", ""]);
                let id = self.bench.send(client, version, request);
                self.learn(id);
            }
        }
        self.check_moves();
    }

    fn pass(&mut self) {
        let long = self.rng.chance(60);
        let step = match long {
            true => *self.rng.pick(&[secs(7), secs(40), secs(400)]),
            false => *self.rng.pick(&[ms(0), ms(1), ms(300), secs(2)]),
        };
        let exactly =
            self.rng.chance(500).then(|| self.bench.coordinator.next_deadline()).flatten();
        // The retention timer is always armed: advancing to it whenever it is the only timer would
        // let every session expire.
        let exactly = exactly.map(|at: Time| at.since(self.bench.now));
        self.bench.pass(exactly.filter(|step| *step < secs(400)).unwrap_or(step));
    }

    fn settle_log(&mut self) {
        let Some((append, record)) = self.bench.log.get(self.settled) else { return };
        let errors = [E::NotEnoughReplicas, E::NotLeaderOrFollower, E::MessageTooLarge];
        let error = self.rng.chance(150).then(|| *self.rng.pick(&errors));
        self.settled += 1;
        match (error, record) {
            (Some(_), _) => self.nothing_failed = false,
            (None, Record::GroupMetadata(_) | Record::GroupTombstone { .. }) => {
                self.durable.push(record.clone());
            }
            (None, _) => {}
        }
        self.bench.settle_one(*append, error);
        self.check_memory();
    }

    /// The last record of each group.
    fn stored(&self) -> BTreeMap<GroupId, GroupMetadata> {
        let mut stored = BTreeMap::new();
        for record in &self.durable {
            match record {
                Record::GroupMetadata(metadata) => {
                    stored.insert(metadata.group.clone(), metadata.clone());
                }
                Record::GroupTombstone { group } => {
                    stored.remove(group);
                }
                other => panic!("{other:?} is not kept"),
            }
        }
        stored
    }

    /// A Stable group without appends in flight equals its last record.
    fn check_memory(&mut self) {
        if self.settled < self.bench.log.len() || !self.nothing_failed {
            return;
        }
        for (id, stored) in self.stored() {
            let stored_group = self.bench.coordinator.groups.get(&id);
            let Group::Classic(group) = stored_group.expect("a stored group is there");
            if group.state() != GroupState::Stable {
                continue;
            }
            let given: Vec<_> = group.members.iter().map(|m| m.assignment.clone()).collect();
            let has = group.metadata(&given);
            let synced_twice =
                self.durable.iter().filter(|r| is_of(r, &id, has.generation)).count() > 1;
            assert_eq!((has.generation, &has.protocol), (stored.generation, &stored.protocol));
            assert_eq!((&has.leader, has.members.len()), (&stored.leader, stored.members.len()));
            for member in &has.members {
                let same = stored.members.iter().find(|other| other.id == member.id);
                let same = same.expect("every member of a Stable group is stored");
                // When a leader syncs twice before its first record is durable, the second
                // assignment is stored and the first one is sent to members (R9.1).
                assert!(synced_twice || same.assignment == member.assignment);
                assert_eq!(same.instance_id, member.instance_id);
            }
            *self.reached.entry("(members as stored)").or_default() += 1;
        }
    }

    /// The coordinator's term ends, and a new coordinator loads what is durable.
    fn fail_over(&mut self) {
        self.bench.unload();
        assert_eq!(
            self.bench.without_response(),
            0,
            "every request has a response at the end of a term"
        );
        self.check_moves();
        self.terms += 1;
        self.config.max_size = *self.rng.pick(&[1, 2, 3, 100, 100]);
        let stream = format!("members/{}", self.terms);
        let now = self.bench.now + *self.rng.pick(&[ms(0), secs(1), secs(100)]);
        self.bench = Bench::after(self.config.clone(), &stream, now, &self.durable);
        (self.settled, self.seen, self.nothing_failed) = (0, 0, true);
        self.generations.clear();
        self.holders.clear();
        self.check_loaded();
        self.check_moves();
    }

    fn check_loaded(&mut self) {
        let mut stored = self.stored();
        let mut again = Vec::new();
        for observation in &self.bench.observed {
            let Observation::GroupLoaded(found) = observation else { continue };
            let GroupMetadata { group, members, generation, .. } = &found.metadata;
            assert_eq!(stored.remove(group).as_ref(), Some(&found.metadata));
            assert_eq!(found.state == GroupState::Stable, !members.is_empty());
            self.generations.insert(group.clone(), generation.0);
            for member in members {
                if let Some(instance) = member.instance_id.clone() {
                    self.holders.insert((group.clone(), instance), member.id.clone());
                }
                *self.reached.entry("(loaded with members)").or_default() += 1;
            }
            again.push(Record::GroupMetadata(found.metadata.clone()));
        }
        assert!(stored.is_empty(), "groups were lost: {stored:?}");
        // The log may be compacted from here on.
        self.durable = again;
    }

    fn learn(&mut self, id: crate::coordinator::RequestId) {
        if let Some((Response::JoinGroup(response), _)) = self.bench.responses.get(&id)
            && !response.member_id.is_empty()
            && !self.ids.contains(&response.member_id)
        {
            self.ids.push(response.member_id.clone());
        }
    }

    fn check_moves(&mut self) {
        for observation in &self.bench.observed[self.seen..] {
            match observation {
                Observation::Classic(ClassicObservation::State { from, to, why, .. }) => {
                    assert!(from.may_become(*to));
                    *self.reached.entry(why.name()).or_default() += 1;
                }
                Observation::GroupRemoved { group, .. } => {
                    self.generations.remove(group);
                    self.holders.retain(|(of, _), _| of != group);
                    *self.reached.entry("(group removed)").or_default() += 1;
                }
                Observation::GroupLoaded(found) => {
                    let found = &found.metadata;
                    self.generations.insert(found.group.clone(), found.generation.0);
                }
                Observation::Classic(ClassicObservation::MemberAdded {
                    group,
                    member,
                    instance: Some(instance),
                    ..
                }) => {
                    let key = (group.clone(), instance.clone());
                    assert_eq!(self.holders.insert(key, member.clone()), None);
                }
                Observation::Classic(ClassicObservation::MemberReplaced {
                    group,
                    instance,
                    old,
                    new,
                    ..
                }) => {
                    let key = (group.clone(), instance.clone());
                    assert_eq!(self.holders.insert(key, new.clone()).as_ref(), Some(old));
                    *self.reached.entry("(replaced)").or_default() += 1;
                }
                Observation::Classic(ClassicObservation::ReplacementUndone {
                    group,
                    instance,
                    old,
                    new,
                }) => {
                    let key = (group.clone(), instance.clone());
                    assert_eq!(self.holders.insert(key, old.clone()).as_ref(), Some(new));
                    *self.reached.entry("(replacement undone)").or_default() += 1;
                }
                Observation::Classic(ClassicObservation::MemberRemoved { group, member, why }) => {
                    self.holders.retain(|(of, _), holder| of != group || holder != member);
                    if *why == Removal::GroupFull {
                        *self.reached.entry("(turned away)").or_default() += 1;
                    }
                }
                Observation::Classic(ClassicObservation::GenerationBegan {
                    group,
                    generation,
                    members,
                    leader,
                    ..
                }) => {
                    let before = self.generations.insert(group.clone(), generation.0);
                    assert_eq!(generation.0, before.unwrap_or(0) + 1);
                    assert_eq!(members.is_empty(), leader.is_none());
                }
                _ => {}
            }
        }
        self.seen = self.bench.observed.len();
    }

    /// All clients fall silent; every parked request must get a response.
    fn finish(&mut self) {
        for _ in 0..40 {
            while self.settled < self.bench.log.len() {
                self.settle_log();
            }
            self.bench.pass(secs(900));
            self.check_moves();
        }
        assert_eq!(self.bench.without_response(), 0);
        for name in ["g", "h"] {
            let Some(describe) = self.bench.coordinator.describe(&GroupId(str_bytes(name))) else {
                continue;
            };
            assert_eq!(
                (describe.state, describe.members.len()),
                (GroupState::Empty, 0),
                "{describe:?}"
            );
        }
    }

    // Requests close to valid ones.
}

fn is_of(record: &Record, id: &GroupId, of: Generation) -> bool {
    let Record::GroupMetadata(GroupMetadata { group, generation, .. }) = record else {
        return false;
    };
    group == id && *generation == of
}

/// The coordinator does not depend on the contents of a subscription.
#[test]
fn payloads_pass_through_unparsed() {
    let (mut bench, ids) = Bench::stable(1);
    let garbage = Bytes::from_static(&[0xff, 0, 0xfe]);
    let mut request = join_request(&ids[0]);
    request.protocols[0].metadata = garbage.clone();
    let join = bench.send("m", 9, request);
    assert_eq!(bench.joined(join).members[0].metadata, garbage);
}
