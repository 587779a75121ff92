//! Our consumers against third-party brokers, which are tested as black boxes over real TCP.
//!
//! The consumers are the simulator's own and do what a schedule says: join, leave, crash, stall and
//! come back. The inside of the brokers is not visible, so only what the consumers received and did
//! is judged. Only for `settle` and `expect`, which need to know whether a group is at rest, its
//! coordinator is asked.
//!
//! Non-goals: breaking the brokers or the network, and producing records. A schedule that needs
//! them is refused before anything runs.

use std::collections::BTreeMap;
use std::ops::DerefMut;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::client::{ConsumerConfig, api_versions};
use crate::coordinator::GroupState;
use crate::invariant::Allow;
use crate::model::Model;
use crate::protocol::{GroupId, TopicName, str_bytes};
use crate::run::{Checks, Report, Run, Systems, World};
use crate::sim::hosted::{BOOTSTRAP, Topology};
use crate::sim::schedule::{
    Action, Expectation, GroupSpec, NetworkSpec, NodeName, Schedule, Settings, Step, Tail,
    TopicSpec,
};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::Event;

use super::Refused;
use super::driver::Limits;
use super::group_describer::GroupDescriber;
use super::router::Router;
use super::tcp::Tcp;
use super::world::Hosted;

/// The session timeout of consumers without one of their own. It is the shortest that brokers allow
/// by default, 6 s.
const SESSION_TIMEOUT: Duration = Duration::from_secs(6);

/// The partition count of a topic that is known only by name: any number matches.
const ANY_COUNT: i32 = 0;

/// Carries out `schedule` with consumers that know one broker, at `bootstrap` (`host:port`), until
/// the schedule ends or `stop` is true. A violation does not end the run; the report has it unless
/// `allowed` names it.
///
/// # Errors
///
/// When the schedule needs something that third-party brokers cannot be made to do, when there is
/// no broker at `bootstrap`, or when the broker does not support the API versions of the consumers.
pub fn probe(
    schedule: &Schedule,
    systems: &Systems,
    (bootstrap, allowed): (&str, &[Allow]),
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(&Event, &Model),
) -> Result<Report, Refused> {
    if let Some(refused) = refused(schedule) {
        return Err(refused);
    }
    let tcp = || Tcp::new(Limits::NONE).map_err(|error| Refused::Engine(error.to_string()));
    let mut engine = tcp()?;
    let describer = engine.block_on(connect_to(bootstrap, schedule)).map_err(Refused::Engine)?;
    let address = describer.address();
    engine.describe_through(describer);
    let core = Rc::new(schedule.clone());
    let checks = Checks { black_box: true, ..Checks::ALL };
    let world = || {
        let sim = Sim::hosted(&core, &systems.into(), &topology());
        let router = Router::for_third_party_brokers(
            engine.net(),
            sim,
            BTreeMap::from([(BOOTSTRAP, address)]),
        );
        ThirdPartyBrokers { hosted: Hosted::new(engine, router), stop: Arc::clone(stop) }
    };
    let run = Run::of(schedule).systems(systems).checks(checks).watch(watch);
    Ok(run.drive_in(world, |driver| {
        driver.go_on_after_violations(allowed.to_vec());
        let _ = driver.drive().and_then(|()| driver.finish());
    }))
}

/// Third-party brokers and no external clients.
pub(super) fn topology() -> Topology {
    Topology { third_party_brokers: true, ..Topology::default() }
}

/// A world with third-party brokers.
struct ThirdPartyBrokers {
    hosted: Hosted<Tcp>,
    stop: Arc<AtomicBool>,
}

impl World for ThirdPartyBrokers {
    fn core(&mut self) -> impl DerefMut<Target = Sim> {
        self.hosted.core()
    }

    fn lateness(&self) -> Duration {
        self.hosted.lateness()
    }

    fn next(&mut self, limit: Time) -> bool {
        self.hosted.next(limit)
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        self.hosted.apply(action)
    }
}

