//! One term of a broker as coordinator of one partition: the coordinator, what it has appended, who waits.
//!
//! A term that is over goes on until the broker has learned of it. Such a leader still answers what needs
//! no commit, and nothing it appends is ever committed (rule R3.13). How terms begin and end is in
//! [`super::terms`].

use std::sync::Arc;

use crate::coordinator::{self, Call, GroupCoordinator, Record, RequestId};
use crate::protocol::{Request, RequestFrame, ResponseError, TopicName};
use crate::time::Time;

use super::appends::Appends;
use super::broker::Output;
use super::cluster::Shard;
use super::front_end;
use super::held::{Held, is_write};
use super::offsets_log::OffsetsLog;
use super::turn::Turn;

pub(super) struct Term {
    pub(super) epoch: i32,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    /// The log as it was when the term began is being replayed.
    Loading {
        until: Time,
        replayed: Replayed,
    },
    Active(Active),
}

/// A log as it was when it was read.
#[derive(Default)]
pub(super) struct Replayed {
    /// With their positions.
    pub(super) records: Vec<(u64, Record)>,
    /// Those before this position were committed.
    pub(super) committed: u64,
}

pub(super) struct Active {
    pub(super) coordinator: Box<dyn GroupCoordinator>,
    pub(super) appends: Appends,
    pub(super) held: Held,
    /// The broker has learned that the term is over.
    pub(super) closing: bool,
}

impl Active {
    pub(super) fn new(coordinator: Box<dyn GroupCoordinator>) -> Active {
        Active { coordinator, appends: Appends::default(), held: Held::default(), closing: false }
    }
}

/// Whether what it appends belongs to a transaction.
fn is_transactional(request: &Request) -> bool {
    matches!(request, Request::TxnOffsetCommit(_) | Request::WriteTxnMarkers(_))
}

impl Term {
    pub(super) fn shard(&self, partition: usize) -> Shard {
        Shard { partition: partition as i32, epoch: self.epoch }
    }

    pub(super) fn active(&self) -> Option<&Active> {
        match &self.stage {
            Stage::Active(active) => Some(active),
            Stage::Loading { .. } => None,
        }
    }

    /// What it appended can be committed, when the time has come.
    fn can_commit(&self, log: &OffsetsLog) -> bool {
        self.epoch == log.epoch && !log.stalled
    }

    /// When the term wants to be looked at again.
    pub(super) fn next_deadline(&self, log: &OffsetsLog) -> Option<Time> {
        let active = match &self.stage {
            Stage::Loading { until, .. } => return Some(*until),
            Stage::Active(active) => active,
        };
        let commit = active.appends.commit_deadline().filter(|_| self.can_commit(log));
        let sooner = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let next = sooner(commit, active.appends.flush_deadline());
        sooner(sooner(next, active.held.next_deadline()), active.coordinator.next_deadline())
    }
}

impl Turn<'_, '_> {
    /// The term of a partition that is known to be active.
    pub(super) fn active(&mut self, partition: usize) -> &mut Active {
        match self.broker.terms[partition].as_deref_mut() {
            Some(Term { stage: Stage::Active(active), .. }) => active,
            Some(Term { stage: Stage::Loading { .. }, .. }) | None => {
                panic!("partition {partition} is not active at {}", self.broker.id)
            }
        }
    }

    /// Hands a request to the coordinator of a partition, or refuses it if there is none.
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
        // A batch is of one transaction, or of none: it never lingers with what others append (R3.8).
        let transactional = is_transactional(&frame.body);
        if transactional {
            self.flush_open(partition);
        }
        self.tell(partition, |coordinator, now, out| coordinator.handle(now, call, out));
        if transactional {
            self.flush_open(partition);
        }
        self.watch_write(partition, id, frame);
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
            // Nobody has led it before and nobody has used it: an empty log is loaded in no time.
            None if self.broker.leads(partition) == Some(0) => {
                self.activate(partition, 0, Replayed::default());
                return self.hand_over(partition, id, frame);
            }
            None => ResponseError::NotCoordinator,
        };
        self.respond(id, front_end::refused(frame, error));
    }

    /// A write that was handled when the log was behind has a timeout, answered or parked (R3.9).
    fn watch_write(&mut self, partition: usize, id: RequestId, frame: &RequestFrame) {
        let until = self.now + self.shared.config.write_timeout;
        let active = self.active(partition);
        if active.appends.behind() && is_write(&frame.body) {
            active.held.watch(until, active.appends.appended, id);
        }
    }

    /// Does whatever is due in a term.
    pub(super) fn advance_term(&mut self, partition: usize) {
        let Some(term) = self.broker.terms[partition].as_deref_mut() else { return };
        let active = match &mut term.stage {
            Stage::Loading { until, .. } if *until > self.now => return,
            Stage::Loading { replayed, .. } => {
                let (epoch, replayed) = (term.epoch, std::mem::take(replayed));
                return self.activate(partition, epoch, replayed);
            }
            Stage::Active(active) => active,
        };
        if active.appends.flush_is_due(self.now) {
            self.flush(partition);
        }
        while let Some(committed) = self.commit_next(partition) {
            self.tell_committed(partition, committed);
            self.release(partition);
        }
        while let Some(request) = self.timed_out(partition) {
            self.tell(partition, |coordinator, now, out| {
                coordinator.write_timed_out(now, request, out);
            });
            self.abandon(partition, request, ResponseError::RequestTimedOut);
        }
        self.tell(partition, |coordinator, now, out| coordinator.advance(now, out));
    }

    /// Has the coordinator of a partition do something, and does what it wants done then.
    pub(super) fn tell(
        &mut self,
        partition: usize,
        what: impl FnOnce(&mut dyn GroupCoordinator, Time, &mut Vec<coordinator::Output>),
    ) {
        let mut wanted = std::mem::take(&mut self.broker.wanted);
        let now = self.now;
        what(&mut *self.active(partition).coordinator, now, &mut wanted);
        self.broker.wanted = wanted;
        self.carry_out(partition);
    }

    /// Does what the coordinator wants done, in its order.
    pub(super) fn carry_out(&mut self, partition: usize) {
        let mut wanted = std::mem::take(&mut self.broker.wanted);
        for one in wanted.drain(..) {
            match one {
                coordinator::Output::Respond { to, response, release } => {
                    self.release_or_hold(partition, to, response, release);
                }
                coordinator::Output::Append { id, record } => {
                    let (now, linger) = (self.now, self.shared.config.linger);
                    self.active(partition).appends.push(now, linger, id, record);
                }
                coordinator::Output::Observe(what) => self.out.push(Output::Observe(what)),
            }
        }
        self.broker.wanted = wanted;
        let at_once = self.shared.config.linger.is_zero();
        let active = self.active(partition);
        if active.appends.has_open() && (at_once || active.closing) {
            self.flush(partition);
        }
    }

    /// A topic is gone: the coordinators and the fetches that wait for it are told.
    pub(super) fn topic_deleted(&mut self, topic: &TopicName) {
        let mut seat = 0;
        while let Some(&partition) = self.broker.seats.get(seat) {
            seat += 1;
            if self.broker.terms[partition].as_ref().is_some_and(|term| term.active().is_some()) {
                self.tell(partition, |coordinator, now, out| {
                    coordinator.topic_deleted(now, topic, out);
                });
            }
        }
        for request in self.broker.fetches.waiting_for(topic, &self.shared.topics) {
            self.answer_fetch(request);
        }
    }
}
