//! The two threads of the Java client: what each does when, and when it has to run next.
//!
//! The *application thread* polls: it joins and syncs, runs the rebalance callbacks, commits, and
//! passes records to the application. While the application processes a batch, this thread does
//! nothing else. The *heartbeat thread* always runs: it sends heartbeats, detects a dead
//! coordinator, and leaves the group when the application is late for its next poll (rules R13.3,
//! R13.4).

use crate::time::Time;

use super::classic::leave;
use super::commit::CommitKind;
use super::context::always;
use super::reason::{CoordinatorLoss, TransitionReason};
use super::{ClientObservation, Consumer};

impl Consumer {
    /// Runs both threads as far as they get.
    pub(super) fn work(&mut self) {
        if self.closing.is_closed() {
            return;
        }
        self.app.finish_batch(&mut self.cx);
        self.read_unread();
        if self.closing.is_closed() {
            return;
        }
        self.heartbeat_thread();
        if self.app.is_polling() {
            self.poll();
        }
    }

    /// One `poll()` of the application thread, in the Java client's order.
    fn poll(&mut self) {
        if self.closing.has_begun() {
            return self.close_step();
        }
        if let Some(error) = self.closing.failure() {
            return self.give_up(error);
        }
        let bootstrap = self.discovery.bootstrap(&self.cx.config);
        self.metadata.request(&mut self.cx, bootstrap);
        self.discovery.find(&mut self.cx);
        self.join_if_needed();
        if self.closing.is_closed() {
            return;
        }
        self.auto_commit_if_due();
        self.request_positions();
        // An eager member is about to give up its partitions: it must not process records beyond
        // the positions being committed.
        if !self.membership.prepare.in_flight() || self.cx.is_cooperative() {
            self.app.deliver(&mut self.cx, &mut self.partitions);
        }
        self.fetcher.request(&mut self.cx, &self.partitions, &self.metadata);
    }

    fn auto_commit_if_due(&mut self) {
        if self.auto_commit_deadline() <= self.cx.now {
            self.commits.reset(&self.cx);
            self.commit(CommitKind::Auto);
        }
    }

    /// Commits all positions if this member may commit. Returns whether it sent a request.
    pub(super) fn commit(&mut self, kind: CommitKind) -> bool {
        always!(self.cx, self.app.is_polling(), "commits records that are being processed");
        always!(
            self.cx,
            self.closing.has_begun() == (kind == CommitKind::Close),
            "sends a commit of kind {kind:?} at the wrong time"
        );
        let (cx, coordinator) = (&mut self.cx, self.discovery.coordinator());
        self.commits.send(cx, kind, &self.membership, coordinator, &self.partitions)
    }

    /// Handles a commit that has succeeded or failed for good.
    pub(super) fn commit_over(&mut self, kind: CommitKind) {
        match kind {
            CommitKind::Auto => {}
            CommitKind::Prepare => self.membership.prepare.committed(),
            CommitKind::Close => self.closing.committed(&self.cx),
        }
    }

    /// Handles a commit that failed with a retriable error or got no response.
    pub(super) fn commit_failed(&mut self, kind: CommitKind) {
        let retry_at = self.cx.now + self.cx.config.retry_backoff;
        match kind {
            CommitKind::Auto => self.commits.retry(retry_at),
            CommitKind::Prepare => self.membership.prepare.commit_failed(retry_at),
            CommitKind::Close => self.closing.commit_failed(&self.cx, retry_at),
        }
    }

    /// A cooperative member requests missing positions only after the rebalance is over.
    fn request_positions(&mut self) {
        if !(self.membership.rejoin_needed() && self.cx.is_cooperative()) {
            let (cx, coordinator) = (&mut self.cx, self.discovery.coordinator());
            self.positions.request(cx, &self.partitions, coordinator, &self.metadata);
        }
    }

    /// Whether there is a membership to keep alive. An error that the next poll will raise ends the
    /// thread.
    fn heartbeat_thread_is_awake(&self) -> bool {
        self.membership.heartbeats() && self.closing.failure().is_none()
    }

    /// One iteration of the heartbeat thread. It does at most one thing per iteration.
    fn heartbeat_thread(&mut self) {
        if !self.heartbeat_thread_is_awake() {
            return;
        }
        let Some(coordinator) = self.discovery.coordinator() else {
            return self.discovery.find(&mut self.cx);
        };
        if self.classic.heartbeats.session_is_over(self.cx.now) {
            self.abandon_coordinator(CoordinatorLoss::SessionTimeout);
        } else if self.poll_interval_deadline() <= self.cx.now {
            always!(self.cx, !self.app.is_polling(), "leaves because of a poll that is in time");
            self.cx.observe(ClientObservation::PollTimeout);
            leave(&mut self.cx, Some(coordinator), &self.membership);
            self.membership.reset(&mut self.cx, false, TransitionReason::PollTimeout);
        } else {
            self.classic.heartbeats.send_if_due(&mut self.cx, coordinator, &self.membership);
        }
    }

    /// When an input or the passing of time changes something next; [`Time::NEVER`] if only an
    /// input does.
    pub(super) fn deadline(&self) -> Time {
        let expiry = if self.defers_input() { Time::NEVER } else { self.cx.links.next_deadline() };
        let next = expiry.min(self.heartbeat_deadline());
        match self.app.busy_until() {
            Some(until) => next.min(until).min(self.poll_interval_deadline()),
            None if self.closing.has_begun() => next.min(self.close_deadline()),
            None => next.min(self.poll_deadline()),
        }
    }

    fn heartbeat_deadline(&self) -> Time {
        if !self.heartbeat_thread_is_awake() {
            Time::NEVER
        } else if !self.discovery.knows_coordinator() {
            self.discovery.find_deadline(&self.cx)
        } else {
            self.classic.heartbeats.deadline(&self.cx)
        }
    }

    /// When an application that is processing a batch is late for its next poll. Not checked while
    /// the coordinator is unknown: an iteration that looks for the coordinator does nothing else.
    fn poll_interval_deadline(&self) -> Time {
        match self.heartbeat_thread_is_awake() && self.discovery.knows_coordinator() {
            true => self.app.poll_interval_deadline(self.cx.config.max_poll_interval),
            false => Time::NEVER,
        }
    }

    /// When a polling application has something to do.
    fn poll_deadline(&self) -> Time {
        let (cx, bootstrap) = (&self.cx, self.discovery.bootstrap(&self.cx.config));
        self.metadata
            .deadline(cx, bootstrap)
            .min(self.discovery.find_deadline(cx))
            .min(self.join_deadline())
            .min(self.auto_commit_deadline())
            .min(self.position_deadline())
            .min(self.fetcher.deadline(cx, &self.partitions, &self.metadata))
    }

    fn auto_commit_deadline(&self) -> Time {
        let knows_coordinator = self.discovery.knows_coordinator();
        self.commits.auto_due(&self.cx, &self.membership, knows_coordinator, &self.partitions)
    }

    fn position_deadline(&self) -> Time {
        if self.membership.rejoin_needed() && self.cx.is_cooperative() {
            return Time::NEVER;
        }
        let knows_coordinator = self.discovery.knows_coordinator();
        self.positions.deadline(&self.cx, &self.partitions, knows_coordinator, &self.metadata)
    }
}
