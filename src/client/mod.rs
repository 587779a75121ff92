//! A consumer: the classic consumer of the Java client (rules R13), with an application on top of
//! it.
//!
//! The state machine models two threads of that client. The *application thread* polls: it joins
//! and syncs, runs the rebalance callbacks, commits, and passes records to the application. While
//! the application processes a batch, this thread does nothing else. The *heartbeat thread* always
//! runs: it sends heartbeats, detects a dead coordinator, and leaves the group when the application
//! is late for its next poll. [`Consumer::advance`] runs the heartbeat thread first, then the
//! application thread.
//!
//! Not modelled: manual assignment, subscriptions by pattern, subscriptions that change, commits
//! made by the application itself or by a rebalance listener, and any `auto.offset.reset` other
//! than `earliest`.
//!
//! Each part is a file with the requests it sends:
//!
//! | file | what it does |
//! |---|---|
//! | `links` | connections, correlation ids, request timeouts |
//! | `reconnect` | the backoff before a lost connection is reopened |
//! | `discovery` | FindCoordinator; which broker each request goes to |
//! | `metadata` | Metadata: topics, racks, partition leaders |
//! | `membership` | JoinGroup, SyncGroup, and what each error does to the membership |
//! | `offer` | the subscriptions in JoinGroup, and the state that sticky assignors keep |
//! | `leader` | the leader's part: computing the assignment, and detecting that it is out of date |
//! | `prepare` | from "a rebalance is due" to JoinGroup: commit, revoke |
//! | `callbacks` | after SyncGroup: revoke, assign |
//! | `heartbeat` | Heartbeat, the session, the poll interval, LeaveGroup |
//! | `commit` | OffsetCommit |
//! | `position` | OffsetFetch, ListOffsets: where reading begins |
//! | `fetch` | Fetch, and the application's polls |
//! | `close` | the end of a consumer |
//!
//! Read next: [`crate::broker`], the brokers it talks to.

mod api;
mod callbacks;
mod close;
mod commit;
mod config;
mod discovery;
mod fetch;
mod heartbeat;
mod leader;
mod links;
mod membership;
mod metadata;
mod offer;
mod position;
mod prepare;
mod reason;
mod reconnect;
#[cfg(test)]
mod tests;
mod versions;

pub use api::{
    ClientInput, ClientObservation, ClientOutput, Conn, ConsumerDescription, GroupConsumer,
    MemberState, Purpose,
};
pub use config::ConsumerConfig;
pub use reason::{CommitFailure, CoordinatorLoss, TransitionReason};
pub use versions::api_versions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Response, ResponseFrame, TopicPartition};
use crate::rng::Rng;
use crate::time::Time;

use callbacks::PendingAssignment;
use close::Closing;
use commit::Commits;
use discovery::Discovery;
use fetch::{App, Fetcher, Partition};
use heartbeat::Heartbeats;
use links::{Links, Sent};
use membership::Membership;
use metadata::Metadata;
use offer::Memories;
use prepare::Prepare;
use reconnect::Reconnects;

/// The correct consumer. See the module head.
pub struct Consumer {
    config: ConsumerConfig,
    rng: Rng,
    links: Links,
    reconnects: Reconnects,
    discovery: Discovery,
    metadata: Metadata,
    membership: Membership,
    prepare: Prepare,
    pending_assignment: Option<PendingAssignment>,
    memories: Memories,
    heartbeats: Heartbeats,
    commits: Commits,
    /// The owned partitions, each with how far it has been read.
    partitions: BTreeMap<TopicPartition, Partition>,
    fetcher: Fetcher,
    app: App,
    /// Responses and disconnects that arrived while no thread was reading; see
    /// [`Consumer::defers_input`].
    unread: Vec<ClientInput>,
    /// An error that the next poll raises.
    failure: Option<i16>,
    closing: Closing,
}

