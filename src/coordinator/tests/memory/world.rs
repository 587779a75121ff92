//! One partition of the offsets log, the coordinator that leads it, and a few consumers.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{JoinGroupRequest, LeaveGroupRequest};

use super::super::bench::{Bench, as_instance, join_request, secs, sync_request};
use super::super::offset_world::*;
use super::Operation;
use crate::coordinator::{
    AppendId, ClassicObservation, CoordinatorConfig, GroupMetadata, GroupRemoval, Input, Inspect,
    Observation, OffsetRemoval, Record, RequestId, superseded,
};
use crate::protocol::ResponseError as E;
use crate::protocol::{GroupId, Response, StrBytes};

pub(super) const GROUPS: [&str; 2] = ["g", "h"];
pub(super) const PARTITIONS: [&str; 3] = ["t-0", "t-1", "u-0"];
/// The last of the consumers of each group is a static member.
const CONSUMERS: usize = 3;
const INSTANCE: &str = "i";

pub(super) struct World {
    pub(super) bench: Bench,
    terms: u64,
    pub(super) stored: Vec<Stored>,
    /// The number of committed records.
    pub(super) high_watermark: usize,
    /// The number of records that the current leader loaded.
    taken_over: usize,
    refuses: bool,
    /// The open batch, and how many outputs of the coordinator have been put into a batch.
    pub(super) open: Vec<(AppendId, Record)>,
    seen: usize,
    /// The member id that each consumer of each group has received.
    ids: BTreeMap<(usize, usize), StrBytes>,
    joins: Vec<(usize, usize, RequestId)>,
    pending: Vec<RequestId>,
    /// Groups whose last record was refused or given up on. By R8.9, R9.1 and R9.4, the log has an
    /// older state of them than their coordinator.
    pub(super) stale_in_log: BTreeSet<GroupId>,
    reached: BTreeSet<&'static str>,
}

pub(super) struct Stored {
    /// None for records that an earlier leader appended.
    append: Option<AppendId>,
    /// Records of one batch have the same number.
    batch: u64,
    pub(super) record: Record,
    compacted_away: bool,
}

fn config() -> CoordinatorConfig {
    CoordinatorConfig {
        initial_rebalance_delay: secs(0),
        offsets_retention: secs(40),
        offsets_retention_check: secs(15),
        ..Default::default()
    }
}

impl World {
    pub(super) fn new() -> World {
        World {
            bench: Bench::with(config()),
            terms: 0,
            stored: Vec::new(),
            high_watermark: 0,
            taken_over: 0,
            refuses: false,
            open: Vec::new(),
            seen: 0,
            ids: BTreeMap::new(),
            joins: Vec::new(),
            pending: Vec::new(),
            stale_in_log: BTreeSet::new(),
            reached: BTreeSet::new(),
        }
    }

    /// Takes a step; returns the difference between memory and log, if any.
    pub(super) fn take(&mut self, step: &Operation) -> Result<(), String> {
        match *step {
            Operation::Commit { group, at, offset, retention } => {
                let (group, at) = (GROUPS[group], PARTITIONS[at]);
                let bench = &mut self.bench;
                match retention {
                    None => commit_to(bench, group, at, offset.into()),
                    Some(seconds) => commit_until(bench, group, at, offset.into(), seconds.into()),
                };
            }
            Operation::TxnCommit { group, at, offset, producer } => self.in_own_batch(|bench| {
                txn_to(bench, GROUPS[group], producer.into(), PARTITIONS[at], offset.into());
            }),
            Operation::EndTxn { producer, commit } => self.in_own_batch(|bench| {
                end_txn(bench, producer.into(), commit);
            }),
            Operation::DeleteOffsets { group, at } => {
                delete_offsets(&mut self.bench, GROUPS[group], &[PARTITIONS[at]]);
            }
            Operation::DeleteGroup { group } => {
                delete_groups(&mut self.bench, &[GROUPS[group]]);
            }
            Operation::DeleteTopic => self.bench.delete_topic("u"),
            Operation::Join { group, consumer, restarted } => self.join(group, consumer, restarted),
            Operation::Sync { group } => self.sync(group),
            Operation::Leave { group, consumer } => self.leave(group, consumer),
            Operation::Pass { seconds } => self.bench.pass(secs(seconds)),
            Operation::Flush => self.flush(),
            Operation::Refuse(refuses) => self.refuses = refuses,
            Operation::Commits(batches) => (0..batches).for_each(|_| self.commit_next()),
            Operation::WriteTimeout => self.time_out(),
            Operation::Compact(percent) => self.compact(percent),
            Operation::FailOver { batches, stalled, learns_first } => {
                if learns_first {
                    self.deliver()?;
                }
                self.fail_over(batches, stalled);
            }
        }
        self.collect();
        self.check()
    }