/// The first part of a schedule that cannot be done to third-party brokers.
pub(super) fn refused(schedule: &Schedule) -> Option<Refused> {
    let setting = |verb, option, why| Some(Refused::Setting { verb, option, why });
    if schedule.network != NetworkSpec::default() {
        return setting("network", "", NETWORK);
    }
    if !schedule.broker.racks.is_empty() {
        return setting("broker", "racks=", RACKS);
    }
    if schedule.topics.iter().any(|topic| topic.rate > 0) {
        return setting("topic", "rate=", RATE);
    }
    let mut steps = schedule.steps.iter();
    steps.find_map(|step| Some(Refused::Line { line: step.line, why: refusal(&step.action)? }))
}

const NETWORK: &str = "the network is real: `network` has no effect here";
const RACKS: &str = "third-party brokers have racks of their own: `racks=` has no effect here";
const RATE: &str = "`rate=` needs a producer: produce to third-party brokers with another tool";

/// Why an action cannot be done to third-party brokers; `None` if it can.
fn refusal(action: &Action) -> Option<&'static str> {
    match action {
        Action::Join { .. }
        | Action::Leave(_)
        | Action::Slow(..)
        | Action::Reset(..)
        | Action::Advance(_)
        | Action::Settle(_)
        | Action::Quiesce(_)
        | Action::Crash(NodeName::Consumer(_), _)
        | Action::Restart(NodeName::Consumer(_))
        | Action::Pause(NodeName::Consumer(_))
        | Action::Resume(NodeName::Consumer(_))
        | Action::Skew(NodeName::Consumer(_), _) => None,
        Action::Expect(expectation) => unobservable(expectation),
        Action::Crash(..)
        | Action::Restart(_)
        | Action::Pause(_)
        | Action::Resume(_)
        | Action::Skew(..)
        | Action::Move { .. }
        | Action::Stall(_)
        | Action::Unstall(_)
        | Action::Refuse(..)
        | Action::Accept(_)
        | Action::Compact(_)
        | Action::Grow { .. }
        | Action::DeleteTopic(_) => {
            Some("the brokers are third-party ones: a probe can only act on consumers")
        }
        Action::Partition(..)
        | Action::Heal(..)
        | Action::Isolate(_)
        | Action::Reconnect(_)
        | Action::Clog(..)
        | Action::Unclog(..)
        | Action::Drop { .. } => Some("the network is real: a probe can only act on consumers"),
        Action::Produce { .. } | Action::Drain(_) => {
            Some("the logs of third-party brokers are not visible: produce with another tool")
        }
        Action::Admin(_) => {
            Some("a probe has no administrator: query the brokers with another tool")
        }
    }
}

/// Why a claim about third-party brokers cannot be checked; `None` if it can.
fn unobservable(expectation: &Expectation) -> Option<&'static str> {
    match expectation {
        Expectation::Consumer { .. }
        | Expectation::Group { state: GroupState::Stable, .. }
        | Expectation::Group { generation: None, .. } => None,
        Expectation::Group { .. } => Some(
            "a third-party broker does not report the generation of a group; only the members of a \
             Stable group know it: remove `generation=`",
        ),
        Expectation::Committed { .. }
        | Expectation::Response(_)
        | Expectation::Coordinator { .. }
        | Expectation::Processed { .. } => Some(
            "the inside of third-party brokers is not visible: expect something of a consumer or of \
             a group's state",
        ),
    }
}

/// Connects to a broker and fails if the broker does not support what the consumers will send, or
/// does not have what the schedule needs.
async fn connect_to(bootstrap: &str, schedule: &Schedule) -> Result<GroupDescriber, String> {
    let broker = GroupDescriber::connect_to(bootstrap).await;
    let broker = broker.map_err(|error| format!("no Kafka broker at {bootstrap}: {error}"))?;
    for config in consumers(schedule) {
        for (api, version) in api_versions(&config) {
            broker.require_version(api, version).map_err(|why| {
                format!(
                    "the broker at {bootstrap} {why}, but {} needs version {version}; `version=` on \
                     a `group` or `join` line selects the JoinGroup version of consumers",
                    config.client_id.as_str()
                )
            })?;
        }
    }
    require_topics(&broker, schedule)
        .await
        .map_err(|why| format!("the broker at {bootstrap} {why}"))?;
    for group in &schedule.groups {
        let id = GroupId(str_bytes(&group.name));
        // A coordinator that cannot describe the group yet has no members to report.
        let members = broker.describe(&id).await.map_or(0, |described| described.members.len());
        if members > 0 {
            return Err(format!(
                "group {} already has {members} members: the probe needs a group of its own; \
                 choose another name, or wait until their sessions have expired",
                group.name
            ));
        }
    }
    Ok(broker)
}

