//! What is done to brokers as a whole: crash, restart, and the move of what they lead.

use std::time::Duration;

use crate::protocol::BrokerId;
use crate::sim::Sim;
use crate::sim::schedule::Tail;
use crate::time::Time;
use crate::trace::{FaultKind, Place};

use super::{Done, Impossible, impossible};

impl Sim {
    pub(super) fn crash_broker(&mut self, broker: BrokerId, tail: Tail) -> Done {
        self.running_broker(broker)?;
        let place = Place::Broker(broker);
        if std::mem::take(&mut self.broker_mut(broker).node.paused) {
            self.ended(place, FaultKind::Pause);
        }
        self.began(place, FaultKind::Crash);
        self.kill_broker(broker);
        self.broker_mut(broker).unaware_until = Time::ZERO;
        self.end_zombie(broker);
        self.schedule_notice(broker, tail);
        Ok(())
    }

    pub(super) fn restart_broker(&mut self, broker: BrokerId) -> Done {
        self.known(broker)?;
        if self.cluster.is_up(broker) {
            return Err(impossible(format!("{broker} is running already")));
        }
        self.ended(Place::Broker(broker), FaultKind::Crash);
        self.notice(broker);
        self.adopt_orphans(broker);
        self.start_broker(broker);
        self.spread();
        Ok(())
    }

    pub(super) fn running_broker(&self, broker: BrokerId) -> Result<BrokerId, Impossible> {
        match self.cluster.is_up(self.known(broker)?) {
            true => Ok(broker),
            false => Err(impossible(format!("{broker} is not running"))),
        }
    }

    /// The controller makes another broker the leader of a group's partition of the offsets log; the old
    /// one may not hear of it for a while.
    pub(super) fn move_group(
        &mut self,
        group: Option<&str>,
        to: Option<BrokerId>,
        unaware: Duration,
        tail: Tail,
    ) -> Done {
        let partition = self.cluster.partition_of(&self.named_group(group));
        let old = self.cluster.leader(partition);
        let to = match to {
            Some(to) => self.running_broker(to)?,
            None => self
                .next_up(old.unwrap_or(BrokerId(-1)))
                .ok_or_else(|| impossible("no broker is running"))?,
        };
        self.began(Place::Broker(to), FaultKind::Move);
        self.elect(partition, Some(to), tail);
        if let Some(old) = old.filter(|&old| old != to && self.cluster.is_up(old))
            && !unaware.is_zero()
        {
            self.leave_unaware(old, unaware);
        }
        self.spread();
        Ok(())
    }

    fn leave_unaware(&mut self, old: BrokerId, unaware: Duration) {
        let until = self.now + unaware;
        let broker = self.broker_mut(old);
        broker.unaware_until = broker.unaware_until.max(until);
        if !std::mem::replace(&mut broker.zombie, true) {
            self.began(Place::Broker(old), FaultKind::Zombie);
        }
    }
}
