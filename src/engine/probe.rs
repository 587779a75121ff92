//! Our consumers against third-party brokers, tested as black boxes over real TCP.
//!
//! The consumers are the simulator's own and do what a schedule says: join, leave, crash, stall and come back.
//! Nobody looks into the brokers, so what is judged is what the consumers received and did. Only whether a
//! group is at rest, which `settle` and `expect` want to know, is asked of its coordinator.
//!
//! What it deliberately does not do: break the brokers or the network, or produce. A schedule that wants that is
//! refused before anything runs.

use std::collections::BTreeMap;
use std::ops::DerefMut;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::consumer::{ConsumerConfig, api_versions};
use crate::coordinator::GroupState;
use crate::invariant::Allow;
use crate::protocol::{GroupId, TopicName, str_bytes};
use crate::run::{Checks, Report, Systems, World, drive_in};
use crate::sim::hosted::{BOOTSTRAP, Cast};
use crate::sim::schedule::{
    Action, Expectation, GroupSpec, NetworkSpec, NodeName, Schedule, Settings, Step, Tail,
    TopicSpec,
};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::Event;

use super::Refused;
use super::hub::Hub;
use super::inquirer::Inquirer;
use super::shell::Limits;
use super::tcp::Tcp;
use super::world::Hosted;

/// The session timeout of consumers that nobody has said anything of; brokers allow no shorter one than 6 s.
const SESSION: Duration = Duration::from_secs(6);

/// The partitions of a topic of which nothing is known but its name: as many as there are.
const AS_MANY: i32 = 0;

/// Carries out `schedule` with consumers that know one broker, at `bootstrap` (`host:port`), until it is over
/// or `stop` is true. A violation does not end it; the report has it unless `allowed` names it.
///
/// # Errors
///
/// When the schedule asks for what cannot be done to somebody else's brokers, when there is no broker, or
/// when it does not speak what the consumers speak.
pub fn probe(
    schedule: &Schedule,
    systems: &Systems,
    (bootstrap, allowed): (&str, &[Allow]),
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(&Event),
) -> Result<Report, Refused> {
    if let Some(refused) = refused(schedule) {
        return Err(refused);
    }
    let tcp = || Tcp::new(Limits::NONE).map_err(|error| Refused::Engine(error.to_string()));
    let mut engine = tcp()?;
    let inquirer = engine.block_on(meet(bootstrap, schedule)).map_err(Refused::Engine)?;
    let address = inquirer.address();
    engine.ask_through(inquirer);
    let stage = Rc::new(schedule.clone());
    let checks = Checks { from_outside: true, ..Checks::ALL };
    let world = || {
        let sim = Sim::hosted(&stage, systems, &cast());
        let hub = Hub::abroad(engine.net(), sim, BTreeMap::from([(BOOTSTRAP, address)]));
        Abroad { inside: Hosted::new(engine, hub), stop: Arc::clone(stop) }
    };
    Ok(drive_in(schedule, world, checks, watch, |driver| {
        driver.go_on_after_violations(allowed.to_vec());
        let _ = driver.drive().and_then(|()| driver.finish());
    }))
}

/// Third-party brokers, and no client from outside.
pub(super) fn cast() -> Cast {
    Cast { foreign_brokers: true, ..Cast::default() }
}

/// A world whose brokers are third-party ones.
struct Abroad {
    inside: Hosted<Tcp>,
    stop: Arc<AtomicBool>,
}

impl World for Abroad {
    fn stage(&mut self) -> impl DerefMut<Target = Sim> {
        self.inside.stage()
    }

    fn lateness(&self) -> Duration {
        self.inside.lateness()
    }

    fn next(&mut self, limit: Time) -> bool {
        self.inside.next(limit)
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        self.inside.apply(action)
    }
}

/// What of a schedule cannot be done to third-party brokers, the first of it.
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

const NETWORK: &str = "the network is a real one: `network` sets nothing here";
const RACKS: &str =
    "third-party brokers say themselves in which racks they stand: `racks=` sets nothing here";
const RATE: &str = "`rate=` needs a producer: produce to third-party brokers by other means";

/// Why an action cannot be done, if it cannot.
fn refusal(action: &Action) -> Option<&'static str> {
    match action {
        Action::Join { .. }
        | Action::Leave(_)
        | Action::Slow(..)
        | Action::Reset(..)
        | Action::Advance(_)
        | Action::Settle(_)
        | Action::Calm(_)
        | Action::Crash(NodeName::Consumer(_), _)
        | Action::Restart(NodeName::Consumer(_))
        | Action::Pause(NodeName::Consumer(_))
        | Action::Resume(NodeName::Consumer(_))
        | Action::Skew(NodeName::Consumer(_), _) => None,
        Action::Expect(expectation) => beyond_sight(expectation),
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
            Some("the brokers are third-party ones: only consumers act here")
        }
        Action::Partition(..)
        | Action::Heal(..)
        | Action::Isolate(_)
        | Action::Reconnect(_)
        | Action::Clog(..)
        | Action::Unclog(..)
        | Action::Drop { .. } => Some("the network is a real one: only consumers act here"),
        Action::Produce { .. } | Action::Drain(_) => {
            Some("what is in the logs of third-party brokers is not known: produce by other means")
        }
        Action::Admin(_) => Some("there is no administrator here: ask the brokers by other means"),
    }
}

