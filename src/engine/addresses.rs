//! The addresses of processes on a simulated network. Each process has a fixed address, so that its
//! two addresses identify a link.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::protocol::BrokerId;
use crate::sim::hosted::Process;
use crate::sim::schedule::Schedule;

/// The address at which each broker listens.
pub type Addresses = BTreeMap<BrokerId, SocketAddr>;

const PORT: u16 = 9092;

/// The address of a process.
pub fn of(process: Process) -> IpAddr {
    let (net, number) = match process {
        Process::Broker(id) => (0, id.0 as u16 + 1),
        Process::Consumer(index) => (1, index + 1),
    };
    let [high, low] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, net, high, low))
}

/// The address at which each broker listens.
pub fn of_brokers(schedule: &Schedule) -> Addresses {
    let brokers = (0..i32::from(schedule.broker.count)).map(BrokerId);
    brokers.map(|id| (id, SocketAddr::new(of(Process::Broker(id)), PORT))).collect()
}