impl Consumer {
    /// Creates a consumer that starts at `now`. `rng` is used for the jitter of its backoff.
    pub fn new(config: ConsumerConfig, rng: Rng, now: Time) -> Self {
        assert!(!config.assignors.is_empty(), "a consumer needs at least one assignor");
        assert!(!config.bootstrap.is_empty(), "a consumer needs at least one bootstrap broker");
        assert!(
            config.instance_id.is_none() || config.join_version >= 5,
            "consumer {}: a static member of group {} needs JoinGroup version 5 or later; it has {} \
             (KIP-345)",
            config.client_id.as_str(),
            config.group.0.as_str(),
            config.join_version
        );
        Consumer {
            links: Links::new(config.join_version),
            reconnects: Reconnects::default(),
            discovery: Discovery::new(now),
            metadata: Metadata::new(now),
            membership: Membership::new(now),
            prepare: Prepare::default(),
            pending_assignment: None,
            memories: Memories::new(),
            heartbeats: Heartbeats::default(),
            commits: Commits::default(),
            partitions: BTreeMap::new(),
            fetcher: Fetcher::new(now),
            app: App::Polling,
            unread: Vec::new(),
            failure: None,
            closing: Closing::No,
            config,
            rng,
        }
    }

    /// Runs both threads as far as they get at `now`.
    fn work(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if self.closing == Closing::Closed {
            return;
        }
        self.finish_batch(now, out);
        self.read_unread(now, out);
        if self.closing == Closing::Closed {
            return;
        }
        self.heartbeat_thread(now, out);
        if self.app_is_polling() {
            self.poll(now, out);
        }
    }

    /// One `poll()` of the application thread, in the Java client's order (rules R13.4).
    fn poll(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if self.closing != Closing::No {
            return self.close_step(now, out);
        }
        if let Some(error) = self.failure {
            return self.give_up(error, out);
        }
        self.discover(now, out);
        self.join_if_needed(now, out);
        if self.closing == Closing::Closed {
            return;
        }
        self.auto_commit_if_due(now, out);
        self.request_positions(now, out);
        self.deliver(now, out);
        self.fetch(now, out);
    }

    fn respond(&mut self, now: Time, sent: Sent, response: &Response, out: &mut Vec<ClientOutput>) {
        match (sent, response) {
            (Sent::Metadata, Response::Metadata(body)) => self.on_metadata(now, body, out),
            (Sent::FindCoordinator, Response::FindCoordinator(body)) => {
                self.on_find_coordinator(now, body, out);
            }
            (Sent::Join(sent_as), Response::JoinGroup(body)) => {
                self.on_join(now, &sent_as, body, out)
            }
            (Sent::Sync(sent_as), Response::SyncGroup(body)) => {
                self.on_sync(now, &sent_as, body, out)
            }
            (Sent::Heartbeat(sent_as), Response::Heartbeat(body)) => {
                self.on_heartbeat(now, &sent_as, body.error_code, out);
            }
            (Sent::Leave, Response::LeaveGroup(_)) => self.on_left(out),
            (Sent::Commit(commit), Response::OffsetCommit(body)) => {
                self.on_commit(now, &commit, body, out);
            }
            (Sent::OffsetFetch(epoch), Response::OffsetFetch(body)) => {
                self.on_offset_fetch(now, epoch, body, out);
            }
            (Sent::ListOffsets(epoch), Response::ListOffsets(body)) => {
                self.on_list_offsets(now, epoch, body, out);
            }
            (Sent::Fetch(epoch), Response::Fetch(body)) => self.on_fetch(now, epoch, body),
            (sent, response) => panic!(
                "consumer {}: a {} response arrived for the request {sent:?}",
                self.config.client_id.as_str(),
                response.api()
            ),
        }
    }

    /// Handles the loss of a connection: the requests in flight on it will get no response.
    fn fail(
        &mut self,
        now: Time,
        purpose: Purpose,
        lost: Vec<Sent>,
        why: CoordinatorLoss,
        out: &mut Vec<ClientOutput>,
    ) {
        match purpose {
            Purpose::Bootstrap => self.discovery.next_bootstrap(),
            Purpose::Coordinator => self.coordinator_lost(why, out),
            Purpose::Data => self.data_lost(now),
        }
        self.fail_requests(now, lost, out);
    }

    fn fail_requests(&mut self, now: Time, lost: Vec<Sent>, out: &mut Vec<ClientOutput>) {
        for sent in lost {
            match sent {
                Sent::Metadata => self.metadata_failed(now),
                Sent::FindCoordinator => self.find_failed(now),
                Sent::Join(_) | Sent::Sync(_) => self.join_failed(now),
                Sent::Heartbeat(_) => self.heartbeats.failed(now, &self.config),
                Sent::Leave => self.on_left(out),
                Sent::Commit(commit) => self.commit_failed_retriably(now, &commit),
                Sent::OffsetFetch(_) | Sent::ListOffsets(_) => {
                    self.fetcher.positions_failed(now, &self.config)
                }
                Sent::Fetch(_) => self.fetcher.fetch_failed(now, &self.config),
            }
        }
    }

