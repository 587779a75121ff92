//! Faults of consumers and the network: one function per fault family.
//!
//! Each draws from its own stream and proposes steps in any order. [`super::generate`] sorts them,
//! and [`super::schedule_state`] drops those that are impossible at their time.

use std::time::Duration;

use crate::client::Purpose;
use crate::protocol::Api;
use crate::rng::Rng;
use crate::sim::schedule::{Action, AdminRequest, Direction, NodeName, Side, Step, Tail};
use crate::time::Time;

use super::brokers::any_broker;
use super::options::{ConsumerOptions, Options};
use super::profile::FaultFamily;
use super::windows::{Window, at_a_timeout, healthy, lane, millis, wide, wide_millis};
use super::{admin_ops, brokers};

/// The steps of all families that are on, except churn.
pub fn faults(options: &Options) -> Vec<Step> {
    let mut steps = Steps::default();
    for family in FaultFamily::ALL {
        if !options.faults.families.contains(&family) {
            continue;
        }
        let Some(fault) = fault(family) else { continue };
        let rng = &mut Rng::stream(options.seed, &format!("swarm/faults/{family}"));
        for _ in 0..options.faults.lanes {
            for window in lane(rng, options) {
                fault(rng, options, window, &mut steps);
            }
        }
    }
    if [FaultFamily::Pause, FaultFamily::Admin]
        .iter()
        .all(|one| options.faults.families.contains(one))
    {
        let rng = &mut Rng::stream(options.seed, "swarm/faults/outage");
        if rng.chance(150) {
            let first = Time::ZERO + healthy(rng, options);
            outage(rng, options, first, &mut steps);
        }
    }
    steps.0
}

/// Adds the steps of one fault, which is on during a window.
type Fault = fn(&mut Rng, &Options, Window, &mut Steps);

/// The fault of a family; [`FaultFamily::Churn`] has its own file.
fn fault(family: FaultFamily) -> Option<Fault> {
    match family {
        FaultFamily::Partition => Some(partition),
        FaultFamily::Clog => Some(clog),
        FaultFamily::Drop => Some(drop),
        FaultFamily::Reset => Some(reset),
        FaultFamily::Pause => Some(pause),
        FaultFamily::Crash => Some(crash),
        FaultFamily::Skew => Some(skew),
        FaultFamily::Slow => Some(slow),
        FaultFamily::Failover => Some(brokers::failover),
        FaultFamily::Log => Some(brokers::log),
        FaultFamily::Topics => Some(admin_ops::topics),
        FaultFamily::Admin => Some(admin_ops::admin),
        FaultFamily::Churn => None,
    }
}

/// Timed steps, in any order.
#[derive(Default)]
pub struct Steps(pub Vec<Step>);

impl Steps {
    /// Adds a step.
    pub fn at(&mut self, at: Time, action: Action) {
        self.0.push(Step { line: 0, at: Some(at), action });
    }

    /// Adds the end of a fault, unless `quiesce` ends it.
    pub fn until(&mut self, end: Option<Time>, action: Action) {
        if let Some(end) = end {
            self.at(end, action);
        }
    }
}

fn partition(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    match rng.below(10) {
        0..6 => {
            let (victim, broker) = (named(victim(rng, options)), any_broker(rng, options));
            let (from, to, direction) = match rng.below(6) {
                0 => (victim.clone(), broker.clone(), Direction::Forward),
                1 => (broker.clone(), victim.clone(), Direction::Forward),
                _ => (victim.clone(), broker.clone(), Direction::Both),
            };
            steps.at(window.from, Action::Partition(from, to, direction));
            steps.until(window.to, Action::Heal(victim, broker));
        }
        6 => {
            isolate(any_broker(rng, options), window, steps);
        }
        7 if options.broker.count > 1 => {
            isolate(named(victim(rng, options)), window, steps);
        }
        _ => swizzle(rng, options, window, steps),
    }
}

