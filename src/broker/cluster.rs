//! The cluster: several brokers, the logs and the controller that they share.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::coordinator::{CoordinatorConfig, GroupCoordinator, GroupDescription, TopicChange};
use crate::protocol::{
    BrokerId, GroupId, RequestFrame, ResponseError, StrBytes, TopicName, TopicPartition, Uuid,
};
use crate::rng::Rng;
use crate::time::Time;

use super::context::{BrokerContext, Shared};
use super::controller::{Controller, Leadership};
use super::coordinator_term::Active;
use super::node::{Broker, BrokerOutput, ConnectionId};
use super::offsets_log::OffsetsLog;
use super::routing::Routing;
use super::topics::Topics;

/// One term of one broker as coordinator of the groups in one partition of the offsets log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// The partition of the offsets log, from 0.
    pub partition: i32,
    /// The leader epoch: grows with each election, whichever broker is elected.
    pub epoch: i32,
}

/// The progress of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TermState {
    /// The leader replays the log.
    Loading,
    /// The coordinator handles requests.
    Active,
    /// The broker has learned that it no longer leads, or has crashed.
    Unloaded,
}

/// How complete the responses of the data APIs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// As complete as Kafka's, for clients of any kind.
    Full,
    /// Only the fields that the consumers of [`crate::client`] use. These consumers request every
    /// partition again and again, so the rest would take most of the memory of a large group. Left
    /// out are the partitions of a Fetch that have neither records nor an error (as in an
    /// incremental fetch session), the replicas if there are no racks, and the leader epoch and the
    /// log start offset outside of Metadata.
    Lean,
}

/// The settings of a cluster.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The number of brokers: `b0`, `b1`, … With none, no partition has a leader.
    pub brokers: u8,
    /// `advertised.listeners`: host and port of each broker, in order; if empty, localhost:9092 for
    /// all.
    pub endpoints: Vec<(StrBytes, i32)>,
    /// How complete the responses of the data APIs are.
    pub detail: Detail,
    /// `broker.rack` of each broker, in order; if empty, no broker has a rack.
    pub racks: Vec<StrBytes>,
    /// `offsets.topic.num.partitions`.
    pub offsets_partitions: i32,
    /// The settings of every coordinator.
    pub coordinator: CoordinatorConfig,
    /// The time from the append of a record to the offsets log until it is committed.
    pub commit_delay: RangeInclusive<Duration>,
    /// `group.coordinator.append.linger.ms`. With 0, batches do not linger; this is what Kafka's
    /// adaptive linger amounts to for a broker that takes no time.
    pub linger: Duration,
    /// `offsets.commit.timeout.ms`.
    pub write_timeout: Duration,
    /// How long a new leader takes to replay the log.
    pub load: RangeInclusive<Duration>,
}

/// How many of the appended but uncommitted records a new leader has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncommitted {
    /// A random number of batches.
    Random,
    /// None.
    Lost,
    /// All.
    Kept,
}

/// The outcome of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elected {
    /// The partition, with its new epoch.
    pub term: Term,
    /// The new leader, if there is one.
    pub leader: Option<BrokerId>,
    /// How many records at the end of the log did not survive.
    pub lost: u64,
}

/// Creates the coordinator of one term from its settings and the random numbers for its member ids.
pub type CoordinatorFactory<'a> = dyn Fn(CoordinatorConfig, Rng) -> Box<dyn GroupCoordinator> + 'a;

/// Several brokers without I/O. See the module head of [`crate::broker`].
///
/// Each broker has its own clock: every `now` is on the clock of the broker that the call is for.
/// That broker also carries out the outputs.
pub struct Cluster<'a> {
    brokers: Vec<Broker>,
    shared: Shared<'a>,
}

