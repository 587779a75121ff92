//! What an engine does for a run besides its network: it runs hosts and breaks links.

use std::time::Duration;

use crate::protocol::GroupId;
use crate::sim::hosted::{Directions, Host, Link};
use crate::sim::schedule::Action;
use crate::time::Time;

use super::hub::Hub;
use super::net::Net;

/// An engine in the middle of a run.
pub(super) trait Engine {
    /// Its network and its clock.
    type Net: Net;

    /// Whether its network can lose messages by luck and send them again.
    const LOSES: bool;

    /// How late a line of the schedule may be.
    const LATENESS: Duration;

    /// The time since the run began.
    fn now(&self) -> Time;

    /// Lets the hosts run until something happens on the stage, but not past `limit`. May end earlier.
    fn run(&mut self, hub: &Hub<Self::Net>, limit: Time);

    /// Starts a host that does not run; nothing, if it does.
    fn start(&mut self, hub: &Hub<Self::Net>, host: Host);

    /// A host and all its tasks are gone at once.
    fn kill(&mut self, host: Host);

    /// The tasks of a host stand still.
    fn pause(&mut self, host: Host);

    /// They go on.
    fn resume(&mut self, host: Host);

    /// What is sent over a link waits.
    fn cut(&mut self, hub: &Hub<Self::Net>, link: Link, ways: Directions);

    /// It arrives.
    fn heal(&mut self, hub: &Hub<Self::Net>, link: Link);

    /// Nothing reaches a host, and nothing that it sends reaches anybody.
    fn isolate(&mut self, hub: &Hub<Self::Net>, host: Host);

    /// It does again, where no link of its own is cut.
    fn reconnect(&mut self, hub: &Hub<Self::Net>, host: Host);

    /// Nothing is lost by luck any longer.
    fn stop_loss(&mut self);

    /// A link is that much slower; zero for no longer.
    fn clog(&mut self, hub: &Hub<Self::Net>, link: Link, by: Duration);

    /// Asks third-party brokers what a group is, where there are such brokers.
    fn describe(&mut self, _hub: &Hub<Self::Net>, group: GroupId) {
        unreachable!("group {} belongs to brokers of the run", group.0.as_str());
    }

    /// Why an action cannot be expressed on this engine, if it cannot.
    fn refusal(action: &Action) -> Option<&'static str>;
}