    // Requests.

    /// A batch belongs to one transaction, or to none (R3.8).
    fn in_own_batch(&mut self, send: impl FnOnce(&mut Bench)) {
        self.flush();
        send(&mut self.bench);
        self.collect();
        self.flush();
    }

    fn join(&mut self, group: usize, consumer: usize, restarted: bool) {
        if restarted {
            self.ids.remove(&(group, consumer));
        }
        let id = self.ids.get(&(group, consumer)).cloned().unwrap_or_default();
        let request = as_consumer(join_request(&id), group, consumer);
        let request = self.bench.send("c", 9, request);
        self.joins.push((group, consumer, request));
        self.bench.pass(secs(0));
    }

    /// The leader assigns each member its own id.
    fn sync(&mut self, group: usize) {
        let Some(describe) = self.bench.coordinator.describe(&named(GROUPS[group])) else { return };
        let members: Vec<StrBytes> =
            describe.members.iter().map(|member| member.id.0.clone()).collect();
        for member in &members {
            let request = sync_request(member, describe.generation.0, &members)
                .with_group_id(named(GROUPS[group]));
            self.pending.push(self.bench.send("c", 5, request));
        }
    }

    fn leave(&mut self, group: usize, consumer: usize) {
        let Some(id) = self.ids.remove(&(group, consumer)) else { return };
        let request = LeaveGroupRequest::default()
            .with_group_id(named(GROUPS[group]))
            .with_members(vec![MemberIdentity::default().with_member_id(id)]);
        self.bench.send("c", 5, request);
    }

    /// Consumers learn their ids, and new records join the open batch.
    fn collect(&mut self) {
        for &(group, consumer, request) in &self.joins {
            let Some((Response::JoinGroup(response), _)) = self.bench.responses.get(&request)
            else {
                continue;
            };
            if response.error_code == E::UnknownMemberId.code() {
                self.ids.remove(&(group, consumer));
            } else if !response.member_id.is_empty() {
                self.ids.insert((group, consumer), response.member_id.clone());
            }
        }
        let bench = &self.bench;
        self.joins.retain(|(.., request)| bench.is_parked(*request));
        self.pending.retain(|request| bench.is_parked(*request));
        self.open.extend_from_slice(&self.bench.log[self.seen..]);
        self.seen = self.bench.log.len();
    }

    // The log.

    fn flush(&mut self) {
        self.collect();
        let batch = self.stored.last().map_or(0, |last| last.batch + 1);
        for (append, record) in std::mem::take(&mut self.open) {
            if self.refuses {
                self.refused(append, &record);
            } else {
                if let Some(group) = group_of(&record) {
                    self.stale_in_log.remove(group);
                }
                let compacted_away = false;
                self.stored.push(Stored { append: Some(append), batch, record, compacted_away });
            }
        }
    }

    fn refused(&mut self, append: AppendId, record: &Record) {
        let creates = |metadata: &GroupMetadata| metadata.generation.0 == 0;
        if let Record::GroupMetadata(metadata) = record
            && !creates(metadata)
        {
            self.stale_in_log.insert(metadata.group.clone());
        }
        let seen = self.bench.observed.len();
        self.bench.settle_one(append, Some(E::NotEnoughReplicas));
        self.note_refused(record, seen);
    }

    /// Notes the corners that a refused record reached, from the observations since.
    fn note_refused(&mut self, record: &Record, since: usize) {
        let back = |o: &Observation| matches!(o, Observation::GroupLoaded(_));
        let undone = |o: &Observation| {
            matches!(o, Observation::Classic(ClassicObservation::ReplacementUndone { .. }))
        };
        let observed = &self.bench.observed[since..];
        let mut note = |happened: bool, what| {
            if happened {
                self.reached.insert(what);
            }
        };
        note(matches!(record, Record::TxnMarker { .. }), "a marker is refused");
        note(observed.iter().any(undone), "a replacement is refused");
        match record {
            Record::GroupTombstone { group } => {
                note(true, "a removal is refused");
                let there = self.bench.coordinator.groups.get(group);
                let follows = there.is_some_and(|there| there.in_log().previous.is_some());
                note(follows, "a removal is refused and another group of the name exists");
            }
            _ => note(observed.iter().any(back), "a group whose creation failed gives way"),
        }
    }