async fn require_topics(broker: &GroupDescriber, schedule: &Schedule) -> Result<(), String> {
    let name = |topic: &TopicSpec| TopicName(str_bytes(&topic.name));
    let names: Vec<TopicName> = schedule.topics.iter().map(name).collect();
    let found = broker.partitions(&names).await?;
    for topic in &schedule.topics {
        let wanted = usize::try_from(topic.partitions).unwrap_or(0);
        match found.get(&name(topic)) {
            None => return Err(format!("has no topic {}: create it first", topic.name)),
            Some(&partitions) if topic.partitions != ANY_COUNT && partitions != wanted => {
                return Err(format!(
                    "has a topic {} with {partitions} partitions, but the script says {wanted}",
                    topic.name
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The configs of all consumers that will join, as far as they decide the API versions.
fn consumers(schedule: &Schedule) -> impl Iterator<Item = ConsumerConfig> {
    let group = |name: Option<&str>| match name {
        Some(name) => schedule.groups.iter().find(|group| group.name == name),
        None => schedule.groups.first(),
    };
    schedule.steps.iter().filter_map(move |step| match &step.action {
        Action::Join { consumer, group: name, settings } => {
            let group = group(name.as_deref())?;
            let (id, group_id) = (str_bytes(consumer), GroupId(str_bytes(&group.name)));
            let mut config = ConsumerConfig::new(id, group_id, Vec::new());
            let version = |settings: &Settings| settings.version;
            let chosen = version(settings).or(version(&group.settings));
            config.join_version = chosen.unwrap_or(config.join_version);
            Some(config)
        }
        _ => None,
    })
}

/// The default schedule of a probe: `consumers` consumers join; then each in turn crashes and
/// restarts, pauses for longer than its session, or leaves and rejoins.
pub fn probe_schedule(group: &str, topics: &[String], consumers: u8) -> Schedule {
    let topic = |name: &String| TopicSpec { name: name.clone(), partitions: ANY_COUNT, rate: 0 };
    let settings = Settings {
        session: Some(SESSION_TIMEOUT),
        heartbeat: Some(SESSION_TIMEOUT / 5),
        rebalance: Some(SESSION_TIMEOUT * 2),
        autocommit: Some(Duration::from_secs(1)),
        ..Settings::default()
    };
    let name = |number: u8| format!("c{number}");
    let node = |number| NodeName::Consumer(name(number));
    let join =
        |number| Action::Join { consumer: name(number), group: None, settings: Box::default() };
    let (settle, wait) = (Action::Settle(None), Action::Advance(SESSION_TIMEOUT * 2));
    let mut actions: Vec<Action> = (1..=consumers).map(join).collect();
    actions.push(settle.clone());
    for number in 1..=consumers {
        let (fault, recovery) = match number % 3 {
            1 => (Action::Crash(node(number), Tail::default()), Action::Restart(node(number))),
            2 => (Action::Pause(node(number)), Action::Resume(node(number))),
            _ => (Action::Leave(name(number)), join(number)),
        };
        actions.extend([fault, wait.clone(), settle.clone(), recovery, settle.clone()]);
    }
    Schedule {
        topics: topics.iter().map(topic).collect(),
        groups: vec![GroupSpec { name: group.to_owned(), settings }],
        steps: actions.into_iter().map(|action| Step { line: 0, at: None, action }).collect(),
        ..Schedule::default()
    }
}
