//! How terms begin and end: a broker learns that it leads a partition, loads it and coordinates its
//! groups; it learns that it no longer leads, and unloads (rules R3.12 and R3.13).

use crate::coordinator::{Input, Record, RequestId};
use crate::protocol::ResponseError;

use super::cluster::{Term, TermState};
use super::context::BrokerContext;
use super::coordinator_term::{Active, CoordinatorTerm, Replayed, TermStage};
use super::node::BrokerOutput;
use super::routing::group_of;

impl BrokerContext<'_, '_> {
    /// Takes over the controller's current state.
    pub(super) fn learn(&mut self) {
        self.broker.image = self.shared.controller.clone();
        for partition in 0..self.broker.terms.len() {
            let leads = self.broker.leads(partition);
            let known = self.broker.terms[partition].as_ref().map(|term| term.epoch);
            if known.is_some() && known != leads {
                self.unload(partition);
            }
            match leads {
                // An unused partition is loaded by its first request.
                Some(0) if self.shared.logs[partition].is_empty() => {}
                Some(epoch) if known != leads => self.begin_load(partition, epoch),
                Some(_) | None => {}
            }
        }
    }

    /// Reads the log as it is at the beginning of the load: only this broker may append to it in
    /// this epoch, and the appends of later epochs are not for this term.
    fn begin_load(&mut self, partition: usize, epoch: i32) {
        let log = &mut self.shared.logs[partition];
        assert_eq!(log.epoch, epoch, "{} loads partition {partition}", self.broker.id);
        log.take_over();
        let replayed = Replayed { batches: log.batches(), committed: log.committed() };
        let until = self.now + self.broker.load_rng.duration(self.shared.config.load.clone());
        let term = CoordinatorTerm { epoch, stage: TermStage::Loading { until, replayed } };
        self.out.push(BrokerOutput::TermChanged(term.term(partition), TermState::Loading));
        self.broker.install_term(partition, term);
    }

    /// Creates the coordinator of a term from the records of its log.
    pub(super) fn activate(&mut self, partition: usize, epoch: i32, replayed: Replayed) {
        let Replayed { batches, committed } = replayed;
        let committed = self.shared.logs[partition].committed_in(epoch).max(committed);
        let is_committed = |batch: &Vec<(u64, Record)>| batch[0].0 < committed;
        let rest = batches[batches.partition_point(is_committed)..].iter().flatten();
        let mut active = Active::new(self.make_coordinator(partition, epoch));
        let term = Term { partition: partition as i32, epoch };
        self.out.push(BrokerOutput::TermChanged(term, TermState::Active));
        if let Some((last, _)) = rest.clone().last() {
            active.appends.take_over(self.now, *last);
            self.out.push(BrokerOutput::Uncommitted(term, rest.count() as u64));
        }
        self.broker
            .install_term(partition, CoordinatorTerm { epoch, stage: TermStage::Active(active) });
        let image = self.view().metadata_image();
        self.pass_in(partition, Input::Metadata { image: &image, change: None });
        for records in &batches {
            let committed = is_committed(records);
            self.pass_in(partition, Input::Replay { records, committed });
        }
        self.pass_in(partition, Input::Loaded);
    }

    fn unload(&mut self, partition: usize) {
        let term = self.broker.terms[partition].as_deref_mut();
        if let Some(CoordinatorTerm { stage: TermStage::Active(active), .. }) = term {
            active.closing = true;
            let failed = active.appends.fail_all();
            self.fail(partition, failed, ResponseError::NotLeaderOrFollower);
            self.pass_in(partition, Input::Unload);
            for request in self.open_at(partition) {
                self.refuse(request, ResponseError::NotCoordinator);
            }
        }
        if let Some(term) = self.broker.remove_term(partition) {
            self.out.push(BrokerOutput::TermChanged(term.term(partition), TermState::Unloaded));
        }
    }

    /// The requests of a partition without a response, in order of arrival: those whose response is
    /// deferred, and those that the coordinator has parked.
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