fn isolate(node: NodeName, window: Window, steps: &mut Steps) {
    steps.at(window.from, Action::Isolate(node.clone()));
    steps.until(window.to, Action::Reconnect(node));
}

/// Partitions a subset of the consumers one by one and heals them in another order.
fn swizzle(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let mut subset: Vec<&ConsumerOptions> = options.consumers.iter().collect();
    rng.shuffle(&mut subset);
    subset.truncate(rng.within(1..=subset.len() as u64) as usize);
    let apart = wide_millis(rng, &(10..=3_000));
    let broker = any_broker(rng, options);
    let mut at = window.from;
    for consumer in &subset {
        steps.at(at, Action::Partition(named(consumer), broker.clone(), Direction::Both));
        at += apart;
    }
    rng.shuffle(&mut subset);
    let mut healed = window.to.map(|to| to.max(at));
    for consumer in &subset {
        steps.until(healed, Action::Heal(named(consumer), broker.clone()));
        healed = healed.map(|healed| healed + apart);
    }
}

fn clog(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let by = match rng.chance(options.faults.at_timeout / 4) {
        true => at_a_timeout(rng, options),
        false => wide_millis(rng, &(10..=3_000)),
    };
    let all = rng.chance(150);
    let (one, broker) = (victim(rng, options), any_broker(rng, options));
    for consumer in options.consumers.iter().filter(|c| all || c.name == one.name) {
        steps.at(window.from, Action::Clog(named(consumer), broker.clone(), by));
        steps.until(window.to, Action::Unclog(named(consumer), broker.clone()));
    }
}

/// The requests that are dropped. The ones that matter most for a group are drawn more often.
const DROPPED: [Api; 16] = [
    Api::Heartbeat,
    Api::Heartbeat,
    Api::Heartbeat,
    Api::JoinGroup,
    Api::JoinGroup,
    Api::JoinGroup,
    Api::SyncGroup,
    Api::SyncGroup,
    Api::SyncGroup,
    Api::OffsetCommit,
    Api::OffsetCommit,
    Api::OffsetFetch,
    Api::LeaveGroup,
    Api::FindCoordinator,
    Api::Metadata,
    Api::Fetch,
];

fn drop(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let action = Action::Drop {
        consumer: victim(rng, options).name.clone(),
        api: *rng.pick(&DROPPED),
        side: if rng.chance(500) { Side::Request } else { Side::Response },
        nth: wide(rng, &(1..=4)) as u32,
        count: wide(rng, &(1..=6)) as u32,
    };
    steps.at(window.from, action);
}

fn reset(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let purpose = match rng.below(6) {
        0 => Some(Purpose::Bootstrap),
        1 | 2 => Some(Purpose::Coordinator),
        3 => Some(Purpose::Data),
        _ => None,
    };
    let first = victim(rng, options).name.clone();
    steps.at(window.from, Action::Reset(first, purpose));
    if rng.chance(200) {
        let again = window.from + millis(rng, 0..=500);
        steps.at(again, Action::Reset(victim(rng, options).name.clone(), purpose));
    }
}

fn pause(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let paused: Vec<NodeName> = match rng.below(8) {
        0 | 1 => vec![any_broker(rng, options)],
        2 => options.consumers.iter().filter(|_| rng.chance(500)).map(named).collect(),
        _ => vec![named(victim(rng, options))],
    };
    for node in paused {
        steps.at(window.from, Action::Pause(node.clone()));
        steps.until(window.to, Action::Resume(node));
    }
}

