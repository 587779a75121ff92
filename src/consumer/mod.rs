//! A consumer: what the Java classic client does (rules R13), with an application on top of it.
//!
//! Two threads of that client are folded into one state machine. The *application thread* polls: it joins
//! and syncs, runs the rebalance callbacks, commits, and hands records to the application; while the
//! application is busy with a batch it does nothing else. The *heartbeat thread* runs all the time: it
//! heartbeats, notices a dead coordinator, and leaves the group when the application is late for its
//! next poll. [`Consumer::advance`] runs both, in that order of blame.
//!
//! What it deliberately does not do: manual assignment, subscriptions by pattern or that change, commits by
//! the application's own hand (nor by a rebalance listener), a log start other than the earliest record.
//!
//! The parts, each a file with the requests it owns:
//!
//! | file | what it does |
//! |---|---|
//! | `links` | connections, correlation numbers, request timeouts |
//! | `reconnect` | how soon a lost connection is made again |
//! | `discovery` | FindCoordinator, which broker to ask |
//! | `metadata` | Metadata: topics, racks, who leads the partitions |
//! | `membership` | JoinGroup, SyncGroup, what an error does to the membership |
//! | `offer` | the subscriptions in JoinGroup, what sticky assignors remember |
//! | `leader` | the assignment, when this member is the leader, and when it is out of date |
//! | `prepare` | what happens between "a rebalance is due" and JoinGroup: commit, revoke |
//! | `callbacks` | what happens after SyncGroup: revoke, assign |
//! | `heartbeat` | Heartbeat, the session, the poll interval, LeaveGroup |
//! | `commit` | OffsetCommit |
//! | `position` | OffsetFetch, ListOffsets: where reading begins |
//! | `fetch` | Fetch, and the application's polls |
//! | `close` | the end |
//!
//! Read next: [`crate::cluster`], the broker it talks to.

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
mod reconnect;
#[cfg(test)]
mod tests;
mod versions;

pub use api::{
    Conn, ConsumerDescription, GroupConsumer, Input, MemberState, Observation, Output, Purpose,
};
pub use config::ConsumerConfig;
pub use versions::api_versions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Response, ResponseFrame, TopicPartition};
use crate::rng::Rng;
use crate::time::Time;

use callbacks::Arrived;
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
    arrived: Option<Arrived>,
    memories: Memories,
    heartbeats: Heartbeats,
    commits: Commits,
    /// What it owns and how far it has read.
    partitions: BTreeMap<TopicPartition, Partition>,
    fetcher: Fetcher,
    app: App,
    /// What has come in while nobody was listening, see [`Consumer::nobody_listens`].
    unread: Vec<Input>,
    /// An error that the next poll raises.
    failure: Option<i16>,
    closing: Closing,
}

