//! Whether an action is legal: its names exist, and what it does can be done to them now.
//!
//! Each rule is here once. The script checker asks before a run, the generator while it draws a
//! schedule, and the run before it carries out an action. They know different things, so they
//! answer for the [`Facts`] themselves:
//!
//! * The checker and the generator know what the steps so far have done. [`ClusterState`] keeps it.
//!   The generator asks for more than the rules do: it drops actions that are legal but pointless.
//! * The run knows what has really happened, which no schedule can foresee: a consumer takes a
//!   while to close, and gives up by itself after a fatal error. What is done to a consumer that
//!   gave up is no mistake of the schedule; the run leaves it undone.
//!
//! So the checker reports only some breaches, and leaves to the run whether a process runs or is
//! paused. What it reports has a place in the script and a hint; the text of an [`Illegal`] is that
//! of the run.
//!
//! Not here: whether the values of an action are in range, which the sim language checks, and
//! whether an engine supports the action at all.

mod state;

use std::fmt;

use crate::protocol::BrokerId;

use super::{Action, AdminRequest, NodeName};

pub use state::{ClusterState, LinkState};

/// What is known of a consumer's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs.
    Running,
    /// The application has called close. Only a run knows when the process has closed.
    Closing,
    /// It has closed.
    Closed,
    /// The application was to close it, and it may still be closing. A schedule knows no more.
    Left,
    /// It has crashed.
    Crashed,
    /// It closed by itself, after a fatal error. Only a run knows.
    GaveUp,
}

/// What is known of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// The number of its partitions; `None` if a mistake in its line hides it.
    pub partitions: Option<i32>,
    /// A step has deleted it.
    pub deleted: bool,
}

/// What the rules have to know of a cluster.
pub trait Facts {
    /// A consumer's process; `None` if the consumer has never joined.
    fn process(&self, consumer: &str) -> Option<ProcessState>;

    /// Whether a broker is up; `None` if there is no such broker.
    fn is_up(&self, broker: BrokerId) -> Option<bool>;

    /// Whether any broker is up.
    fn any_is_up(&self) -> bool;

    /// Whether a process that exists is paused.
    fn is_paused(&self, node: &NodeName) -> bool;

    /// A topic; `None` if it was never declared.
    fn topic(&self, name: &str) -> Option<TopicState>;

    /// Whether the group is declared; without a name, whether any group is.
    fn has_group(&self, name: Option<&str>) -> bool;
}

/// Why an action is illegal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Illegal {
    /// The group is not declared.
    NoGroup,
    /// The topic does not exist.
    NoTopic(String),
    /// The topic was deleted.
    TopicDeleted(String),
    /// The topic has so many partitions that it would not grow.
    NotMore {
        /// The topic.
        topic: String,
        /// The number of its partitions.
        partitions: i32,
    },
    /// The broker does not exist.
    NoBroker(BrokerId),
    /// All brokers are down.
    AllBrokersDown,
    /// The consumer has never joined.
    NeverJoined(String),
    /// The process does not run.
    NotRunning(NodeName),
    /// The process runs already.
    RunningAlready(NodeName),
    /// The consumer has not closed yet.
    StillClosing(String),
    /// The process is paused already.
    PausedAlready(NodeName),
    /// The process is not paused.
    NotPaused(NodeName),
    /// No connection is ever opened between the two.
    NoLink(NodeName, NodeName),
}

impl fmt::Display for Illegal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Illegal::NoGroup => f.write_str("there is no such group"),
            Illegal::NoTopic(topic) | Illegal::TopicDeleted(topic) => {
                write!(f, "there is no topic {topic}")
            }
            Illegal::NotMore { topic, partitions } => {
                write!(f, "{topic} has partitions={partitions} already, and can only get more")
            }
            Illegal::NoBroker(broker) => write!(f, "there is no broker {broker}"),
            Illegal::AllBrokersDown => f.write_str("no broker is running"),
            Illegal::NeverJoined(consumer) => write!(f, "{consumer} has not joined yet"),
            Illegal::NotRunning(node) => write!(f, "{node} is not running"),
            Illegal::RunningAlready(node) => write!(f, "{node} is running already"),
            Illegal::StillClosing(consumer) => write!(f, "{consumer} is still closing"),
            Illegal::PausedAlready(node) => write!(f, "{node} is paused already"),
            Illegal::NotPaused(node) => write!(f, "{node} is not paused"),
            Illegal::NoLink(a, b) => write!(f, "there is no link between {a} and {b}"),
        }
    }
}

