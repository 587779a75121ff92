//! Faults of brokers as a whole: crash, restart, and moved leadership.

use std::time::Duration;

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::schedule::Tail;
use crate::trace::{FaultKind, Place};

impl Sim {
    pub(super) fn crash_broker(&mut self, broker: BrokerId, tail: Tail) {
        let place = Place::Broker(broker);
        if std::mem::take(&mut self.broker_mut(broker).node.paused) {
            self.fault_ended(place, FaultKind::Pause);
        }
        self.fault_began(place, FaultKind::Crash);
        self.kill_broker(broker);
        self.schedule_notice(broker, tail);
    }

    pub(super) fn restart_broker(&mut self, broker: BrokerId) {
        self.fault_ended(Place::Broker(broker), FaultKind::Crash);
        self.notice(broker);
        self.lead_leaderless_partitions(broker);
        self.start_broker(broker);
        self.announce_decisions();
    }

    /// The controller elects another leader for a group's partition of the offsets log. The old
    /// leader may not learn of it for a while.
    pub(super) fn move_group(
        &mut self,
        group: Option<&str>,
        to: Option<BrokerId>,
        unaware: Duration,
        tail: Tail,
    ) {
        let partition = self.cluster.partition_of(&self.named_group(group));
        let old = self.cluster.leader(partition);
        let next = || self.next_live_broker(old.unwrap_or(BrokerId(-1)));
        let to = to.or_else(next).expect("a broker runs");
        self.fault_began(Place::Broker(to), FaultKind::Move);
        self.elect(partition, Some(to), tail);
        if let Some(old) = old.filter(|&old| old != to && self.cluster.is_up(old))
            && !unaware.is_zero()
        {
            self.leave_unaware(old, unaware);
        }
        self.announce_decisions();
    }
}