impl Consumer {
    /// A consumer that starts at `now`; `rng` is its luck, used for the jitter of its backoff.
    pub fn new(config: ConsumerConfig, rng: Rng, now: Time) -> Self {
        assert!(!config.assignors.is_empty(), "a consumer needs at least one assignor");
        assert!(!config.bootstrap.is_empty(), "a consumer needs a broker to begin with");
        assert!(
            config.instance_id.is_none() || config.join_version >= 5,
            "consumer {}: a static member of group {} needs JoinGroup version 5 and has {} (KIP-345)",
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
            arrived: None,
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
    fn work(&mut self, now: Time, out: &mut Vec<Output>) {
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
    fn poll(&mut self, now: Time, out: &mut Vec<Output>) {
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
        self.find_positions(now, out);
        self.deliver(now, out);
        self.fetch(now, out);
    }

    fn respond(&mut self, now: Time, sent: Sent, response: &Response, out: &mut Vec<Output>) {
        match (sent, response) {
            (Sent::Metadata, Response::Metadata(answer)) => self.on_metadata(now, answer, out),
            (Sent::FindCoordinator, Response::FindCoordinator(answer)) => {
                self.on_find_coordinator(now, answer, out);
            }
            (Sent::Join(as_), Response::JoinGroup(answer)) => self.on_join(now, &as_, answer, out),
            (Sent::Sync(as_), Response::SyncGroup(answer)) => self.on_sync(now, &as_, answer, out),
            (Sent::Heartbeat(as_), Response::Heartbeat(answer)) => {
                self.on_heartbeat(now, &as_, answer.error_code, out);
            }
            (Sent::Leave, Response::LeaveGroup(_)) => self.on_left(out),
            (Sent::Commit(commit), Response::OffsetCommit(answer)) => {
                self.on_commit(now, &commit, answer, out);
            }
            (Sent::OffsetFetch(epoch), Response::OffsetFetch(answer)) => {
                self.on_offset_fetch(now, epoch, answer, out);
            }
            (Sent::ListOffsets(epoch), Response::ListOffsets(answer)) => {
                self.on_list_offsets(now, epoch, answer, out);
            }
            (Sent::Fetch(epoch), Response::Fetch(answer)) => self.on_fetch(now, epoch, answer),
            (sent, response) => panic!(
                "consumer {}: a {} response answers {sent:?}",
                self.config.client_id.as_str(),
                response.api()
            ),
        }
    }

    /// What was in flight on a connection that is gone will not be answered.
    fn fail(
        &mut self,
        now: Time,
        purpose: Purpose,
        lost: Vec<Sent>,
        why: &'static str,
        out: &mut Vec<Output>,
    ) {
        match purpose {
            Purpose::Bootstrap => self.discovery.next_bootstrap(),
            Purpose::Coordinator => self.coordinator_lost(why, out),
            Purpose::Data => self.data_lost(now),
        }
        self.fail_requests(now, lost, out);
    }

    fn fail_requests(&mut self, now: Time, lost: Vec<Sent>, out: &mut Vec<Output>) {
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
        out: &mut Vec<Output>,
    ) {
        if let Some(sent) = self.links.answered(conn, frame.correlation) {
            self.reconnects.answered((conn.purpose, conn.broker));
            self.respond(now, sent, &frame.body, out);
        }
    }

    /// What is on a connection is read by whichever thread looks. The heartbeat thread sleeps while JoinGroup
    /// is in flight, so that an application which is busy then, as a cooperative member's may be, leaves
    /// everything unread: the answer to its join too (rule R13.7.5).
    fn nobody_listens(&self) -> bool {
        !self.app_is_polling() && self.membership.state == MemberState::PreparingRebalance
    }

    fn read_unread(&mut self, now: Time, out: &mut Vec<Output>) {
        if !self.nobody_listens() {
            for input in std::mem::take(&mut self.unread) {
                self.read(now, input, out);
            }
        }
    }

    fn read(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        match input {
            Input::Response { conn, frame } => self.take_response(now, conn, &frame, out),
            Input::Disconnected { conn } => {
                if let Some(lost) = self.links.disconnected(conn) {
                    let link = (conn.purpose, conn.broker);
                    self.connection_lost(now, link, lost, "disconnected", out);
                }
            }
            Input::Close | Input::ProcessingTime(_) => {}
        }
    }

    fn expire_requests(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some((conn, lost)) = self.links.close_expired(now) {
            out.push(Output::Close { conn });
            let link = (conn.purpose, conn.broker);
            self.connection_lost(now, link, lost, "request timed out", out);
        }
    }
}

impl GroupConsumer for Consumer {
    fn handle(&mut self, now: Time, input: Input, out: &mut Vec<Output>) {
        if self.closing == Closing::Closed {
            return;
        }
        match input {
            Input::Close => self.begin_close(),
            Input::ProcessingTime(each) => self.set_processing_time(now, each),
            input if self.nobody_listens() => self.unread.push(input),
            input => self.read(now, input, out),
        }
        self.work(now, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        if !self.nobody_listens() {
            self.expire_requests(now, out);
        }
        self.work(now, out);
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.closing == Closing::Closed {
            return None;
        }
        let expiry = if self.nobody_listens() { Time::NEVER } else { self.links.next_deadline() };
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
