//! What an engine does for a run besides its network: it runs processes and breaks links.

use std::time::Duration;

use crate::protocol::GroupId;
use crate::sim::hosted::{Directions, Link, Process};
use crate::sim::schedule::Action;
use crate::time::Time;

use super::net::Net;
use super::router::Router;

/// An engine in the middle of a run.
pub trait Engine {
    /// Its network and its clock.
    type Net: Net;

    /// Whether its network can lose messages at random and retransmit them.
    const LOSES: bool;

    /// How late a step of the schedule may be.
    const LATENESS: Duration;

    /// The time since the run began.
    fn now(&self) -> Time;

    /// Lets the processes run until something happens in the core or until `limit`. May return
    /// earlier.
    fn run(&mut self, router: &Router<Self::Net>, limit: Time);

    /// Starts a process, unless it runs.
    fn start(&mut self, router: &Router<Self::Net>, process: Process);

    /// Kills a process and all of its tasks at once.
    fn kill(&mut self, process: Process);

    /// Suspends the tasks of a process.
    fn pause(&mut self, process: Process);

    /// Resumes the tasks of a process.
    fn resume(&mut self, process: Process);

    /// Holds what is sent over a link, in these directions.
    fn cut(&mut self, router: &Router<Self::Net>, link: Link, directions: Directions);

    /// Heals a link, which then delivers what it held.
    fn heal(&mut self, router: &Router<Self::Net>, link: Link);

    /// Cuts all links of a process.
    fn isolate(&mut self, router: &Router<Self::Net>, process: Process);

    /// Ends the isolation of a process. A link that is cut on its own stays cut.
    fn reconnect(&mut self, router: &Router<Self::Net>, process: Process);

    /// Ends random loss.
    fn stop_loss(&mut self);

    /// Delays a link by `by`; zero ends the delay.
    fn clog(&mut self, router: &Router<Self::Net>, link: Link, by: Duration);

    /// Asks the third-party brokers to describe a group.
    fn describe(&mut self, _router: &Router<Self::Net>, group: GroupId) {
        unreachable!("group {} belongs to simulated brokers", group.0.as_str());
    }

    /// Why the engine does not support an action; `None` if it does.
    fn refusal(action: &Action) -> Option<&'static str>;
}
