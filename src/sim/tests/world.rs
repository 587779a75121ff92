//! A simulator that a test drives step by step, with all of its events.

use std::rc::Rc;
use std::time::Duration;

use crate::broker::TermState;
use crate::model::Model;
use crate::protocol::{BrokerId, GroupId, str_bytes};
use crate::sim::schedule::{Action, GroupSpec, NodeName, Schedule, Settings, Tail, TopicSpec};
use crate::sim::{Impossible, Sim, Systems};
use crate::time::Time;
use crate::trace::{Event, EventKind, FaultKind, Place};

pub(super) struct World {
    pub(super) sim: Sim,
    pub(super) model: Model,
    pub(super) events: Vec<Event>,
}

/// Three brokers, one topic, and one group with short timeouts.
pub(super) fn schedule() -> Schedule {
    let settings = Settings {
        session: Some(Duration::from_secs(10)),
        rebalance: Some(Duration::from_secs(20)),
        request: Some(Duration::from_secs(5)),
        autocommit: Some(Duration::from_secs(1)),
        ..Settings::default()
    };
    let mut schedule = Schedule { seed: 5, ..Schedule::default() };
    schedule.broker.count = 3;
    schedule.topics = vec![TopicSpec { name: "orders".to_owned(), partitions: 4, rate: 0 }];
    schedule.groups = vec![GroupSpec { name: "g".to_owned(), settings }];
    schedule
}

impl World {
    pub(super) fn new(schedule: &Schedule, systems: &Systems) -> World {
        let sim = Sim::new(&Rc::new(schedule.clone()), systems);
        World { sim, model: Model::default(), events: Vec::new() }
    }

    /// Takes the events that have not been taken yet, and feeds the model.
    fn take_events(&mut self) {
        let known = self.events.len();
        self.sim.take_events(&mut self.events);
        self.events[known..].iter().for_each(|event| self.model.feed(event));
    }

    pub(super) fn try_to(&mut self, action: Action) -> Result<(), Impossible> {
        let done = self.sim.apply(&action);
        self.take_events();
        done
    }

    pub(super) fn act(&mut self, action: Action) {
        if let Err(why) = self.try_to(action.clone()) {
            panic!("{action:?}: {why}");
        }
    }

    pub(super) fn join(&mut self, consumers: &[&str]) {
        for consumer in consumers {
            let settings = Box::default();
            let consumer = (*consumer).to_owned();
            self.act(Action::Join { consumer, group: None, settings });
        }
    }

    pub(super) fn crash(&mut self, broker: BrokerId) {
        self.act(Action::Crash(NodeName::Broker(broker), Tail::Random));
    }

    pub(super) fn restart(&mut self, broker: BrokerId) {
        self.act(Action::Restart(NodeName::Broker(broker)));
    }

    pub(super) fn move_to(&mut self, to: BrokerId, unaware: u64) {
        let unaware = Duration::from_secs(unaware);
        self.act(Action::Move { group: None, to: Some(to), unaware, tail: Tail::Random });
    }

    pub(super) fn advance(&mut self, by: Duration) {
        let to = self.sim.now() + by;
        while self.sim.next_time().is_some_and(|next| next <= to) {
            self.sim.step();
        }
        self.sim.idle_until(to);
        self.take_events();
    }

    pub(super) fn seconds(&mut self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }

    /// Runs until the cluster has settled; false if it does not settle within the time.
    pub(super) fn settles(&mut self, within: Duration) -> bool {
        self.sim.recheck_settled();
        self.runs_while(within, |sim, model| !sim.settled(model))
    }

    pub(super) fn settle(&mut self) {
        let within = self.sim.settle_bound();
        assert!(self.settles(within), "not settled: {:?}", self.sim.waiting_for(&self.model));
    }

    pub(super) fn drain(&mut self) {
        let within = self.sim.drain_bound(&self.model);
        assert!(
            self.runs_while(within, |sim, model| !sim.drained(model)),
            "not drained: {:?}",
            self.sim.unprocessed(&self.model)
        );
    }

    pub(super) fn runs_while(
        &mut self,
        within: Duration,
        mut more: impl FnMut(&mut Sim, &Model) -> bool,
    ) -> bool {
        let deadline = self.sim.now() + within;
        self.take_events();
        while more(&mut self.sim, &self.model) {
            if self.sim.next_time().is_none_or(|next| next > deadline) {
                return false;
            }
            self.sim.step();
            self.take_events();
        }
        true
    }

    /// The leader of `g`'s partition.
    pub(super) fn leader(&self) -> Option<BrokerId> {
        self.sim.coordinator(&GroupId(str_bytes("g")))
    }

    /// The leader of `g`'s partition, which must have one.
    pub(super) fn current_leader(&self) -> BrokerId {
        self.leader().expect("a leader")
    }

    /// The broker after this one.
    pub(super) fn after(&self, broker: BrokerId) -> BrokerId {
        BrokerId((broker.0 + 1) % 3)
    }

    /// The times at which something happened.
    pub(super) fn times(&self, wanted: impl Fn(Place, &EventKind) -> bool) -> Vec<Time> {
        let found = self.events.iter().filter(|event| wanted(event.place, &event.kind));
        found.map(|event| event.at).collect()
    }

    pub(super) fn began(&self, broker: BrokerId, wanted: FaultKind) -> Vec<Time> {
        self.times(|place, kind| {
            place == Place::Broker(broker)
                && matches!(kind, EventKind::FaultBegan { fault, .. } if *fault == wanted)
        })
    }

    pub(super) fn ended(&self, broker: BrokerId, wanted: FaultKind) -> Vec<Time> {
        self.times(|place, kind| {
            place == Place::Broker(broker)
                && matches!(kind, EventKind::FaultEnded { fault, .. } if *fault == wanted)
        })
    }

    /// The times at which a term of a broker entered a state.
    pub(super) fn terms(&self, broker: BrokerId, wanted: TermState) -> Vec<Time> {
        self.times(|place, kind| {
            place == Place::Broker(broker)
                && matches!(kind, EventKind::TermChanged { state, .. } if *state == wanted)
        })
    }

    /// The elections that the trace shows.
    pub(super) fn elections(&self) -> Vec<(Time, Option<BrokerId>)> {
        let events = self.events.iter();
        let elections = events.filter_map(|event| match event.kind {
            EventKind::LeaderElected { leader, .. } => Some((event.at, leader)),
            _ => None,
        });
        elections.collect()
    }
}
