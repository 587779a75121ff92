//! The switches of the planted bugs in this copy: a bug is on while its mutant's coordinator or
//! consumer runs.

use std::cell::Cell;
use std::sync::Arc;

use groupsim::client::{self, ClientInput, Consumer, ConsumerDescription, GroupConsumer};
use groupsim::coordinator::{
    self, Coordinator, GroupCoordinator, GroupDescription, Input, Inspect,
};
use groupsim::protocol::GroupId;
use groupsim::run::Systems;
use groupsim::time::Time;

use super::{Mutant, System};

thread_local! {
    static ON: Cell<&'static str> = const { Cell::new("") };
    /// The mutant whose coordinators and consumers exist, and how many of them.
    static WORLD: Cell<(&'static str, usize)> = const { Cell::new(("", 0)) };
}

/// Whether the coordinator or consumer that is running belongs to this mutant.
pub fn is_planted(name: &str) -> bool {
    ON.get() == name
}

/// Whether this mutant has coordinators or consumers: for bugs in the brokers around them, which
/// act by themselves.
pub fn is_hosted(name: &str) -> bool {
    let (world, count) = WORLD.get();
    count > 0 && world == name
}

fn systems(name: &'static str) -> Systems {
    Systems {
        coordinator: Arc::new(move |config, rng| {
            Box::new(On::new(name, || Coordinator::new(config, rng)))
        }),
        consumer: Arc::new(move |config, rng, now| {
            Box::new(On::new(name, || Consumer::new(config, rng, now)))
        }),
        ..Systems::default()
    }
}

fn switched<T>(name: &'static str, act: impl FnOnce() -> T) -> T {
    struct Off;
    impl Drop for Off {
        fn drop(&mut self) {
            ON.set("");
        }
    }
    let _off = Off;
    ON.set(name);
    act()
}

struct On<T>(&'static str, T);

impl<T> On<T> {
    fn new(name: &'static str, make: impl FnOnce() -> T) -> On<T> {
        let made = switched(name, make);
        WORLD.set((name, WORLD.get().1 + 1));
        On(name, made)
    }
}

impl<T> Drop for On<T> {
    fn drop(&mut self) {
        let (name, count) = WORLD.get();
        WORLD.set((name, count - 1));
    }
}

impl GroupCoordinator for On<Coordinator> {
    fn handle(&mut self, now: Time, input: Input<'_>, out: &mut Vec<coordinator::Output>) {
        switched(self.0, || self.1.handle(now, input, out));
    }
    fn advance(&mut self, now: Time, out: &mut Vec<coordinator::Output>) {
        switched(self.0, || self.1.advance(now, out));
    }
    fn next_deadline(&self) -> Option<Time> {
        switched(self.0, || self.1.next_deadline())
    }
    fn inspect(&self) -> Option<&dyn Inspect> {
        Some(self)
    }
}

impl Inspect for On<Coordinator> {
    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        switched(self.0, || self.1.deadlines(visit));
    }
    fn groups(&self) -> Vec<GroupId> {
        switched(self.0, || self.1.groups())
    }
    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        switched(self.0, || self.1.describe(group))
    }
}

impl GroupConsumer for On<Consumer> {
    fn handle(&mut self, now: Time, input: ClientInput, out: &mut Vec<client::ClientOutput>) {
        switched(self.0, || self.1.handle(now, input, out));
    }
    fn advance(&mut self, now: Time, out: &mut Vec<client::ClientOutput>) {
        switched(self.0, || self.1.advance(now, out));
    }
    fn next_deadline(&self) -> Option<Time> {
        switched(self.0, || self.1.next_deadline())
    }
    fn describe(&self) -> ConsumerDescription {
        switched(self.0, || self.1.describe())
    }
}
