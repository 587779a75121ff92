//! What responses and lost connections mean for the consumer as a whole.
//!
//! Each part handles the responses to its own requests. What concerns the other parts, it returns
//! as an [`Outcome`].

use std::sync::Arc;

use crate::marks::{Mark, sometimes};
use crate::protocol::{Response, ResponseFrame};

use super::context::always;
use super::links::Sent;
use super::reason::CoordinatorLoss;
use super::{ClientInput, ClientOutput, Conn, Consumer, MemberState, Purpose};

/// What a response means beyond the part that sent the request.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The part has handled it.
    Done,
    /// A retriable error: the part sends the request again, as if there were no response.
    Retry,
    /// The broker is not the coordinator, or not available.
    NotCoordinator,
    /// An error that the application has to handle.
    Fatal(i16),
}

impl Consumer {
    /// Either thread reads the responses for both. The heartbeat thread sleeps while JoinGroup is
    /// in flight. If the application is busy at that time, which only a cooperative member's can
    /// be, no thread reads anything, not even the response to the join (rule R13.7.5).
    pub(super) fn defers_input(&self) -> bool {
        !self.app.is_polling() && self.membership.state() == MemberState::PreparingRebalance
    }

    pub(super) fn read_unread(&mut self) {
        if !self.defers_input() {
            for input in std::mem::take(&mut self.unread) {
                self.read(input);
            }
        }
    }

    pub(super) fn read(&mut self, input: ClientInput) {
        match input {
            ClientInput::Response { conn, frame } => self.take_response(conn, &frame),
            ClientInput::Disconnected { conn } => {
                if let Some(lost) = self.cx.links.disconnected(conn) {
                    self.connection_lost(conn, lost, CoordinatorLoss::Disconnected);
                }
            }
            ClientInput::Close | ClientInput::ProcessingTime(_) => {}
        }
    }

    fn take_response(&mut self, conn: Conn, frame: &Arc<ResponseFrame>) {
        if let Some(sent) = self.cx.links.take_in_flight(conn, frame.correlation) {
            always!(self.cx, !self.closing.is_closed(), "has closed and reads a response");
            match self.respond(&sent, &frame.body) {
                Outcome::Done => {}
                Outcome::Retry => self.request_failed(sent),
                Outcome::NotCoordinator => {
                    self.abandon_coordinator(CoordinatorLoss::NotCoordinator);
                    self.request_failed(sent);
                }
                Outcome::Fatal(error) => self.fatal(error),
            }
        }
    }

    fn respond(&mut self, sent: &Sent, response: &Response) -> Outcome {
        let (cx, owned) = (&mut self.cx, &mut self.partitions);
        match (sent, response) {
            (Sent::Metadata, Response::Metadata(body)) => {
                self.metadata.on_response(cx, body, owned);
                self.follow_leader();
                Outcome::Done
            }
            (Sent::FindCoordinator, Response::FindCoordinator(body)) => {
                let outcome = self.discovery.on_response(cx, body);
                if self.discovery.knows_coordinator() {
                    self.classic.heartbeats.reset_session(cx);
                }
                outcome
            }
            (Sent::ListOffsets(epoch), Response::ListOffsets(body)) => {
                self.positions.on_list_offsets(cx, *epoch, body, owned, &mut self.metadata);
                Outcome::Done
            }
            (Sent::Fetch(epoch), Response::Fetch(body)) => {
                self.fetcher.on_response(cx, *epoch, body, owned, &mut self.metadata);
                Outcome::Done
            }
            (sent, response) => self.respond_as_member(sent, response),
        }
    }

