//! Several brokers, and what they share: the logs, and the controller's decisions.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::coordinator::{CoordinatorConfig, GroupCoordinator, GroupDescription};
use crate::protocol::{
    BrokerId, GroupId, RequestFrame, ResponseError, StrBytes, TopicName, TopicPartition, Uuid,
};
use crate::rng::Rng;
use crate::time::Time;

use super::broker::{Broker, ConnectionId, Output};
use super::controller::{Controller, Leadership};
use super::offsets_log::OffsetsLog;
use super::routing::Routing;
use super::shard::Active;
use super::topics::Topics;
use super::turn::{Shared, Turn};

/// One term of one broker as coordinator of the groups of one partition of the offsets log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard {
    /// The partition of the offsets log, from 0.
    pub partition: i32,
    /// The leader epoch: grows with each term, whoever leads.
    pub epoch: i32,
}

/// How far a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShardState {
    /// The log is being replayed.
    Loading,
    /// Requests are handled.
    Active,
    /// The broker has learned that it leads no longer, or has crashed.
    Unloaded,
}

/// How much the answers of the data APIs say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All that Kafka says, for clients of any kind.
    Full,
    /// What the consumers of [`crate::consumer`] act on. Every one of them asks about every partition again
    /// and again, so the rest would be most of the memory of a large group. Left out are the partitions
    /// of a Fetch that have neither records nor an error (as in an incremental fetch session), replicas
    /// where there are no racks, and leader epochs and the log's start outside of Metadata.
    Lean,
}

/// The settings of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// How many brokers there are: `b0`, `b1`, … With none, nobody leads anything.
    pub brokers: u8,
    /// `advertised.listeners`: host and port of each broker in turn; localhost:9092 for all when empty.
    pub endpoints: Vec<(StrBytes, i32)>,
    /// How much the answers of the data APIs say.
    pub detail: Detail,
    /// `broker.rack` of each broker in turn; none when empty.
    pub racks: Vec<StrBytes>,
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: i32,
    /// The settings of every coordinator.
    pub coordinator: CoordinatorConfig,
    /// The time from the append of a record to the offsets log until it is committed.
    pub commit_delay: RangeInclusive<Duration>,
    /// `group.coordinator.append.linger.ms`; with 0 nothing lingers, which is what Kafka's adaptive linger comes
    /// to for a broker that takes no time.
    pub linger: Duration,
    /// `offsets.commit.timeout.ms`.
    pub write_timeout: Duration,
    /// How long a new leader takes to replay the log.
    pub load: RangeInclusive<Duration>,
}

/// What a new leader has of the records that were appended and not committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncommitted {
    /// As many as luck decides.
    Luck,
    /// None.
    Lost,
    /// All.
    Kept,
}

/// What the controller has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elected {
    /// The partition, with its new epoch.
    pub shard: Shard,
    /// Who leads.
    pub leader: Option<BrokerId>,
    /// How many records at the end of the log did not survive.
    pub lost: u64,
}

/// Makes the coordinator of one term out of its settings and the luck of its member ids.
pub type CoordinatorFactory<'a> = dyn Fn(CoordinatorConfig, Rng) -> Box<dyn GroupCoordinator> + 'a;

/// Several brokers without I/O. See the module head of [`crate::cluster`].
///
/// Each broker has a clock of its own: every `now` is on the clock of the broker it is handed in for. What
/// comes out is done by that broker.
pub struct Cluster<'a> {
    brokers: Vec<Broker>,
    shared: Shared<'a>,
}

impl<'a> Cluster<'a> {
    /// A cluster whose brokers are up, with partition p of the offsets log led by broker p modulo their
    /// number, in epoch 0. `seed` is the seed of all its luck.
    pub fn new(config: ClusterConfig, make: Rc<CoordinatorFactory<'a>>, seed: u64) -> Self {
        let reached = config.endpoints.len();
        assert!(
            reached == 0 || reached == usize::from(config.brokers),
            "{reached} endpoints for {} brokers",
            config.brokers
        );
        let partitions = usize::try_from(config.offsets_partitions).unwrap_or(0);
        let controller = Controller::new(usize::from(config.brokers), partitions);
        let broker = |id| Broker::new(BrokerId(i32::from(id)), controller.clone(), seed);
        let brokers = (0..config.brokers).map(broker).collect();
        let shared = Shared {
            make,
            seed,
            topics: Topics::default(),
            logs: (0..partitions).map(|_| OffsetsLog::default()).collect(),
            routing: Routing::new(partitions),
            next_producer: 0,
            controller,
            config,
        };
        Cluster { brokers, shared }
    }

