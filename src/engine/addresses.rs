//! Where hosts are on a simulated network: each has a fixed address, so that a link is known by its two hosts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::protocol::BrokerId;
use crate::sim::hosted::Host;
use crate::sim::schedule::Schedule;

use super::Addresses;

const PORT: u16 = 9092;

/// The address of a host.
pub(super) fn of(host: Host) -> IpAddr {
    let (net, number) = match host {
        Host::Broker(id) => (0, id.0 as u16 + 1),
        Host::Consumer(index) => (1, index + 1),
    };
    let [high, low] = number.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, net, high, low))
}

/// Where each broker listens.
pub(super) fn of_brokers(schedule: &Schedule) -> Addresses {
    let brokers = (0..i32::from(schedule.broker.count)).map(BrokerId);
    brokers.map(|id| (id, SocketAddr::new(of(Host::Broker(id)), PORT))).collect()
}