    /// The responses of the coordinator.
    fn respond_as_member(&mut self, sent: &Sent, response: &Response) -> Outcome {
        let (cx, membership) = (&mut self.cx, &mut self.membership);
        match (sent, response) {
            (Sent::Join(sent_as), Response::JoinGroup(body)) => {
                let (coordinator, known) = (self.discovery.coordinator(), &self.metadata);
                self.classic.on_join(cx, coordinator, (membership, known), sent_as, body)
            }
            (Sent::Sync(sent_as), Response::SyncGroup(body)) => {
                let outcome = self.classic.on_sync(cx, membership, sent_as, body);
                if self.app.is_polling() {
                    self.complete_rebalance();
                }
                outcome
            }
            (Sent::Heartbeat(sent_as), Response::Heartbeat(body)) => {
                self.classic.heartbeats.on_response(cx, membership, sent_as, body.error_code)
            }
            (Sent::Leave, Response::LeaveGroup(_)) => {
                self.on_left();
                Outcome::Done
            }
            (Sent::Commit(commit), Response::OffsetCommit(body)) => {
                let outcome = self.commits.on_response(cx, membership, commit, body);
                if outcome == Outcome::Done {
                    self.commit_over(commit.kind);
                }
                outcome
            }
            (Sent::OffsetFetch(epoch), Response::OffsetFetch(body)) => {
                self.positions.on_offset_fetch(cx, *epoch, body, &mut self.partitions)
            }
            (sent, response) => self
                .cx
                .broken(format_args!("has a {} response to the request {sent:?}", response.api())),
        }
    }

    /// Handles a request that will get no response, or that must be repeated.
    fn request_failed(&mut self, sent: Sent) {
        let cx = &mut self.cx;
        match sent {
            Sent::Metadata => self.metadata.failed(cx),
            Sent::FindCoordinator => self.discovery.find_failed(cx),
            Sent::Join(_) | Sent::Sync(_) => self.membership.join_failed(cx),
            Sent::Heartbeat(_) => self.classic.heartbeats.failed(cx),
            Sent::Leave => self.on_left(),
            Sent::Commit(commit) => self.commit_failed(commit.kind),
            Sent::OffsetFetch(_) | Sent::ListOffsets(_) => self.positions.failed(cx),
            Sent::Fetch(_) => self.fetcher.failed(cx),
        }
    }

    fn requests_failed(&mut self, lost: Vec<Sent>) {
        for sent in lost {
            self.request_failed(sent);
        }
    }

    /// Handles the loss of a connection: the requests in flight on it will get no response.
    fn connection_lost(&mut self, conn: Conn, lost: Vec<Sent>, why: CoordinatorLoss) {
        self.cx.link_lost(conn.purpose, conn.broker);
        match conn.purpose {
            Purpose::Bootstrap => self.discovery.next_bootstrap(),
            Purpose::Coordinator => self.discovery.coordinator_lost(&mut self.cx, why),
            Purpose::Data => self.metadata.leader_lost(&mut self.cx),
        }
        self.requests_failed(lost);
    }

    pub(super) fn expire_requests(&mut self) {
        while let Some((conn, lost)) = self.cx.links.close_expired(self.cx.now) {
            self.cx.out.push(ClientOutput::Close { conn });
            self.connection_lost(conn, lost, CoordinatorLoss::RequestTimedOut);
        }
    }

    /// Forgets the coordinator and closes the connection to it, so that no request in flight
    /// remains (rule R13.3.2).
    pub(super) fn abandon_coordinator(&mut self, why: CoordinatorLoss) {
        self.discovery.coordinator_lost(&mut self.cx, why);
        if let Some((conn, lost)) = self.cx.links.close(Purpose::Coordinator) {
            self.cx.out.push(ClientOutput::Close { conn });
            self.connection_lost(conn, lost, why);
        }
    }

    /// Closes the connection to a broker that no longer leads the partitions (rule R13.6.3).
    fn follow_leader(&mut self) {
        let (open, leader) = (self.cx.links.open_to(Purpose::Data), self.metadata.leader());
        if open.is_none() || leader.is_none() || open == leader {
            return;
        }
        if let Some((conn, lost)) = self.cx.links.close(Purpose::Data) {
            sometimes(Mark::FollowedLeader);
            self.cx.out.push(ClientOutput::Close { conn });
            self.requests_failed(lost);
        }
    }
}
