//! Churn: consumers join, leave and restart, which causes rebalances.

use std::slice::Iter;
use std::time::Duration;

use crate::rng::Rng;
use crate::sim::schedule::{Action, NodeName, Step, Tail};
use crate::time::Time;

use super::faults::{Steps, victim};
use super::options::{Arrival, ConsumerOptions, Options};
use super::profile::FaultFamily;
use super::windows::{millis, wide_millis};

/// The joins of the first consumers, and of one that joins late in every schedule: a group that
/// never rebalances tests nothing.
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

/// Rounds of joins and leaves. `others` are the steps of the other families: some rounds start
/// right after one of their crashes or restarts, so that they hit the rebalance that it causes.
pub fn churn(options: &Options, others: &[Step]) -> Vec<Step> {
    let mut round = Round {
        options,
        rng: Rng::stream(options.seed, "swarm/churn"),
        trouble_rng: Rng::stream(options.seed, "swarm/trouble"),
        steps: Steps::default(),
        spares: options.spares()[1..].iter(),
        static_replacements: options.replacements().iter().collect(),
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
    /// Randomness for the faults of static-member replacements.
    trouble_rng: Rng,
    steps: Steps,
    /// The spares that have not joined yet.
    spares: Iter<'a, ConsumerOptions>,
    /// The static-member replacements that have not joined yet.
    static_replacements: Vec<&'a ConsumerOptions>,
}

impl Round<'_> {
    fn begin(&mut self, at: Time) {
        match self.rng.below(10) {
            0 => self.rolling_deployment(at),
            _ => self.change(at),
        }
        let mut at = at;
        while self.rng.chance(400) {
            at = self.follow_up(at);
        }
    }

    /// Another change, so soon that the rebalance is still in progress: it can take a heartbeat
    /// interval until the other members learn of the rebalance.
    fn follow_up(&mut self, after: Time) -> Time {
        let soon = match self.rng.chance(700) {
            true => millis(&mut self.rng, 0..=500),
            false => wide_millis(&mut self.rng, &(100..=6_000)),
        };
        self.change(after + soon);
        after + soon
    }

    /// One consumer joins, restarts or leaves.
    fn change(&mut self, at: Time) {
        let crashes = self.options.faults.families.contains(&FaultFamily::Crash);
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
            let joins_at = at + wide_millis(&mut self.rng, &(20..=12_000));
            self.replace(leaver, joins_at);
        }
    }

    /// A process with the instance id of a leaving static member joins, possibly with other topics,
    /// assignors and timeouts. The static member stays in its group until its session expires. If a
    /// fault prevents the leave, the two processes are twins. Returns whether a replacement was
    /// left.
    fn replace(&mut self, leaver: &ConsumerOptions, joins_at: Time) -> bool {
        let instance = &leaver.settings.instance;
        let Some(index) = self
            .static_replacements
            .iter()
            .position(|replacement| replacement.settings.instance == *instance)
        else {
            return false;
        };
        let replacement = self.static_replacements.remove(index);
        self.steps.at(joins_at, join(replacement));
        if self.trouble_rng.chance(400) {
            self.disturb(&replacement.name, joins_at);
        }
        true
    }

    /// A replacement crashes or is paused soon after it joined, which shows which session timeout
    /// applies to it.
    fn disturb(&mut self, name: &str, after: Time) {
        let node = || NodeName::Consumer(name.to_owned());
        let at = after + wide_millis(&mut self.trouble_rng, &(200..=20_000));
        let back = at + wide_millis(&mut self.trouble_rng, &(2_000..=40_000));
        let on = |family| self.options.faults.families.contains(&family);
        let (fault, end) = match (on(FaultFamily::Crash), on(FaultFamily::Pause)) {
            (true, _) => (Action::Crash(node(), Tail::Random), Action::Restart(node())),
            (false, true) => (Action::Pause(node()), Action::Resume(node())),
            (false, false) => return,
        };
        self.steps.at(at, fault);
        self.steps.at(back, end);
    }

    /// A consumer crashes and restarts while its old membership is still in the group.
    fn bounce(&mut self, at: Time) {
        let name = victim(&mut self.rng, self.options).name.clone();
        self.steps.at(at, Action::Crash(NodeName::Consumer(name.clone()), Tail::Random));
        let back = at + wide_millis(&mut self.rng, &(20..=3_000));
        self.steps.at(back, Action::Restart(NodeName::Consumer(name)));
    }

    /// For each consumer that leaves a new one joins; for a static member its replacement.
    fn rolling_deployment(&mut self, at: Time) {
        let apart: Duration = wide_millis(&mut self.rng, &(50..=5_000));
        let mut at = at;
        for consumer in &self.options.consumers[..self.options.at_start] {
            self.steps.at(at, Action::Leave(consumer.name.clone()));
            let overlap = millis(&mut self.rng, 0..=apart.as_millis() as u64);
            if !self.replace(consumer, at + overlap) {
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