type Legal = Result<(), Illegal>;

/// Checks a whole action.
///
/// # Errors
///
/// The first rule that the action breaks.
pub fn check(facts: &impl Facts, action: &Action) -> Legal {
    match action {
        Action::Join { consumer, group, .. } => {
            group_exists(facts, group.as_deref())?;
            may_start(facts, consumer)
        }
        Action::Restart(NodeName::Consumer(consumer)) => {
            has_joined(facts, consumer)?;
            may_start(facts, consumer)
        }
        Action::Leave(consumer) | Action::Slow(consumer, _) => consumer_runs(facts, consumer),
        Action::Crash(node, _) => runs(facts, node),
        Action::Restart(NodeName::Broker(broker)) => is_down(facts, *broker),
        Action::Move { to: Some(broker), .. } => is_up(facts, *broker),
        Action::Move { to: None, .. } if facts.any_is_up() => Ok(()),
        Action::Move { to: None, .. } => Err(Illegal::AllBrokersDown),
        Action::Pause(node) => {
            runs(facts, node)?;
            refuse_if(facts.is_paused(node), || Illegal::PausedAlready(node.clone()))
        }
        Action::Resume(node) => {
            runs(facts, node)?;
            refuse_if(!facts.is_paused(node), || Illegal::NotPaused(node.clone()))
        }
        Action::Skew(node, _) | Action::Isolate(node) | Action::Reconnect(node) => {
            exists(facts, node)
        }
        Action::Partition(a, b, _)
        | Action::Heal(a, b)
        | Action::Clog(a, b, _)
        | Action::Unclog(a, b) => link_exists(facts, a, b),
        Action::Reset(consumer, _) | Action::Drop { consumer, .. } => {
            has_joined(facts, consumer).map(drop)
        }
        Action::Grow { topic, partitions } => grows(facts, topic, *partitions),
        Action::DeleteTopic(topic) => topic_exists(facts, topic),
        Action::Admin(request) => check_request(facts, request),
        Action::Quiesce(core) => {
            core.iter().flatten().try_for_each(|name| has_joined(facts, name).map(drop))
        }
        // Without the topic there is nothing to produce to, and nothing happens.
        Action::Produce { .. }
        | Action::Stall(_)
        | Action::Unstall(_)
        | Action::Refuse(..)
        | Action::Accept(_)
        | Action::Compact(_)
        | Action::Advance(_)
        | Action::Settle(_)
        | Action::Drain(_)
        | Action::Expect(_) => Ok(()),
    }
}

/// Requests may name groups and partitions that do not exist; a schedule wants to see the response.
fn check_request(facts: &impl Facts, request: &AdminRequest) -> Legal {
    match request {
        AdminRequest::List { on, .. } => broker_exists(facts, on.unwrap_or(BrokerId(0))),
        AdminRequest::TxnCommit { consumer: Some(consumer), .. } => consumer_runs(facts, consumer),
        // The request names the member id of the consumer, which it has while it runs.
        AdminRequest::Remove { member: Some(consumer), .. } => match facts.process(consumer) {
            Some(state) if may_run(state) => Ok(()),
            Some(_) | None => Err(Illegal::NotRunning(NodeName::Consumer(consumer.clone()))),
        },
        AdminRequest::Describe { .. }
        | AdminRequest::DeleteGroups { .. }
        | AdminRequest::DeleteOffsets { .. }
        | AdminRequest::Remove { member: None, .. }
        | AdminRequest::Commit { .. }
        | AdminRequest::Offsets { .. }
        | AdminRequest::TxnCommit { consumer: None, .. }
        | AdminRequest::EndTxn { .. }
        | AdminRequest::Join { .. } => Ok(()),
    }
}

fn refuse_if(refused: bool, why: impl FnOnce() -> Illegal) -> Legal {
    if refused { Err(why()) } else { Ok(()) }
}

/// The group is declared; without a name, any group is.
pub fn group_exists(facts: &impl Facts, group: Option<&str>) -> Legal {
    refuse_if(!facts.has_group(group), || Illegal::NoGroup)
}

/// The consumer has joined; returns what is known of its process.
pub fn has_joined(facts: &impl Facts, consumer: &str) -> Result<ProcessState, Illegal> {
    facts.process(consumer).ok_or_else(|| Illegal::NeverJoined(consumer.to_owned()))
}

