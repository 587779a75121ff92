//! One term of a broker as coordinator of one partition: the coordinator, its appends, and the
//! responses that wait for them.
//!
//! A term that is over continues until the broker has learned of it. Such a leader still responds
//! to requests that need no commit, but nothing that it appends is ever committed (rule R3.13).
//! [`super::terms`] says how terms begin and end.

use std::sync::Arc;

use crate::coordinator::{
    self, Call, DeferredResponses, GroupCoordinator, Input, Record, RequestId, TopicChange,
};
use crate::protocol::{Request, RequestFrame, ResponseError};
use crate::time::Time;

use super::appends::Appends;
use super::cluster::Term;
use super::context::BrokerContext;
use super::front_end;
use super::node::BrokerOutput;
use super::offsets_log::OffsetsLog;

pub(super) struct CoordinatorTerm {
    pub(super) epoch: i32,
    pub(super) stage: TermStage,
}

pub(super) enum TermStage {
    /// The log is being replayed, as it was when the term began.
    Loading {
        until: Time,
        replayed: Replayed,
    },
    Active(Active),
}

/// The content of a log when a leader began to load it.
#[derive(Default)]
pub(super) struct Replayed {
    /// The batches: records with their positions.
    pub(super) batches: Vec<Vec<(u64, Record)>>,
    /// Records before this position were committed.
    pub(super) committed: u64,
}

pub(super) struct Active {
    pub(super) coordinator: Box<dyn GroupCoordinator>,
    pub(super) appends: Appends,
    pub(super) deferred: DeferredResponses,
    /// The broker has learned that the term is over.
    pub(super) closing: bool,
}

impl Active {
    pub(super) fn new(coordinator: Box<dyn GroupCoordinator>) -> Active {
        Active {
            coordinator,
            appends: Appends::default(),
            deferred: DeferredResponses::default(),
            closing: false,
        }
    }
}

/// Whether the records that the request appends belong to a transaction.
fn is_transactional(request: &Request) -> bool {
    matches!(request, Request::TxnOffsetCommit(_) | Request::WriteTxnMarkers(_))
}

/// Whether Kafka runs the request as a write operation, which times out after
/// `offsets.commit.timeout.ms`. A transaction marker is one too, but waits as long as its sender
/// does.
fn is_write(request: &Request) -> bool {
    match request {
        Request::JoinGroup(_)
        | Request::SyncGroup(_)
        | Request::Heartbeat(_)
        | Request::LeaveGroup(_)
        | Request::OffsetCommit(_)
        | Request::TxnOffsetCommit(_)
        | Request::OffsetDelete(_)
        | Request::DeleteGroups(_) => true,
        Request::OffsetFetch(request) => request.require_stable,
        Request::DescribeGroups(_)
        | Request::ListGroups(_)
        | Request::WriteTxnMarkers(_)
        | Request::Produce(_)
        | Request::Fetch(_)
        | Request::ListOffsets(_)
        | Request::Metadata(_)
        | Request::InitProducerId(_)
        | Request::DescribeConfigs(_)
        | Request::FindCoordinator(_) => false,
    }
}

impl CoordinatorTerm {
    pub(super) fn term(&self, partition: usize) -> Term {
        Term { partition: partition as i32, epoch: self.epoch }
    }

    pub(super) fn active(&self) -> Option<&Active> {
        match &self.stage {
            TermStage::Active(active) => Some(active),
            TermStage::Loading { .. } => None,
        }
    }

    /// Whether the term's appends can be committed when they are due.
    fn can_commit(&self, log: &OffsetsLog) -> bool {
        self.epoch == log.epoch && !log.stalled
    }

    /// When the term must be advanced next.
    pub(super) fn next_deadline(&self, log: &OffsetsLog) -> Option<Time> {
        let active = match &self.stage {
            TermStage::Loading { until, .. } => return Some(*until),
            TermStage::Active(active) => active,
        };
        let commit = active.appends.commit_deadline().filter(|_| self.can_commit(log));
        let sooner = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let next = sooner(commit, active.appends.flush_deadline());
        sooner(sooner(next, active.deferred.next_deadline()), active.coordinator.next_deadline())
    }
}

impl BrokerContext<'_, '_> {
    /// The active term of a partition that is known to have one.
    pub(super) fn active(&mut self, partition: usize) -> &mut Active {
        match self.broker.terms[partition].as_deref_mut() {
            Some(CoordinatorTerm { stage: TermStage::Active(active), .. }) => active,
            Some(CoordinatorTerm { stage: TermStage::Loading { .. }, .. }) | None => {
                panic!("{} has no active term of offsets partition {partition}", self.broker.id)
            }
        }
    }

    /// Passes a request to the coordinator of a partition, or refuses it if there is none.
    pub(super) fn hand_over(&mut self, partition: usize, id: RequestId, frame: &Arc<RequestFrame>) {
        if self.broker.terms[partition].as_ref().is_none_or(|term| term.active().is_none()) {
            return self.refuse_or_activate(partition, id, frame);
        }
        let call = Call {
            id,
            version: frame.version,
            client_id: &frame.client_id,
            client_host: &self.broker.host_of(id),
            request: &frame.body,
        };
        // A batch belongs to one transaction or to none, so it never lingers together with other
        // appends (R3.8).
        let transactional = is_transactional(&frame.body);
        if transactional {
            self.flush_open(partition);
        }
        self.pass_in(partition, Input::Request(call));
        if transactional {
            self.flush_open(partition);
        }
        self.start_write_timeout(partition, id, frame);
    }

