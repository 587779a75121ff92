//! Who comes and who goes, and when: what rebalances are made of.

use std::slice::Iter;
use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{Action, NodeName, Step, Tail};
use crate::time::Time;

use super::faults::{Steps, victim};
use super::options::{Arrival, ConsumerOptions, Options};
use super::profile::Family;
use super::windows::{millis, wide_millis};

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
        trouble: Rng::stream(options.seed, "swarm/trouble"),
        steps: Steps::default(),
        spares: options.spares()[1..].iter(),
        heirs: options.heirs().iter().collect(),
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
    /// What becomes of heirs.
    trouble: Rng,
    steps: Steps,
    /// Those that have not joined yet.
    spares: Iter<'a, ConsumerOptions>,
    /// Those that have not yet come in the name of another.
    heirs: Vec<&'a ConsumerOptions>,
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
        if let Some(consumer) = self.spares.next() {
            self.steps.at(at, join(consumer));
        }
    }

    fn leave(&mut self, at: Time) {
        let leaver = victim(&mut self.rng, self.options);
        self.steps.at(at, Action::Leave(leaver.name.clone()));
        if leaver.settings.instance.is_some() && self.rng.chance(500) {
            let comes = at + wide_millis(&mut self.rng, &(20..=12_000));
            self.succeed(leaver, comes);
        }
    }

    /// A static member that has closed stays in its group for as long as its session lasts; here another process
    /// comes in its name, perhaps with other topics, assignors and timeouts. If the leaver is kept from leaving,
    /// the two are twins. Whether there is one who can come.
    fn succeed(&mut self, leaver: &ConsumerOptions, comes: Time) -> bool {
        let instance = &leaver.settings.instance;
        let Some(place) = self.heirs.iter().position(|heir| heir.settings.instance == *instance)
        else {
            return false;
        };
        let heir = self.heirs.remove(place);
        self.steps.at(comes, join(heir));
        if self.trouble.chance(400) {
            self.stumble(&heir.name, comes);
        }
        true
    }

    /// What was deployed is soon in trouble, so that it shows whose session timeout it has.
    fn stumble(&mut self, name: &str, after: Time) {
        let node = || NodeName::Consumer(name.to_owned());
        let at = after + wide_millis(&mut self.trouble, &(200..=20_000));
        let back = at + wide_millis(&mut self.trouble, &(2_000..=40_000));
        let on = |family| self.options.faults.families.contains(&family);
        let (trouble, end) = match (on(Family::Crash), on(Family::Pause)) {
            (true, _) => (Action::Crash(node(), Tail::Luck), Action::Restart(node())),
            (false, true) => (Action::Pause(node()), Action::Resume(node())),
            (false, false) => return,
        };
        self.steps.at(at, trouble);
        self.steps.at(back, end);
    }

    /// Dies and is back while its old membership is still in the group.
    fn bounce(&mut self, at: Time) {
        let name = victim(&mut self.rng, self.options).name.clone();
        self.steps.at(at, Action::Crash(NodeName::Consumer(name.clone()), Tail::Luck));
        let back = at + wide_millis(&mut self.rng, &(20..=3_000));
        self.steps.at(back, Action::Restart(NodeName::Consumer(name)));
    }

    /// A rolling deployment: for each that leaves a new one joins, for a static member its heir.
    fn roll(&mut self, at: Time) {
        let apart: Duration = wide_millis(&mut self.rng, &(50..=5_000));
        let mut at = at;
        for consumer in &self.options.consumers[..self.options.at_start] {
            self.steps.at(at, Action::Leave(consumer.name.clone()));
            let overlap = millis(&mut self.rng, 0..=apart.as_millis() as u64);
            if !self.succeed(consumer, at + overlap) {
                self.join(at + overlap);
            }
            at += apart;
        }
    }
}

fn join(consumer: &ConsumerOptions) -> Action {
    let ConsumerOptions { name, group, settings } = consumer;
    let settings = Box::new(settings.clone());
    Action::Join { consumer: name.clone(), group: Some(group.clone()), settings }
}
