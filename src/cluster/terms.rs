//! How terms begin and end: a broker learns that it leads a partition, loads it and is its coordinator; it
//! learns that it leads no longer, and unloads (rules R3.12 and R3.13).

use crate::coordinator::RequestId;
use crate::protocol::ResponseError;

use super::broker::Output;
use super::cluster::{Shard, ShardState};
use super::routing::group_of;
use super::shard::{Active, Replayed, Stage, Term};
use super::turn::Turn;

impl Turn<'_, '_> {
    /// Takes over what the controller has decided.
    pub(super) fn learn(&mut self) {
        self.broker.image = self.shared.controller.clone();
        for partition in 0..self.broker.terms.len() {
            let leads = self.broker.leads(partition);
            let known = self.broker.terms[partition].as_ref().map(|term| term.epoch);
            if known.is_some() && known != leads {
                self.unload(partition);
            }
            match leads {
                // What nobody has used is loaded when somebody does.
                Some(0) if self.shared.logs[partition].is_empty() => {}
                Some(epoch) if known != leads => self.begin_load(partition, epoch),
                Some(_) | None => {}
            }
        }
    }

    /// The log is read as it is at the beginning: nobody but this broker may append to it in this epoch,
    /// and what later epochs append is not for this one.
    fn begin_load(&mut self, partition: usize, epoch: i32) {
        let log = &mut self.shared.logs[partition];
        assert_eq!(log.epoch, epoch, "{} loads partition {partition}", self.broker.id);
        log.take_over();
        let replayed = Replayed { records: log.records(), committed: log.committed() };
        let until = self.now + self.broker.load_luck.duration(self.shared.config.load.clone());
        let term = Term { epoch, stage: Stage::Loading { until, replayed } };
        self.out.push(Output::Shard(term.shard(partition), ShardState::Loading));
        self.broker.seat(partition, term);
    }

    /// Makes the coordinator of a term out of the records of its log.
    pub(super) fn activate(&mut self, partition: usize, epoch: i32, replayed: Replayed) {
        let Replayed { records, committed } = replayed;
        let committed = self.shared.logs[partition].committed_in(epoch).max(committed);
        let mut coordinator = self.make_coordinator(partition, epoch);
        let durable = records.partition_point(|&(position, _)| position < committed);
        let (durable, rest) = records.split_at(durable);
        for (position, record) in durable {
            coordinator.replay(self.now, *position, record);
        }
        for (position, record) in rest {
            coordinator.replay_uncommitted(self.now, *position, record);
        }
        let mut active = Active::new(coordinator);
        let shard = Shard { partition: partition as i32, epoch };
        self.out.push(Output::Shard(shard, ShardState::Active));
        if let Some((last, _)) = rest.last() {
            active.appends.take_over(self.now, *last);
            self.out.push(Output::Uncommitted(shard, rest.len() as u64));
        }
        self.broker.seat(partition, Term { epoch, stage: Stage::Active(active) });
        self.tell(partition, |coordinator, now, out| coordinator.loaded(now, out));
    }

    fn unload(&mut self, partition: usize) {
        let term = self.broker.terms[partition].as_deref_mut();
        if let Some(Term { stage: Stage::Active(active), .. }) = term {
            active.closing = true;
            let failed = active.appends.fail_all();
            self.fail(partition, failed, ResponseError::NotLeaderOrFollower);
            self.tell(partition, |coordinator, now, out| coordinator.unload(now, out));
            for request in self.open_at(partition) {
                self.refuse(request, ResponseError::NotCoordinator);
            }
        }
        if let Some(term) = self.broker.unseat(partition) {
            self.out.push(Output::Shard(term.shard(partition), ShardState::Unloaded));
        }
    }

    /// The requests that a shard has not answered, in the order in which they came: held by the host, or
    /// kept by the coordinator.
    fn open_at(&mut self, partition: usize) -> Vec<RequestId> {
        let routing = &mut self.shared.routing;
        let whole = self.broker.open_whole_requests().filter(|(_, frame)| {
            let group = group_of(&frame.body, frame.version);
            group.is_some_and(|group| routing.partition_of(group) == partition)
        });
        let mut open: Vec<RequestId> = whole.map(|(id, _)| id).collect();
        open.extend(self.broker.scattered.parts_at(partition));
        open.sort();
        open
    }
}
