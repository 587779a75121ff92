//! Who comes and who goes, and when: what rebalances are made of.

use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{Action, NodeName, Settings, Step, Tail};
use crate::time::Time;

use super::faults::{Steps, victim};
use super::options::{Arrival, ConsumerOptions, Options};
use super::profile::Family;
use super::windows::{millis, round, wide, wide_millis};

/// The first consumers of the fleet, and the one that is late in every schedule: a group that never
/// rebalances tests nothing.
pub fn arrivals(options: &Options) -> Vec<Step> {
    let rng = &mut Rng::stream(options.seed, "swarm/arrivals");
    let mut steps = Steps::default();
    let mut at = Time::ZERO;
    for consumer in &options.consumers[..options.at_start] {
        let joins = match options.arrival {
            Arrival::Herd(within) => Time::ZERO + millis(rng, 0..=within.as_millis() as u64),
            Arrival::Staggered(_) => at,
        };
        steps.at(joins, join(consumer));
        if let Arrival::Staggered(apart) = options.arrival {
            at += millis(rng, 1..=apart.as_millis().max(1) as u64);
        }
    }
    let late = options.duration.as_millis() as u64;
    let late = Time::ZERO + millis(rng, late / 8..=late / 2);
    steps.at(late, join(&options.consumers[options.at_start]));
    steps.0
}

/// Rounds of coming and going. `others` are the steps of the other families: some rounds begin right
/// after one of them, so that they land in the rebalance it causes.
pub fn churn(options: &Options, others: &[Step]) -> Vec<Step> {
    let mut round = Round {
        options,
        rng: Rng::stream(options.seed, "swarm/churn"),
        heirs: Rng::stream(options.seed, "swarm/heirs"),
        steps: Steps::default(),
        spare: options.at_start + 1,
    };
    let crashes: Vec<Time> = others
        .iter()
        .filter(|step| matches!(step.action, Action::Crash(..) | Action::Restart(_)))
        .filter_map(|step| step.at)
        .collect();
    let gap = options.faults.churn.as_millis() as u64;
    let mut at = Time::ZERO + millis(&mut round.rng, 0..=gap * 2);
    while at < options.faults_end() {
        round.begin(at);
        if !crashes.is_empty() && round.rng.chance(300) {
            let crash = *round.rng.pick(&crashes);
            round.follow_up(crash);
        }
        at += millis(&mut round.rng, 1..=gap * 2);
    }
    round.steps.0
}

struct Round<'a> {
    options: &'a Options,
    rng: Rng,
    /// What heirs do differently.
    heirs: Rng,
    steps: Steps,
    /// The next consumer that has not joined yet.
    spare: usize,
}

impl Round<'_> {
    fn begin(&mut self, at: Time) {
        match self.rng.below(10) {
            0 => self.roll(at),
            _ => self.one(at),
        }
        let mut at = at;
        while self.rng.chance(400) {
            at = self.follow_up(at);
        }
    }

    /// Something more, so soon that the rebalance is not over; a heartbeat may pass before the other
    /// members have heard of it.
    fn follow_up(&mut self, after: Time) -> Time {
        let soon = match self.rng.chance(700) {
            true => millis(&mut self.rng, 0..=500),
            false => wide_millis(&mut self.rng, &(100..=6_000)),
        };
        self.one(after + soon);
        after + soon
    }

    fn one(&mut self, at: Time) {
        let crashes = self.options.faults.families.contains(&Family::Crash);
        match self.rng.below(10) {
            0..5 => self.join(at),
            5..7 if crashes => self.bounce(at),
            _ => self.leave(at),
        }
    }

    fn join(&mut self, at: Time) {
        if let Some(consumer) = self.options.consumers.get(self.spare) {
            self.spare += 1;
            self.steps.at(at, join(consumer));
        }
    }

    fn leave(&mut self, at: Time) {
        let leaver = victim(&mut self.rng, self.options);
        self.steps.at(at, Action::Leave(leaver.name.clone()));
        if leaver.settings.instance.is_some() && self.rng.chance(500) {
            self.succeed(leaver, at);
        }
    }

    /// A static member that has closed stays in its group for as long as its session lasts; here another process
    /// comes in its name, perhaps with other topics, assignors and timeouts. If the leaver is kept from leaving,
    /// the two are twins, and the first of a group has none.
    fn succeed(&mut self, leaver: &ConsumerOptions, after: Time) {
        let firsts = &self.options.consumers[..self.options.groups.len()];
        let Some(heir) = self.options.consumers.get(self.spare) else { return };
        let fits = heir.group == leaver.group && heir.settings.instance.is_some();
        if !fits || firsts.iter().any(|first| first.name == leaver.name) {
            return;
        }
        self.spare += 1;
        let instance = leaver.settings.instance.clone();
        let heir = ConsumerOptions {
            settings: Settings { instance, ..inherited(&mut self.heirs, &heir.settings) },
            ..heir.clone()
        };
        let comes = after + wide_millis(&mut self.rng, &(20..=12_000));
        self.steps.at(comes, join(&heir));
    }

    /// Dies and is back while its old membership is still in the group.
    fn bounce(&mut self, at: Time) {
        let name = victim(&mut self.rng, self.options).name.clone();
        self.steps.at(at, Action::Crash(NodeName::Consumer(name.clone()), Tail::Luck));
        let back = at + wide_millis(&mut self.rng, &(20..=3_000));
        self.steps.at(back, Action::Restart(NodeName::Consumer(name)));
    }

    /// A rolling deployment: for each that leaves a new one joins.
    fn roll(&mut self, at: Time) {
        let apart: Duration = wide_millis(&mut self.rng, &(50..=5_000));
        let mut at = at;
        for consumer in &self.options.consumers[..self.options.at_start] {
            self.steps.at(at, Action::Leave(consumer.name.clone()));
            let overlap = millis(&mut self.rng, 0..=apart.as_millis() as u64);
            self.join(at + overlap);
            at += apart;
        }
    }
}

/// Half of those who come in the name of another have another session timeout.
fn inherited(rng: &mut Rng, own: &Settings) -> Settings {
    let mut settings = own.clone();
    if rng.chance(500) {
        let session = round(wide(rng, &(6_000..=30_000)), 100);
        settings.session = Some(Duration::from_millis(session));
        settings.heartbeat = Some(Duration::from_millis(session / rng.within(3..=10)));
    }
    settings
}

fn join(consumer: &ConsumerOptions) -> Action {
    let ConsumerOptions { name, group, settings } = consumer;
    let settings: Settings = settings.clone();
    Action::Join { consumer: name.clone(), group: Some(group.clone()), settings }
}