/// Why nobody can tell whether a claim holds, if nobody can.
fn beyond_sight(expectation: &Expectation) -> Option<&'static str> {
    match expectation {
        Expectation::Consumer { .. }
        | Expectation::Group { state: GroupState::Stable, .. }
        | Expectation::Group { generation: None, .. } => None,
        Expectation::Group { .. } => Some(
            "a third-party broker does not say which generation its group is in, only its members know, and \
             those of a Stable group only: leave `generation=` out",
        ),
        Expectation::Committed { .. }
        | Expectation::Answer(_)
        | Expectation::Coordinator { .. }
        | Expectation::Processed { .. } => Some(
            "nobody looks into third-party brokers: expect something of a consumer or of a group's state",
        ),
    }
}

/// Finds a broker, and complains when it does not speak what the consumers will speak, or has not what the
/// schedule presumes.
async fn meet(bootstrap: &str, schedule: &Schedule) -> Result<Inquirer, String> {
    let there = Inquirer::meet(bootstrap).await;
    let there = there.map_err(|error| format!("no Kafka broker at {bootstrap}: {error}"))?;
    for config in consumers(schedule) {
        for (api, version) in api_versions(&config) {
            there.must_speak(api, version).map_err(|why| {
                format!(
                    "the broker at {bootstrap} {why}, but {} would speak version {version}; `version=` \
                     on a `group` or `join` line chooses the age of consumers",
                    config.client_id.as_str()
                )
            })?;
        }
    }
    must_have_topics(&there, schedule)
        .await
        .map_err(|why| format!("the broker at {bootstrap} {why}"))?;
    for group in &schedule.groups {
        let id = GroupId(str_bytes(&group.name));
        // A coordinator that cannot say yet has no members to tell of.
        let members = there.describe(&id).await.map_or(0, |described| described.members.len());
        if members > 0 {
            return Err(format!(
                "group {} has {members} members already: the group must be the probe's alone; choose another \
                 name, or wait until their sessions are over",
                group.name
            ));
        }
    }
    Ok(there)
}

async fn must_have_topics(there: &Inquirer, schedule: &Schedule) -> Result<(), String> {
    let name = |topic: &TopicSpec| TopicName(str_bytes(&topic.name));
    let names: Vec<TopicName> = schedule.topics.iter().map(name).collect();
    let found = there.partitions(&names).await?;
    for topic in &schedule.topics {
        let wanted = usize::try_from(topic.partitions).unwrap_or(0);
        match found.get(&name(topic)) {
            None => return Err(format!("has no topic {}: create it first", topic.name)),
            Some(&partitions) if topic.partitions != AS_MANY && partitions != wanted => {
                return Err(format!(
                    "has a topic {} with {partitions} partitions, and the script says {wanted}",
                    topic.name
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The settings of every consumer that will join, as far as they decide what it speaks.
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

/// What is done when nobody says otherwise: `consumers` of them join, and each in turn crashes and comes back,
/// stalls for longer than its session, or leaves and comes back.
pub fn probe_schedule(group: &str, topics: &[String], consumers: u8) -> Schedule {
    let topic = |name: &String| TopicSpec { name: name.clone(), partitions: AS_MANY, rate: 0 };
    let settings = Settings {
        session: Some(SESSION),
        heartbeat: Some(SESSION / 5),
        rebalance: Some(SESSION * 2),
        autocommit: Some(Duration::from_secs(1)),
        ..Settings::default()
    };
    let name = |number: u8| format!("c{number}");
    let node = |number| NodeName::Consumer(name(number));
    let join =
        |number| Action::Join { consumer: name(number), group: None, settings: Box::default() };
    let (settle, wait) = (Action::Settle(None), Action::Advance(SESSION * 2));
    let mut actions: Vec<Action> = (1..=consumers).map(join).collect();
    actions.push(settle.clone());
    for number in 1..=consumers {
        let (harm, cure) = match number % 3 {
            1 => (Action::Crash(node(number), Tail::default()), Action::Restart(node(number))),
            2 => (Action::Pause(node(number)), Action::Resume(node(number))),
            _ => (Action::Leave(name(number)), join(number)),
        };
        actions.extend([harm, wait.clone(), settle.clone(), cure, settle.clone()]);
    }
    Schedule {
        topics: topics.iter().map(topic).collect(),
        groups: vec![GroupSpec { name: group.to_owned(), settings }],
        steps: actions.into_iter().map(|action| Step { line: 0, at: None, action }).collect(),
        ..Schedule::default()
    }
}
