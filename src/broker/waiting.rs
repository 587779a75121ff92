//! Between a term and its log: batches are flushed and committed, responses wait for the commit,
//! and requests that wait too long or in vain get an error (rules R3.2, R3.8 to R3.10).

use crate::coordinator::{AppendId, Input, Release, RequestId};
use crate::protocol::{Response, ResponseError};
use crate::time::Time;

use super::appends::CommitUnit;
use super::context::BrokerContext;
use super::coordinator_term::{CoordinatorTerm, TermStage};
use super::front_end;
use super::node::BrokerOutput;

impl BrokerContext<'_, '_> {
    /// Sends a response of the coordinator, or defers it until everything appended so far is
    /// committed or the outcome of its records is known.
    pub(super) fn release_or_defer(
        &mut self,
        partition: usize,
        to: RequestId,
        response: Response,
        release: Release,
    ) {
        let active = self.active(partition);
        match release {
            // The response promises durability, but this broker may no longer append to the log.
            Release::WhenDurable if active.closing => {
                self.refuse(to, ResponseError::NotCoordinator)
            }
            Release::WhenDurable if active.appends.has_uncommitted() => {
                active.deferred.until_committed(active.appends.appended, to, response);
            }
            Release::WhenKnown(records) => active.deferred.until_known(records, to, response),
            Release::Now | Release::WhenDurable => self.respond_in_term(partition, to, response),
        }
    }

    /// Sends a response of the coordinator, unless the client already has one.
    pub(super) fn respond_in_term(&mut self, partition: usize, to: RequestId, response: Response) {
        if let Some(response) = self.try_respond(to, response)
            && !self.active(partition).deferred.was_abandoned(to)
        {
            panic!("{} responded twice to request {to:?}: {response:?}", self.broker.id);
        }
    }

    /// Refuses a request if it is still open.
    pub(super) fn refuse(&mut self, id: RequestId, error: ResponseError) {
        if let Some(frame) = self.broker.open_request(id) {
            let refusal = front_end::refused(frame, error);
            self.respond(id, refusal);
        }
    }

    /// Refuses a request with an error of the log, if it is still open.
    fn refuse_for_log(&mut self, id: RequestId, error: ResponseError) {
        if let Some(frame) = self.broker.open_request(id) {
            let error = front_end::client_facing_error(&frame.body, error);
            self.refuse(id, error);
        }
    }

    /// Refuses a request without the coordinator. The coordinator may still respond; that response
    /// is then dropped. In the coordinator the request stays parked.
    pub(super) fn abandon(&mut self, partition: usize, id: RequestId, error: ResponseError) {
        if self.broker.open_request(id).is_some() {
            self.active(partition).deferred.abandon(id);
            self.refuse_for_log(id, error);
        }
    }

    /// Writes the open batch to the log.
    pub(super) fn flush(&mut self, partition: usize) {
        let Some(CoordinatorTerm { epoch, stage: TermStage::Active(active) }) =
            self.broker.terms[partition].as_deref_mut()
        else {
            panic!("{} appends to offsets partition {partition} without a term", self.broker.id)
        };
        let log = &mut self.shared.logs[partition];
        match log.refusal {
            _ if active.closing => self.fail_open(partition, ResponseError::NotLeaderOrFollower),
            // A leader that was replaced writes to its own disk, and no broker will ever read these
            // records.
            _ if *epoch != log.epoch => {
                active.appends.flush(Time::NEVER, |records| {
                    records.for_each(drop);
                    0
                });
            }
            Some(error) => self.fail_open(partition, error),
            None => {
                let delay = self.shared.config.commit_delay.clone();
                let due = self.now + self.broker.log_rng.duration(delay);
                active.appends.flush(due, |records| log.append(records));
            }
        }
    }

    /// Fails the open batch, and with it every request that waits for it (R3.8).
    fn fail_open(&mut self, partition: usize, error: ResponseError) {
        let active = self.active(partition);
        let failed = active.appends.fail_open();
        let (deferred, waiting) = active.deferred.fail_beyond(active.appends.appended);
        self.fail(partition, failed, error);
        for request in deferred {
            self.refuse_for_log(request, error);
        }
        for request in waiting {
            self.abandon(partition, request, error);
        }
    }

    /// Tells the coordinator that these appends have failed.
    pub(super) fn fail(&mut self, partition: usize, failed: Vec<AppendId>, error: ResponseError) {
        for append in failed {
            self.pass_in(partition, Input::AppendFailed { append, error });
        }
    }

    /// Moves the high watermark past the next record of the term, if it is due.
    pub(super) fn commit_next(&mut self, partition: usize) -> Option<CommitUnit> {
        let term = self.broker.terms[partition].as_deref_mut()?;
        let log = &mut self.shared.logs[partition];
        let TermStage::Active(active) = &mut term.stage else { return None };
        if log.stalled || log.epoch != term.epoch {
            return None;
        }
        let (unit, position) = active.appends.commit_next(self.now)?;
        log.commit(position);
        Some(unit)
    }

    /// Tells the coordinator which appends the high watermark has passed.
    pub(super) fn on_committed(&mut self, partition: usize, unit: CommitUnit) {
        match unit {
            CommitUnit::Append(append) => {
                self.pass_in(partition, Input::Committed(append));
            }
            CommitUnit::TakenOver => {
                let term = self.broker.terms[partition].as_ref();
                let of_term = term.expect("a term that commits").term(partition);
                self.out.push(BrokerOutput::Uncommitted(of_term, 0));
                self.pass_in(partition, Input::ReplayedCommitted);
            }
        }
    }

    /// Sends the responses that no longer have to wait for the high watermark.
    pub(super) fn release(&mut self, partition: usize) {
        loop {
            let active = self.active(partition);
            let Some((to, response)) = active.deferred.release_next(active.appends.committed)
            else {
                return;
            };
            self.respond_in_term(partition, to, response);
        }
    }

    /// Takes out a request whose write timeout has expired.
    pub(super) fn timed_out(&mut self, partition: usize) -> Option<RequestId> {
        let now = self.now;
        self.active(partition).deferred.timed_out(now)
    }
}