/// No process of the consumer runs, as far as that is known.
pub fn may_start(facts: &impl Facts, consumer: &str) -> Legal {
    match facts.process(consumer) {
        Some(ProcessState::Running) => {
            Err(Illegal::RunningAlready(NodeName::Consumer(consumer.to_owned())))
        }
        Some(ProcessState::Closing) => Err(Illegal::StillClosing(consumer.to_owned())),
        Some(
            ProcessState::Closed
            | ProcessState::Left
            | ProcessState::Crashed
            | ProcessState::GaveUp,
        )
        | None => Ok(()),
    }
}

/// The consumer has joined, and its process runs, as far as that is known.
fn consumer_runs(facts: &impl Facts, consumer: &str) -> Legal {
    let state = has_joined(facts, consumer)?;
    refuse_if(!may_run(state), || Illegal::NotRunning(NodeName::Consumer(consumer.to_owned())))
}

/// A consumer that gave up counts as running, because the schedule takes it to run.
const fn may_run(state: ProcessState) -> bool {
    match state {
        ProcessState::Running
        | ProcessState::Closing
        | ProcessState::Left
        | ProcessState::GaveUp => true,
        ProcessState::Closed | ProcessState::Crashed => false,
    }
}

/// The broker exists.
pub fn broker_exists(facts: &impl Facts, broker: BrokerId) -> Legal {
    refuse_if(facts.is_up(broker).is_none(), || Illegal::NoBroker(broker))
}

/// The broker exists and is up.
pub fn is_up(facts: &impl Facts, broker: BrokerId) -> Legal {
    broker_exists(facts, broker)?;
    let down = facts.is_up(broker) == Some(false);
    refuse_if(down, || Illegal::NotRunning(NodeName::Broker(broker)))
}

/// The broker exists and is down.
pub fn is_down(facts: &impl Facts, broker: BrokerId) -> Legal {
    broker_exists(facts, broker)?;
    let up = facts.is_up(broker) == Some(true);
    refuse_if(up, || Illegal::RunningAlready(NodeName::Broker(broker)))
}

fn exists(facts: &impl Facts, node: &NodeName) -> Legal {
    match node {
        NodeName::Broker(broker) => broker_exists(facts, *broker),
        NodeName::Consumer(consumer) => has_joined(facts, consumer).map(drop),
    }
}

fn runs(facts: &impl Facts, node: &NodeName) -> Legal {
    match node {
        NodeName::Broker(broker) => is_up(facts, *broker),
        NodeName::Consumer(consumer) => consumer_runs(facts, consumer),
    }
}

/// The two nodes exist, and are a consumer and a broker: consumers connect to brokers only.
fn link_exists(facts: &impl Facts, a: &NodeName, b: &NodeName) -> Legal {
    let (consumer, broker) =
        link_between(a, b).ok_or_else(|| Illegal::NoLink(a.clone(), b.clone()))?;
    has_joined(facts, consumer)?;
    broker_exists(facts, broker)
}

/// The consumer and the broker at the ends of a link; `None` if there is no link between the nodes.
pub fn link_between<'n>(a: &'n NodeName, b: &'n NodeName) -> Option<(&'n str, BrokerId)> {
    match (a, b) {
        (NodeName::Consumer(name), NodeName::Broker(broker))
        | (NodeName::Broker(broker), NodeName::Consumer(name)) => Some((name, *broker)),
        (NodeName::Consumer(_), NodeName::Consumer(_))
        | (NodeName::Broker(_), NodeName::Broker(_)) => None,
    }
}

/// The topic exists and was not deleted.
pub fn topic_exists(facts: &impl Facts, topic: &str) -> Legal {
    match facts.topic(topic) {
        None => Err(Illegal::NoTopic(topic.to_owned())),
        Some(TopicState { deleted: true, .. }) => Err(Illegal::TopicDeleted(topic.to_owned())),
        Some(TopicState { deleted: false, .. }) => Ok(()),
    }
}

/// The topic exists and has fewer partitions than this.
pub fn grows(facts: &impl Facts, topic: &str, partitions: i32) -> Legal {
    topic_exists(facts, topic)?;
    match facts.topic(topic).and_then(|topic| topic.partitions) {
        Some(before) if partitions <= before => {
            Err(Illegal::NotMore { topic: topic.to_owned(), partitions: before })
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