    /// The high watermark passes the records that the leader loaded, or a batch of its own.
    fn commit_next(&mut self) {
        if self.high_watermark < self.taken_over {
            self.high_watermark = self.taken_over;
            let going =
                GROUPS.iter().any(|name| self.bench.coordinator.appends.removed.has(&named(name)));
            if going {
                self.reached.insert("a loaded record is committed after a removal");
            }
            return self.bench.pass_in(Input::ReplayedCommitted);
        }
        let Some(batch) = self.stored.get(self.high_watermark).map(|next| next.batch) else {
            return;
        };
        while let Some(next) = self.stored.get(self.high_watermark).filter(|one| one.batch == batch)
        {
            let append = next.append.expect("the leader has appended it");
            self.high_watermark += 1;
            self.bench.settle_one(append, None);
        }
    }

    fn time_out(&mut self) {
        for request in std::mem::take(&mut self.pending) {
            self.bench.time_out(request);
        }
        let pending: Vec<_> = self.joins.iter().map(|(.., request)| *request).collect();
        pending.into_iter().for_each(|request| self.bench.time_out(request));
        self.stale_in_log.extend(GROUPS.map(named));
    }

    fn compact(&mut self, percent: u8) {
        let until = self.high_watermark * usize::from(percent) / 100;
        let left: Vec<_> = self.numbered(until).collect();
        let gone = superseded(&left);
        for position in gone {
            self.stored[position as usize].compacted_away = true;
            self.reached.insert("compaction drops something");
        }
    }

    fn numbered(&self, until: usize) -> impl Iterator<Item = (u64, &Record)> {
        let all = (0..).zip(&self.stored[..until]);
        all.filter(|(_, one)| !one.compacted_away).map(|(position, one)| (position, &one.record))
    }

    fn fail_over(&mut self, batches: usize, stalled: bool) {
        self.bench.unload();
        let mut uncommitted: Vec<u64> =
            self.stored[self.high_watermark..].iter().map(|one| one.batch).collect();
        uncommitted.dedup();
        if let Some(lost) = uncommitted.get(batches) {
            self.stored.retain(|one| one.batch < *lost);
        }
        self.stored.iter_mut().for_each(|one| one.append = None);
        self.taken_over = self.stored.len();
        if !stalled {
            self.high_watermark = self.taken_over;
        } else if self.high_watermark < self.taken_over {
            self.reached.insert("the end of the log is uncommitted at the load");
        }
        self.terms += 1;
        let rng = format!("members/{}", self.terms);
        let mut bench = Bench::loading(config(), &rng, self.bench.now + secs(1));
        for (position, record) in self.numbered(self.taken_over) {
            bench.replay(position, record, position < self.high_watermark as u64);
        }
        loaded(&mut bench);
        self.bench = bench;
        (self.open, self.seen, self.refuses) = (Vec::new(), 0, false);
        (self.joins, self.pending, self.stale_in_log) = (Vec::new(), Vec::new(), BTreeSet::new());
    }

    /// The old leader learns that it no longer leads: nothing more that it appended will be
    /// committed.
    fn deliver(&mut self) -> Result<(), String> {
        let own = self.stored.split_off(self.taken_over.max(self.high_watermark));
        let own = own.into_iter().filter_map(|one| Some((one.append?, one.record)));
        let own: Vec<_> = own.chain(std::mem::take(&mut self.open)).collect();
        own.iter().for_each(|(append, record)| self.refused(*append, record));
        self.reached.insert("a leader learns that it is deposed");
        self.collect();
        self.check().map_err(|what| format!("of a deposed leader: {what}"))
    }

    /// The corners that the schedule has reached.
    pub(super) fn reached(&self) -> impl Iterator<Item = &'static str> {
        let expired = self.bench.observed.iter().any(|observation| match observation {
            Observation::GroupRemoved { why, .. } => *why == GroupRemoval::Expired,
            Observation::OffsetRemoved { why, .. } => *why == OffsetRemoval::Expired,
            _ => false,
        });
        self.reached.iter().copied().chain(expired.then_some("something expires"))
    }
}

fn as_consumer(request: JoinGroupRequest, group: usize, consumer: usize) -> JoinGroupRequest {
    let request = request.with_group_id(named(GROUPS[group]));
    match consumer + 1 == CONSUMERS {
        true => as_instance(request, INSTANCE),
        false => request,
    }
}

fn group_of(record: &Record) -> Option<&GroupId> {
    match record {
        Record::GroupMetadata(GroupMetadata { group, .. }) | Record::GroupTombstone { group } => {
            Some(group)
        }
        _ => None,
    }
}