/// All consumers of a group are paused until their sessions have expired, and an admin client
/// deletes the group meanwhile. After the pause they continue in a group that no longer exists.
fn outage(rng: &mut Rng, options: &Options, from: Time, steps: &mut Steps) {
    let group = rng.pick(&options.groups);
    let absent: Vec<_> = options.consumers.iter().filter(|c| c.group == group.name).collect();
    let own = absent.iter().filter_map(|consumer| consumer.settings.session);
    let session = own.chain(group.settings.session).max().unwrap_or_default();
    let back = from + session + wide_millis(rng, &(1_000..=10_000));
    let deleted = back - millis(rng, 1..=900);
    if back >= options.faults_end() {
        return;
    }
    for consumer in absent {
        steps.at(from, Action::Pause(named(consumer)));
        steps.at(back + millis(rng, 0..=300), Action::Resume(named(consumer)));
    }
    let groups = vec![group.name.clone()];
    steps.at(deleted, Action::Admin(AdminRequest::DeleteGroups { groups, version: None }));
}

fn crash(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    match rng.below(10) {
        0 | 1 => rolling_restart(rng, options, window, steps),
        2 => {
            // Two crash so close together that the second crashes in the rebalance after the first.
            let second = window.from + millis(rng, 0..=500);
            kill(rng, options, window, steps);
            kill(rng, options, Window { from: second, ..window }, steps);
        }
        _ => kill(rng, options, window, steps),
    }
}

fn kill(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let name = &victim(rng, options).name;
    steps.at(window.from, Action::Crash(NodeName::Consumer(name.clone()), Tail::Random));
    let for_good = rng.chance(200);
    let back = match rng.below(3) {
        // A supervisor restarts it at once, while the old member is still in the group.
        0 => Some(window.from + wide_millis(rng, &(20..=2_000))),
        _ => window.to,
    };
    if !for_good {
        steps.until(back, Action::Restart(NodeName::Consumer(name.clone())));
    }
}

fn rolling_restart(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let down = wide_millis(rng, &(50..=10_000));
    let between = wide_millis(rng, &(50..=10_000));
    let mut at = window.from;
    for consumer in &options.consumers {
        if at + down >= options.faults_end() {
            break;
        }
        steps.at(at, Action::Crash(NodeName::Consumer(consumer.name.clone()), Tail::Random));
        steps.at(at + down, Action::Restart(NodeName::Consumer(consumer.name.clone())));
        at += down + between;
    }
}

/// Clocks are at most 5 % off in most cases; 20 % is rare, and more than any real clock.
fn skew(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let most = if rng.chance(100) { 200_000 } else { 50_000 };
    let ppm = wide(rng, &(100..=most)) as i32;
    let ppm = if rng.chance(500) { ppm } else { -ppm };
    let node = if rng.chance(250) { any_broker(rng, options) } else { named(victim(rng, options)) };
    steps.at(window.from, Action::Skew(node.clone(), ppm));
    steps.until(window.to, Action::Skew(node, 0));
}

/// Records take so long to process that the application does not poll for about max.poll.interval,
/// or much longer.
fn slow(rng: &mut Rng, options: &Options, window: Window, steps: &mut Steps) {
    let consumer = victim(rng, options);
    let interval = options.group(&consumer.group).settings.rebalance;
    let interval = interval.unwrap_or(Duration::from_secs(300)).as_millis() as u64;
    let process = match rng.below(3) {
        0 => millis(rng, interval.saturating_sub(5)..=interval + 5),
        1 => millis(rng, interval + 1_000..=interval * 3),
        _ => wide_millis(rng, &(10..=interval)),
    };
    steps.at(window.from, Action::Slow(consumer.name.clone(), process));
    let well = options.process_of(consumer);
    steps.until(window.to, Action::Slow(consumer.name.clone(), well));
}

/// Any consumer, in most cases one of those that join at the start.
pub fn victim<'a>(rng: &mut Rng, options: &'a Options) -> &'a ConsumerOptions {
    let upto = if rng.chance(300) { options.consumers.len() } else { options.at_start };
    rng.pick(&options.consumers[..upto])
}

fn named(consumer: &ConsumerOptions) -> NodeName {
    NodeName::Consumer(consumer.name.clone())
}