impl<'a> Cluster<'a> {
    /// Creates a cluster whose brokers are up. Broker p modulo the number of brokers leads
    /// partition p of the offsets log, in epoch 0. All random numbers derive from `seed`.
    pub fn new(config: ClusterConfig, make: Rc<CoordinatorFactory<'a>>, seed: u64) -> Self {
        let endpoints = config.endpoints.len();
        assert!(
            endpoints == 0 || endpoints == usize::from(config.brokers),
            "each broker needs an endpoint, or none: {endpoints} endpoints for {} brokers",
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

    /// Receives a request at a broker, which must be up. `from` is the connection and the client's
    /// host as Kafka displays it (`/10.1.0.1`).
    pub fn handle(
        &mut self,
        now: Time,
        at: BrokerId,
        from: (ConnectionId, &StrBytes),
        request: Arc<RequestFrame>,
        out: &mut Vec<BrokerOutput>,
    ) {
        assert!(self.is_up(at), "a request arrived at {at}, which is down");
        self.context(now, at, out).receive(from, request);
    }

    /// The client has closed a connection. The broker still handles the requests that arrived
    /// before, one at a time.
    pub fn closed(
        &mut self,
        now: Time,
        at: BrokerId,
        conn: ConnectionId,
        out: &mut Vec<BrokerOutput>,
    ) {
        self.context(now, at, out).closed(conn);
    }

    /// A connection was reset. Requests queued on it are dropped; those parked in a coordinator
    /// stay.
    pub fn reset(&mut self, at: BrokerId, conn: ConnectionId) {
        self.brokers[index(at)].reset(conn, &mut self.shared.topics);
    }

    /// Does everything that is due at a broker.
    pub fn advance(&mut self, now: Time, at: BrokerId, out: &mut Vec<BrokerOutput>) {
        self.context(now, at, out).advance();
    }

    /// When [`Self::advance`] must be called next for a broker. May be too early, never too late.
    pub fn next_deadline(&self, at: BrokerId) -> Option<Time> {
        let broker = &self.brokers[index(at)];
        let terms = broker.term_partitions.iter().filter_map(|&partition| {
            broker.terms[partition].as_ref()?.next_deadline(&self.shared.logs[partition])
        });
        terms.chain(broker.fetches.next_deadline()).min()
    }

    /// Calls `visit` with every armed deadline of a broker's coordinators, in no particular order.
    pub fn deadlines(&self, at: BrokerId, visit: &mut dyn FnMut(Time)) {
        let terms = self.brokers[index(at)].terms.iter().flatten();
        terms
            .filter_map(|term| term.active())
            .for_each(|active| active.coordinator.deadlines(visit));
    }

    /// Crashes a broker: its memory and its connections are gone, its disk stays.
    pub fn crash(&mut self, at: BrokerId, out: &mut Vec<BrokerOutput>) {
        self.brokers[index(at)].crash(&mut self.shared.topics, out);
    }

    /// Restarts a crashed broker. It learns the controller's current state. If it still leads a
    /// partition, because no other leader was elected, it loads that partition again in the same
    /// epoch, with its complete log.
    pub fn start(&mut self, now: Time, at: BrokerId, out: &mut Vec<BrokerOutput>) {
        assert!(!self.is_up(at), "{at} cannot start: it is already up");
        self.brokers[index(at)].up = true;
        self.learn(now, at, out);
    }

    /// Elects a leader, in a new epoch; brokers learn of it through [`Self::learn`]. From now on,
    /// nothing that an older leader appends is ever committed. If there is no leader, the end of
    /// the log stays as it is for the next one.
    pub fn elect(
        &mut self,
        partition: i32,
        leader: Option<BrokerId>,
        uncommitted: Uncommitted,
    ) -> Elected {
        self.update_controller();
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
        Elected { term: Term { partition, epoch }, leader, lost }
    }

    /// A broker learns the controller's current state. It unloads the partitions that it no longer
    /// leads and begins to load those that it now leads. Does nothing if the broker is down.
    pub fn learn(&mut self, now: Time, at: BrokerId, out: &mut Vec<BrokerOutput>) {
        self.update_controller();
        if self.is_up(at) {
            let mut context = self.context(now, at, out);
            context.learn();
            context.take_up_ready();
        }
    }

    /// Stalls the high watermark of a partition of the offsets log, or lets it move again.
    /// Afterwards the leader's next deadline may be in the past.
    pub fn stall(&mut self, partition: i32, stalled: bool) {
        self.shared.logs[partition as usize].stalled = stalled;
    }

    /// Makes a partition of the offsets log refuse appends with this error, or accept them again.
    pub fn refuse(&mut self, partition: i32, error: Option<ResponseError>) {
        self.shared.logs[partition as usize].refusal = error;
    }

    /// Compacts a partition of the offsets log: of its committed records, only the last one for
    /// each key remains.
    pub fn compact(&mut self, partition: i32) {
        self.shared.logs[partition as usize].compact();
    }

    /// Creates a topic, with an id that no topic has had before (KIP-516). Coordinators that exist
    /// learn of it through [`Self::learn_topic`].
    pub fn create_topic(&mut self, name: TopicName, partitions: i32) {
        self.shared.topics.create(name, partitions, self.shared.seed);
    }

    /// The id of a topic, if it exists.
    pub fn topic_id(&self, name: &TopicName) -> Option<Uuid> {
        self.shared.topics.by_name(name).map(|topic| topic.id)
    }

    /// Adds partitions to a topic, up to this count. Brokers learn of it through
    /// [`Self::learn_topic`].
    pub fn grow_topic(&mut self, name: &TopicName, partitions: i32) {
        self.shared.topics.grow(name, partitions);
    }

    /// Deletes a topic, if it still exists, and makes a broker learn of it: the broker notifies its
    /// coordinators and responds UNKNOWN_TOPIC_OR_PARTITION to the fetches that wait for the topic.
    /// To be called for each broker. As in Kafka, a broker that is down or loading keeps the
    /// offsets that it finds in its log.
    pub fn delete_topic(
        &mut self,
        now: Time,
        at: BrokerId,
        name: &TopicName,
        out: &mut Vec<BrokerOutput>,
    ) {
        self.shared.topics.delete(name);
        self.learn_topic(now, at, &TopicChange::Deleted(name.clone()), out);
    }

    /// Makes a broker learn of a topic that was created or has grown: the broker notifies its
    /// coordinators. To be called for each broker, unless none has a coordinator yet.
    pub fn learn_topic(
        &mut self,
        now: Time,
        at: BrokerId,
        change: &TopicChange,
        out: &mut Vec<BrokerOutput>,
    ) {
        let mut context = self.context(now, at, out);
        context.topic_changed(change);
        context.take_up_ready();
    }

    /// The partition of the offsets log that holds a group.
    pub fn partition_of(&self, group: &GroupId) -> i32 {
        self.shared.routing.compute_partition(group) as i32
    }

    /// The leader of a partition of the offsets log, in the controller's view.
    pub fn leader(&self, partition: i32) -> Option<BrokerId> {
        self.shared.controller.offsets[partition as usize].leader
    }

    /// The broker that serves the records of all topics, in the controller's view. It changes when
    /// the data leader is down and the controller is used: [`Self::elect`], [`Self::learn`],
    /// [`Self::start`].
    pub fn data_leader(&self) -> Option<BrokerId> {
        self.shared.controller.data_leader
    }

    /// Whether the broker exists and is up.
    pub fn is_up(&self, at: BrokerId) -> bool {
        usize::try_from(at.0).is_ok_and(|at| self.brokers.get(at).is_some_and(|broker| broker.up))
    }

    /// All groups that the current leaders know.
    pub fn groups(&self) -> BTreeSet<GroupId> {
        let partitions = 0..self.shared.controller.offsets.len();
        let active = partitions.filter_map(|partition| self.active(partition));
        active.flat_map(|term| term.coordinator.groups()).collect()
    }

    /// Describes a group at the broker that leads it, in the controller's view.
    pub fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.active(self.shared.routing.compute_partition(group))?.coordinator.describe(group)
    }

    /// The active term of a partition's leader, in the controller's view; `None` until it is
    /// loaded.
    fn active(&self, partition: usize) -> Option<&Active> {
        let Leadership { leader, epoch } = self.shared.controller.offsets[partition];
        let term = self.brokers[index(leader?)].terms[partition].as_ref()?;
        term.active().filter(|_| term.epoch == epoch)
    }

    /// One past the last offset of a partition; `None` if the partition does not exist.
    pub fn log_end(&self, partition: &TopicPartition) -> Option<i64> {
        self.shared.topics.log(partition).map(|log| log.end())
    }

    fn update_controller(&mut self) {
        self.shared.controller.update_live_brokers(self.brokers.iter().map(|broker| broker.up));
    }

    fn context<'t>(
        &'t mut self,
        now: Time,
        at: BrokerId,
        out: &'t mut Vec<BrokerOutput>,
    ) -> BrokerContext<'t, 'a> {
        BrokerContext { broker: &mut self.brokers[index(at)], shared: &mut self.shared, now, out }
    }
}

fn index(broker: BrokerId) -> usize {
    broker.0 as usize
}
