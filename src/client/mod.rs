//! A consumer: the classic consumer of the Java client (rules R13), with an application on top of
//! it.
//!
//! The state machine models two threads of that client, the *application thread* and the *heartbeat
//! thread*; `threads` says what each does. [`Consumer::advance`] runs the heartbeat thread first,
//! then the application thread.
//!
//! Not modelled: manual assignment, subscriptions by pattern, subscriptions that change, commits
//! made by the application itself or by a rebalance listener, and any `auto.offset.reset` other
//! than `earliest`.
//!
//! A [`Consumer`] is composed of parts. Each part keeps its state to itself:
//!
//! | file | what it keeps |
//! |---|---|
//! | `context` | the time, the settings, the identity; what all parts are given |
//! | `links`, `reconnect` | connections, requests in flight and their timeouts; the backoff before a lost connection is reopened |
//! | `discovery` | the coordinator: FindCoordinator, and the bootstrap brokers |
//! | `metadata` | topics, racks, partition leaders: Metadata |
//! | `membership` | the member's state, and whether a rebalance is due, under any group protocol |
//! | `classic` | the classic protocol: when to join; JoinGroup, SyncGroup, Heartbeat, LeaveGroup, the leader's part |
//! | `partitions` | the owned partitions: positions, and records fetched ahead |
//! | `position` | when to request positions: OffsetFetch, ListOffsets |
//! | `fetch` | when to fetch: Fetch |
//! | `commit` | when to commit: OffsetCommit |
//! | `app` | the application: whether it polls or processes a batch |
//! | `close` | the progress of closing |
//!
//! What concerns several parts is done by the consumer:
//!
//! | file | what happens there |
//! |---|---|
//! | `threads` | the order in which the parts act, and when the next one has to |
//! | `responses` | a response goes to its part, and its outcome to the others; lost connections |
//! | `callbacks` | the application's callbacks: assigned, revoked, lost |
//! | `close` | the end of a consumer |
//!
//! Read next: [`crate::broker`], the brokers it talks to.

mod api;
mod app;
mod callbacks;
mod classic;
mod close;
mod commit;
mod config;
mod context;
mod discovery;
mod fetch;
mod links;
mod membership;
mod metadata;
mod partitions;
mod position;
mod reason;
mod reconnect;
mod responses;
#[cfg(test)]
mod tests;
mod threads;
mod versions;

pub use api::{
    ClientInput, ClientObservation, ClientOutput, Conn, ConsumerDescription, GroupConsumer,
    MemberState, Purpose,
};
pub use config::ConsumerConfig;
pub use reason::{CommitFailure, CoordinatorLoss, TransitionReason};
pub use versions::api_versions;

use crate::rng::Rng;
use crate::time::Time;

use app::App;
use classic::Classic;
use close::Closing;
use commit::Commits;
use context::{Context, always};
use discovery::Discovery;
use fetch::Fetcher;
use membership::Membership;
use metadata::Metadata;
use partitions::Partitions;
use position::Positions;

/// The correct consumer. See the module head.
pub struct Consumer {
    cx: Context,
    discovery: Discovery,
    metadata: Metadata,
    membership: Membership,
    classic: Classic,
    partitions: Partitions,
    positions: Positions,
    fetcher: Fetcher,
    commits: Commits,
    app: App,
    /// Responses and disconnects that arrived while no thread was reading; see
    /// [`Consumer::defers_input`].
    unread: Vec<ClientInput>,
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
            cx: Context::new(config, rng, now),
            discovery: Discovery::new(now),
            metadata: Metadata::new(now),
            membership: Membership::new(now),
            classic: Classic::default(),
            partitions: Partitions::default(),
            positions: Positions::new(now),
            fetcher: Fetcher::new(now),
            commits: Commits::default(),
            app: App::new(),
            unread: Vec::new(),
            closing: Closing::default(),
        }
    }

    /// Runs `act` at `now` and appends its outputs to `out`.
    fn at(&mut self, now: Time, out: &mut Vec<ClientOutput>, act: impl FnOnce(&mut Self)) {
        self.cx.now = now;
        std::mem::swap(&mut self.cx.out, out);
        act(self);
        self.check();
        std::mem::swap(&mut self.cx.out, out);
    }

    /// What must hold of the parts together between two inputs.
    fn check(&self) {
        let (cx, polls) = (&self.cx, self.app.is_polling());
        self.membership.check(cx);
        self.partitions.check(cx);
        always!(
            cx,
            self.discovery.knows_coordinator() || cx.links.open_to(Purpose::Coordinator).is_none(),
            "has forgotten its coordinator and kept the connection to it"
        );
        always!(
            cx,
            !self.membership.prepare.is_done() || self.partitions.is_empty() || cx.is_cooperative(),
            "has prepared for an eager rebalance and still owns partitions"
        );
        if self.closing.is_closed() {
            let idle = self.partitions.is_empty() && !cx.links.any_open();
            always!(cx, idle, "has closed and keeps partitions or connections");
            return;
        }
        always!(cx, self.unread.is_empty() || self.defers_input(), "leaves responses unread");
        if polls && !self.closing.has_begun() {
            always!(cx, self.closing.failure().is_none(), "hides an error from the application");
            always!(cx, !self.classic.has_assignment(), "hides an assignment from the application");
        }
    }

    fn waiting_for(&self) -> String {
        if let Some(until) = self.app.busy_until() {
            return format!("the application, busy until {until}");
        }
        self.cx.links.waiting_for().unwrap_or_else(|| match self.next_deadline() {
            Some(deadline) => format!("a timer, due {deadline}"),
            None => "nothing".to_owned(),
        })
    }
}

impl GroupConsumer for Consumer {
    fn handle(&mut self, now: Time, input: ClientInput, out: &mut Vec<ClientOutput>) {
        if self.closing.is_closed() {
            return;
        }
        self.at(now, out, |consumer| {
            match input {
                ClientInput::Close => consumer.closing.begin(&consumer.cx),
                ClientInput::ProcessingTime(each) => consumer.app.set_processing_time(now, each),
                input if consumer.defers_input() => consumer.unread.push(input),
                input => consumer.read(input),
            }
            consumer.work();
        });
    }

    fn advance(&mut self, now: Time, out: &mut Vec<ClientOutput>) {
        self.at(now, out, |consumer| {
            if !consumer.defers_input() {
                consumer.expire_requests();
            }
            consumer.work();
        });
    }

    fn next_deadline(&self) -> Option<Time> {
        if self.closing.is_closed() {
            return None;
        }
        let next = self.deadline();
        (next != Time::NEVER).then_some(next)
    }

    fn describe(&self) -> ConsumerDescription {
        let identity = self.cx.identity();
        ConsumerDescription {
            state: self.membership.state(),
            member: identity.member.clone(),
            generation: identity.generation,
            owned: self.partitions.names().cloned().collect(),
            waiting_for: self.waiting_for(),
        }
    }
}