    fn take_response(
        &mut self,
        now: Time,
        conn: Conn,
        frame: &Arc<ResponseFrame>,
        out: &mut Vec<ClientOutput>,
    ) {
        if let Some(sent) = self.links.take_in_flight(conn, frame.correlation) {
            self.reconnects.on_response((conn.purpose, conn.broker));
            self.respond(now, sent, &frame.body, out);
        }
    }

    /// Either thread reads the responses for both. The heartbeat thread sleeps while JoinGroup is
    /// in flight. If the application is busy at that time, which only a cooperative member's can
    /// be, no thread reads anything, not even the response to the join (rule R13.7.5).
    fn defers_input(&self) -> bool {
        !self.app_is_polling() && self.membership.state == MemberState::PreparingRebalance
    }

    fn read_unread(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if !self.defers_input() {
            for input in std::mem::take(&mut self.unread) {
                self.read(now, input, out);
            }
        }
    }

    fn read(&mut self, now: Time, input: ClientInput, out: &mut Vec<ClientOutput>) {
        match input {
            ClientInput::Response { conn, frame } => self.take_response(now, conn, &frame, out),
            ClientInput::Disconnected { conn } => {
                if let Some(lost) = self.links.disconnected(conn) {
                    let link = (conn.purpose, conn.broker);
                    self.connection_lost(now, link, lost, CoordinatorLoss::Disconnected, out);
                }
            }
            ClientInput::Close | ClientInput::ProcessingTime(_) => {}
        }
    }

    fn expire_requests(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        while let Some((conn, lost)) = self.links.close_expired(now) {
            out.push(ClientOutput::Close { conn });
            let link = (conn.purpose, conn.broker);
            self.connection_lost(now, link, lost, CoordinatorLoss::RequestTimedOut, out);
        }
    }
}

impl GroupConsumer for Consumer {
    fn handle(&mut self, now: Time, input: ClientInput, out: &mut Vec<ClientOutput>) {
        if self.closing == Closing::Closed {
            return;
        }
        match input {
            ClientInput::Close => self.begin_close(),
            ClientInput::ProcessingTime(each) => self.set_processing_time(now, each),
            input if self.defers_input() => self.unread.push(input),
            input => self.read(now, input, out),
        }
        self.work(now, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        if !self.defers_input() {
            self.expire_requests(now, out);
        }
        self.work(now, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.closing == Closing::Closed {
            return None;
        }
        let expiry = if self.defers_input() { Time::NEVER } else { self.links.next_deadline() };
        let mut next = expiry.min(self.heartbeat_deadline());
        next = match self.app {
            App::Processing { until, .. } => next.min(until).min(self.poll_interval_deadline()),
            App::Polling if self.closing != Closing::No => next.min(self.close_deadline()),
            App::Polling => next
                .min(self.discovery_deadline())
                .min(self.join_deadline())
                .min(self.auto_commit_deadline())
                .min(self.position_deadline())
                .min(self.fetch_deadline()),
        };
        (next != Time::NEVER).then_some(next)
    }

    fn describe(&self) -> ConsumerDescription {
        ConsumerDescription {
            state: self.membership.state,
            member: self.membership.identity.member.clone(),
            generation: self.membership.identity.generation,
            owned: self.partitions.keys().cloned().collect(),
            waiting_for: self.waiting_for(),
        }
    }
}

impl Consumer {
    fn waiting_for(&self) -> String {
        match self.app {
            App::Processing { until, .. } => format!("the application, busy until {until}"),
            App::Polling => {
                self.links.waiting_for().unwrap_or_else(|| match self.next_deadline() {
                    Some(deadline) => format!("a timer, due {deadline}"),
                    None => "nothing".to_owned(),
                })
            }
        }
    }

    /// Kafka's exponential backoff: doubled with each failure up to the maximum, ±20 % jitter.
    fn backoff(config: &ConsumerConfig, rng: &mut Rng, failures: u32) -> Duration {
        let doubled = config.retry_backoff.saturating_mul(1 << failures.min(16));
        let capped = doubled.min(config.retry_backoff_max);
        rng.duration(capped * 8 / 10..=capped * 12 / 10)
    }
}
