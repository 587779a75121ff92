//! Our consumers against somebody else's brokers, over real TCP.
//!
//! The consumers are the simulator's own and do what a schedule says: join, leave, crash, stall and come back.
//! Nobody looks into the brokers, so what is judged is what the consumers were told and did.
//!
//! What it deliberately does not do: break the brokers or the network, produce, or ask as an administrator.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

use crate::consumer::{ConsumerConfig, api_versions};
use crate::protocol::{GroupId, str_bytes};
use crate::run::{Checks, Report, Systems, World, drive_in};
use crate::sim::hosted::{BOOTSTRAP, Cast};
use crate::sim::schedule::{
    Action, Expectation, GroupSpec, NodeName, Schedule, Settings, Step, Tail, TopicSpec,
};
use crate::sim::{Impossible, Sim};
use crate::time::Time;
use crate::trace::Event;
use crate::wire;

use super::Refused;
use super::hub::Hub;
use super::shell::Limits;
use super::tcp::Tcp;
use super::world::Hosted;

/// How long brokers may take to say what they speak.
const PATIENCE: Duration = Duration::from_secs(10);

/// The session timeout of consumers that nobody has said anything of; brokers allow no shorter one than 6 s.
const SESSION: Duration = Duration::from_secs(6);

/// Carries out `schedule` with consumers that know one broker, at `bootstrap` (`host:port`), until it is over
/// or `stop` is true.
///
/// # Errors
///
/// When the schedule asks for what cannot be done to somebody else's brokers, when there is no broker, or
/// when it does not speak what the consumers speak.
pub fn probe(
    schedule: &Schedule,
    systems: &Systems,
    bootstrap: &str,
    stop: &Arc<AtomicBool>,
    watch: &mut dyn FnMut(&Event),
) -> Result<Report, Refused> {
    if let Some(refused) = refused(schedule) {
        return Err(refused);
    }
    let tcp = || Tcp::new(Limits::NONE).map_err(|error| Refused::Engine(error.to_string()));
    let engine = tcp()?;
    let address = engine.block_on(ask(bootstrap, schedule)).map_err(Refused::Engine)?;
    let stage = Rc::new(schedule.clone());
    let cast = Cast { foreign_brokers: true, ..Cast::default() };
    let checks = Checks { from_outside: true, ..Checks::ALL };
    let world = || {
        let sim = Sim::hosted(&stage, systems, &cast);
        let hub = Hub::abroad(engine.net(), sim, BTreeMap::from([(BOOTSTRAP, address)]));
        Abroad { inside: Hosted::new(engine, hub), stop: Arc::clone(stop) }
    };
    Ok(drive_in(schedule, world, checks, watch, |driver| {
        let _ = driver.drive().and_then(|()| driver.finish());
    }))
}

/// A world whose brokers are somebody else's.
struct Abroad {
    inside: Hosted<Tcp>,
    stop: Arc<AtomicBool>,
}

impl World for Abroad {
    fn stage(&mut self) -> impl DerefMut<Target = Sim> {
        self.inside.stage()
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

fn refused(schedule: &Schedule) -> Option<Refused> {
    if schedule.topics.iter().any(|topic| topic.rate > 0) {
        let why = "`rate=` needs a producer: produce to somebody else's brokers by other means";
        return Some(Refused::Line { line: 0, why });
    }
    let mut steps = schedule.steps.iter();
    steps.find_map(|step| Some(Refused::Line { line: step.line, why: refusal(&step.action)? }))
}

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
        | Action::Expect(Expectation::Consumer { .. })
        | Action::Crash(NodeName::Consumer(_), _)
        | Action::Restart(NodeName::Consumer(_))
        | Action::Pause(NodeName::Consumer(_))
        | Action::Resume(NodeName::Consumer(_))
        | Action::Skew(NodeName::Consumer(_), _) => None,
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
            Some("the brokers are somebody else's: only consumers act here")
        }
        Action::Partition(..)
        | Action::Heal(..)
        | Action::Isolate(_)
        | Action::Reconnect(_)
        | Action::Clog(..)
        | Action::Unclog(..)
        | Action::Drop { .. } => Some("the network is somebody else's: only consumers act here"),
        Action::Produce { .. } | Action::Drain(_) => {
            Some("what is in somebody else's logs is not known: produce by other means")
        }
        Action::Admin(_) => Some("there is no administrator here: ask the brokers by other means"),
        Action::Expect(_) => {
            Some("nobody looks into somebody else's brokers: expect something of a consumer")
        }
    }
}

/// Finds a broker and asks it what it speaks; complains when that is not what the consumers will speak.
async fn ask(bootstrap: &str, schedule: &Schedule) -> Result<SocketAddr, String> {
    let asked = tokio::time::timeout(PATIENCE, ask_versions(bootstrap)).await;
    let failed = |error: String| format!("no Kafka broker at {bootstrap}: {error}");
    let in_time = asked.map_err(|_| failed(format!("no answer within {PATIENCE:?}")))?;
    let (address, spoken) = in_time.map_err(failed)?;
    let spoken: BTreeMap<i16, _> = spoken.into_iter().collect();
    for config in consumers(schedule) {
        for (api, version) in api_versions(&config) {
            let there = spoken.get(&(api as i16));
            if there.is_some_and(|range| range.contains(&version)) {
                continue;
            }
            let there = there.map_or("not at all".to_owned(), |range| {
                format!("at versions {} to {}", range.start(), range.end())
            });
            return Err(format!(
                "the broker at {bootstrap} speaks {api} {there}, but {} would speak version \
                 {version}; `version=` on a `group` or `join` line chooses the age of consumers",
                config.client_id.as_str()
            ));
        }
    }
    Ok(address)
}

type Spoken = Vec<(i16, std::ops::RangeInclusive<i16>)>;

async fn ask_versions(bootstrap: &str) -> Result<(SocketAddr, Spoken), String> {
    let stream = TcpStream::connect(bootstrap).await.map_err(|error| error.to_string())?;
    let address = stream.peer_addr().map_err(|error| error.to_string())?;
    let mut frames = Framed::new(stream, wire::framing(wire::MAX_FRAME));
    let question = wire::encode_api_versions_request(0, &str_bytes("groupsim-probe"));
    frames.send(question).await.map_err(|error: io::Error| error.to_string())?;
    match frames.next().await {
        Some(Ok(answer)) => {
            let spoken = wire::decode_api_versions_response(answer.freeze());
            Ok((address, spoken.map_err(|malformed| malformed.to_string())?))
        }
        Some(Err(error)) => Err(error.to_string()),
        None => Err("it hung up".to_owned()),
    }
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
    let topic = |name: &String| TopicSpec { name: name.clone(), partitions: 1, rate: 0 };
    let settings = Settings {
        session: Some(SESSION),
        heartbeat: Some(SESSION / 5),
        rebalance: Some(SESSION * 2),
        autocommit: Some(Duration::from_secs(1)),
        ..Settings::default()
    };
    let name = |number: u8| format!("c{number}");
    let node = |number| NodeName::Consumer(name(number));
    let join = |number| Action::Join {
        consumer: name(number),
        group: None,
        settings: Settings::default(),
    };
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