    /// Takes a request that has arrived at a broker, which must be up: on a connection, from a host as Kafka
    /// shows it (`/10.1.0.1`).
    pub fn handle(
        &mut self,
        now: Time,
        at: BrokerId,
        from: (ConnectionId, &StrBytes),
        request: Arc<RequestFrame>,
        out: &mut Vec<Output>,
    ) {
        assert!(self.is_up(at), "a request arrives at {at}, which is down");
        self.turn(now, at, out).receive(from, request);
    }

    /// The client has closed a connection: what arrived before that is still taken up, one by one.
    pub fn closed(&mut self, now: Time, at: BrokerId, conn: ConnectionId, out: &mut Vec<Output>) {
        self.turn(now, at, out).closed(conn);
    }

    /// A connection was reset: what waits on it is dropped, what a coordinator has parked stays.
    pub fn reset(&mut self, at: BrokerId, conn: ConnectionId) {
        self.brokers[index(at)].reset(conn, &mut self.shared.topics);
    }

    /// Does whatever is due at a broker.
    pub fn advance(&mut self, now: Time, at: BrokerId, out: &mut Vec<Output>) {
        self.turn(now, at, out).advance();
    }

    /// When [`Self::advance`] wants to be called next for a broker. May be too early, never too late.
    pub fn next_deadline(&self, at: BrokerId) -> Option<Time> {
        let broker = &self.brokers[index(at)];
        let terms = broker.seats.iter().filter_map(|&partition| {
            broker.terms[partition].as_ref()?.next_deadline(&self.shared.logs[partition])
        });
        terms.chain(broker.fetches.next_deadline()).min()
    }

    /// Calls `visit` with every armed deadline of the coordinators of a broker, in no particular order.
    pub fn deadlines(&self, at: BrokerId, visit: &mut dyn FnMut(Time)) {
        let terms = self.brokers[index(at)].terms.iter().flatten();
        terms
            .filter_map(|term| term.active())
            .for_each(|active| active.coordinator.deadlines(visit));
    }

    /// A broker is gone at once, with its memory and its connections. Its disk stays.
    pub fn crash(&mut self, at: BrokerId, out: &mut Vec<Output>) {
        self.brokers[index(at)].crash(&mut self.shared.topics, out);
    }

    /// A crashed broker is up again; it knows what the controller has decided so far. What it still leads,
    /// because nobody else was named, it loads again in the same epoch, with all of its own log.
    pub fn start(&mut self, now: Time, at: BrokerId, out: &mut Vec<Output>) {
        assert!(!self.is_up(at), "{at} is to start, but it is up");
        self.brokers[index(at)].up = true;
        self.learn(now, at, out);
    }

    /// The controller names a leader, in a new epoch; brokers learn of it through [`Self::learn`]. From
    /// here on nothing that an older leader appends is ever committed. Without a leader the log's end is
    /// left as it is for the next one.
    pub fn elect(
        &mut self,
        partition: i32,
        leader: Option<BrokerId>,
        uncommitted: Uncommitted,
    ) -> Elected {
        self.controller_looks();
        let at = partition as usize;
        let leadership = &mut self.shared.controller.offsets[at];
        *leadership = Leadership { leader, epoch: leadership.epoch + 1 };
        let epoch = leadership.epoch;
        let log = &mut self.shared.logs[at];
        log.epoch = epoch;
        let lost = match leader {
            Some(_) => {
                let purpose = format!("election/{partition}/{epoch}");
                log.begin_term(uncommitted, &mut Rng::stream(self.shared.seed, &purpose))
            }
            None => 0,
        };
        Elected { shard: Shard { partition, epoch }, leader, lost }
    }

    /// A broker learns what the controller has decided so far: it unloads what it leads no longer and
    /// begins to load what it leads now. Nothing, if the broker is down.
    pub fn learn(&mut self, now: Time, at: BrokerId, out: &mut Vec<Output>) {
        self.controller_looks();
        if self.is_up(at) {
            let mut turn = self.turn(now, at, out);
            turn.learn();
            turn.take_up_ready();
        }
    }