    fn flush_open(&mut self, partition: usize) {
        if self.active(partition).appends.has_open() {
            self.flush(partition);
        }
    }

    fn refuse_or_activate(&mut self, partition: usize, id: RequestId, frame: &Arc<RequestFrame>) {
        if let Some(error) = front_end::invalid(frame, &self.shared.config.coordinator) {
            return self.respond(id, front_end::refused(frame, error));
        }
        let error = match &self.broker.terms[partition] {
            Some(_) => ResponseError::CoordinatorLoadInProgress,
            // This partition has never had another leader, and its log is empty: it loads at once.
            None if self.broker.leads(partition) == Some(0) => {
                self.activate(partition, 0, Replayed::default());
                return self.hand_over(partition, id, frame);
            }
            None => ResponseError::NotCoordinator,
        };
        self.respond(id, front_end::refused(frame, error));
    }

    /// A write that was handled while earlier appends were uncommitted has a write timeout, whether
    /// its response is deferred or the request is parked in the coordinator (R3.9).
    fn start_write_timeout(&mut self, partition: usize, id: RequestId, frame: &RequestFrame) {
        let until = self.now + self.shared.config.write_timeout;
        let active = self.active(partition);
        if active.appends.has_uncommitted() && is_write(&frame.body) {
            active.deferred.start_timeout(until, active.appends.appended, id);
        }
    }

    /// Does everything that is due in a term.
    pub(super) fn advance_term(&mut self, partition: usize) {
        let Some(term) = self.broker.terms[partition].as_deref_mut() else { return };
        let active = match &mut term.stage {
            TermStage::Loading { until, .. } if *until > self.now => return,
            TermStage::Loading { replayed, .. } => {
                let (epoch, replayed) = (term.epoch, std::mem::take(replayed));
                return self.activate(partition, epoch, replayed);
            }
            TermStage::Active(active) => active,
        };
        if active.appends.flush_is_due(self.now) {
            self.flush(partition);
        }
        while let Some(committed) = self.commit_next(partition) {
            self.on_committed(partition, committed);
            self.release(partition);
        }
        while let Some(request) = self.timed_out(partition) {
            self.pass_in(partition, Input::WriteTimedOut(request));
            self.abandon(partition, request, ResponseError::RequestTimedOut);
        }
        self.drive(partition, |coordinator, now, out| coordinator.advance(now, out));
    }

    /// Passes an input to the coordinator of a partition and carries out its outputs.
    pub(super) fn pass_in(&mut self, partition: usize, input: Input<'_>) {
        self.drive(partition, |coordinator, now, out| coordinator.handle(now, input, out));
    }

    /// Calls the coordinator of a partition and carries out its outputs.
    fn drive(
        &mut self,
        partition: usize,
        call: impl FnOnce(&mut dyn GroupCoordinator, Time, &mut Vec<coordinator::Output>),
    ) {
        let mut outputs = std::mem::take(&mut self.broker.outputs);
        let now = self.now;
        call(&mut *self.active(partition).coordinator, now, &mut outputs);
        self.broker.outputs = outputs;
        self.carry_out(partition);
    }

    /// Carries out the coordinator's outputs, in order.
    pub(super) fn carry_out(&mut self, partition: usize) {
        let mut outputs = std::mem::take(&mut self.broker.outputs);
        for output in outputs.drain(..) {
            match output {
                coordinator::Output::Respond { to, response, release } => {
                    self.release_or_defer(partition, to, response, release);
                }
                coordinator::Output::Append { id, records } => {
                    let (now, linger) = (self.now, self.shared.config.linger);
                    self.active(partition).appends.push(now, linger, id, records);
                }
                coordinator::Output::Outcome { of, error } => {
                    if let Some(response) = self.active(partition).deferred.outcome(of, error) {
                        self.respond_in_term(partition, of.request, response);
                    }
                }
                coordinator::Output::Observe(seen) => self.out.push(BrokerOutput::Observe(seen)),
            }
        }
        self.broker.outputs = outputs;
        let at_once = self.shared.config.linger.is_zero();
        let active = self.active(partition);
        if active.appends.has_open() && (at_once || active.closing) {
            self.flush(partition);
        }
    }

    /// A topic has changed: notifies the coordinators, and responds to the fetches that wait for a
    /// topic that was deleted.
    pub(super) fn topic_changed(&mut self, change: &TopicChange) {
        let image = self.view().metadata_image();
        let mut index = 0;
        while let Some(&partition) = self.broker.term_partitions.get(index) {
            index += 1;
            if self.broker.terms[partition].as_ref().is_some_and(|term| term.active().is_some()) {
                self.pass_in(partition, Input::Metadata { image: &image, change: Some(change) });
            }
        }
        if let TopicChange::Deleted(topic) = change {
            for request in self.broker.fetches.waiting_for(topic, &self.shared.topics) {
                self.respond_fetch(request);
            }
        }
    }
}
