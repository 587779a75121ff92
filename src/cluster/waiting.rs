//! Between a term and its log: batches are flushed and committed, responses wait for that, and what waits
//! too long or in vain is answered with an error (rules R3.2, R3.8 to R3.10).

use crate::coordinator::{AppendId, Release, RequestId};
use crate::protocol::{Response, ResponseError};
use crate::time::Time;

use super::appends::What;
use super::broker::Output;
use super::front_end;
use super::shard::{Stage, Term};
use super::turn::Turn;

impl Turn<'_, '_> {
    /// Sends an answer of the coordinator, or keeps it until everything appended so far is committed.
    pub(super) fn release_or_hold(
        &mut self,
        partition: usize,
        to: RequestId,
        response: Response,
        release: Release,
    ) {
        let active = self.active(partition);
        match release {
            // It promises something durable, and the log is no longer ours.
            Release::WhenDurable if active.closing => {
                self.refuse(to, ResponseError::NotCoordinator)
            }
            Release::WhenDurable if active.appends.behind() => {
                active.held.hold(active.appends.appended, to, response);
            }
            Release::Now | Release::WhenDurable => self.answer(partition, to, response),
        }
    }

    /// Sends an answer of the coordinator, unless the client has had another one.
    fn answer(&mut self, partition: usize, to: RequestId, response: Response) {
        if let Some(response) = self.try_respond(to, response)
            && !self.active(partition).held.was_abandoned(to)
        {
            panic!("request {to:?} was answered twice at {}: {response:?}", self.broker.id);
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
            let error = front_end::as_told_to_clients(&frame.body, error);
            self.refuse(id, error);
        }
    }

    /// The same without the coordinator, which may still answer: that is then dropped. To the coordinator
    /// the request stays parked.
    pub(super) fn abandon(&mut self, partition: usize, id: RequestId, error: ResponseError) {
        if self.broker.open_request(id).is_some() {
            self.active(partition).held.abandon(id);
            self.refuse_for_log(id, error);
        }
    }

    /// Writes the open batch to the log.
    pub(super) fn flush(&mut self, partition: usize) {
        let Some(Term { epoch, stage: Stage::Active(active) }) =
            self.broker.terms[partition].as_deref_mut()
        else {
            panic!("partition {partition} appends at {}, where it is not active", self.broker.id)
        };
        let log = &mut self.shared.logs[partition];
        match log.refusal {
            _ if active.closing => self.fail_open(partition, ResponseError::NotLeaderOrFollower),
            // A leader that is none any more writes to its own disk, which nobody will read.
            _ if *epoch != log.epoch => {
                active.appends.flush(Time::NEVER, |records| {
                    records.for_each(drop);
                    0
                });
            }
            Some(error) => self.fail_open(partition, error),
            None => {
                let delay = self.shared.config.commit_delay.clone();
                let due = self.now + self.broker.log_luck.duration(delay);
                active.appends.flush(due, |records| log.append(records));
            }
        }
    }

    /// The open batch is refused, and with it everybody who waits for it (R3.8).
    fn fail_open(&mut self, partition: usize, error: ResponseError) {
        let active = self.active(partition);
        let failed = active.appends.fail_open();
        let (held, waiting) = active.held.fail_beyond(active.appends.appended);
        self.fail(partition, failed, error);
        for request in held {
            self.refuse_for_log(request, error);
        }
        for request in waiting {
            self.abandon(partition, request, error);
        }
    }

    /// Tells the coordinator that these appends have failed.
    pub(super) fn fail(&mut self, partition: usize, failed: Vec<AppendId>, error: ResponseError) {
        for append in failed {
            self.tell(partition, |coordinator, now, out| {
                coordinator.append_failed(now, append, error, out);
            });
        }
    }

    /// Moves the high watermark past the next record of the term, if its time has come.
    pub(super) fn commit_next(&mut self, partition: usize) -> Option<What> {
        let term = self.broker.terms[partition].as_deref_mut()?;
        let log = &mut self.shared.logs[partition];
        let Stage::Active(active) = &mut term.stage else { return None };
        if log.stalled || log.epoch != term.epoch {
            return None;
        }
        let (what, position) = active.appends.commit_next(self.now)?;
        log.commit(position);
        Some(what)
    }

    /// Tells the coordinator what the high watermark has passed.
    pub(super) fn tell_committed(&mut self, partition: usize, what: What) {
        match what {
            What::Append(append) => {
                self.tell(partition, |coordinator, now, out| {
                    coordinator.committed(now, append, out);
                });
            }
            What::TakenOver => {
                let term = self.broker.terms[partition].as_ref();
                let shard = term.expect("a term that commits").shard(partition);
                self.out.push(Output::Uncommitted(shard, 0));
                self.tell(partition, |coordinator, now, out| {
                    coordinator.replayed_committed(now, out);
                });
            }
        }
    }

    /// Sends what has waited for the high watermark and need not any longer.
    pub(super) fn release(&mut self, partition: usize) {
        loop {
            let active = self.active(partition);
            let Some((to, response)) = active.held.release_next(active.appends.committed) else {
                return;
            };
            self.answer(partition, to, response);
        }
    }

    /// A request whose write timeout is over.
    pub(super) fn timed_out(&mut self, partition: usize) -> Option<RequestId> {
        let now = self.now;
        self.active(partition).held.timed_out(now)
    }
}