    /// The high watermark of a partition of the offsets log stands still, or moves again. The leader's next
    /// deadline may then be over.
    pub fn stall(&mut self, partition: i32, stalled: bool) {
        self.shared.logs[partition as usize].stalled = stalled;
    }

    /// A partition of the offsets log refuses appends with this error, or takes them again.
    pub fn refuse(&mut self, partition: i32, error: Option<ResponseError>) {
        self.shared.logs[partition as usize].refusal = error;
    }

    /// Of each key of the committed part of a partition of the offsets log only the last record is kept.
    pub fn compact(&mut self, partition: i32) {
        self.shared.logs[partition as usize].compact();
    }

    /// Creates a topic, with an id that no topic has had before (KIP-516).
    pub fn create_topic(&mut self, name: TopicName, partitions: i32) {
        self.shared.topics.create(name, partitions, self.shared.seed);
    }

    /// The id of a topic, if it exists.
    pub fn topic_id(&self, name: &TopicName) -> Option<Uuid> {
        self.shared.topics.by_name(name).map(|topic| topic.id)
    }

    /// A topic has more partitions.
    pub fn grow_topic(&mut self, name: &TopicName, partitions: i32) {
        self.shared.topics.grow(name, partitions);
    }

    /// A topic is gone, if it is not already, and a broker learns of it: it tells its coordinators, and the
    /// fetches that wait for the topic are answered UNKNOWN_TOPIC_OR_PARTITION. To be called for each
    /// broker. As in Kafka, one that is down or loads keeps the offsets that it finds in its log.
    pub fn delete_topic(
        &mut self,
        now: Time,
        at: BrokerId,
        name: &TopicName,
        out: &mut Vec<Output>,
    ) {
        self.shared.topics.delete(name);
        let mut turn = self.turn(now, at, out);
        turn.topic_deleted(name);
        turn.take_up_ready();
    }

    /// The partition of the offsets log that holds a group.
    pub fn partition_of(&self, group: &GroupId) -> i32 {
        self.shared.routing.computed(group) as i32
    }

    /// Who leads a partition of the offsets log, as the controller knows.
    pub fn leader(&self, partition: i32) -> Option<BrokerId> {
        self.shared.controller.offsets[partition as usize].leader
    }

    /// Who serves the records of all topics, as the controller knows. It changes when the data leader is
    /// down and the controller is asked for something: [`Self::elect`], [`Self::learn`], [`Self::start`].
    pub fn data_leader(&self) -> Option<BrokerId> {
        self.shared.controller.data_leader
    }

    /// Whether there is such a broker, and it is up.
    pub fn is_up(&self, at: BrokerId) -> bool {
        usize::try_from(at.0).is_ok_and(|at| self.brokers.get(at).is_some_and(|broker| broker.up))
    }

    /// The groups that there are, as the brokers know that lead them.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        let shards = 0..self.shared.controller.offsets.len();
        let active = shards.filter_map(|partition| self.active(partition));
        active.flat_map(|current| current.coordinator.groups()).collect()
    }

    /// A look inside a group at the broker that leads it, as the controller knows.
    pub fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.active(self.shared.routing.computed(group))?.coordinator.describe(group)
    }

    /// What leads a partition of the offsets log, as the controller knows, once it is loaded.
    fn active(&self, partition: usize) -> Option<&Active> {
        let Leadership { leader, epoch } = self.shared.controller.offsets[partition];
        let term = self.brokers[index(leader?)].terms[partition].as_ref()?;
        term.active().filter(|_| term.epoch == epoch)
    }

    /// One past the last offset of a partition, if it exists.
    pub fn log_end(&self, partition: &TopicPartition) -> Option<i64> {
        self.shared.topics.log(partition).map(|log| log.end())
    }

    fn controller_looks(&mut self) {
        self.shared.controller.notice(self.brokers.iter().map(|broker| broker.up));
    }

    fn turn<'t>(&'t mut self, now: Time, at: BrokerId, out: &'t mut Vec<Output>) -> Turn<'t, 'a> {
        Turn { broker: &mut self.brokers[index(at)], shared: &mut self.shared, now, out }
    }
}

fn index(broker: BrokerId) -> usize {
    broker.0 as usize
}
