//! The controller's state: leaders with their epochs, live brokers, and the broker that serves the
//! topics' records.
//!
//! Brokers hold a copy, as old as the last time they learned, and act on it. The data leader is the
//! simplest rule that keeps a cluster going: it changes only when it is down, to the next broker
//! that is up. So it never has to hand over leadership while it runs. The controller checks which
//! brokers are up whenever it is used: for an election, or for a broker that learns its current
//! state.

use crate::protocol::BrokerId;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Leadership {
    pub(super) leader: Option<BrokerId>,
    pub(super) epoch: i32,
}

#[derive(Clone)]
pub(super) struct Controller {
    /// Indexed by partition of the offsets log.
    pub(super) offsets: Vec<Leadership>,
    pub(super) data_leader: Option<BrokerId>,
    pub(super) data_epoch: i32,
    /// Indexed by broker.
    live: Vec<bool>,
}

impl Controller {
    /// All brokers are up, and broker p modulo their number leads partition p.
    pub(super) fn new(brokers: usize, partitions: usize) -> Controller {
        let leader =
            |partition: usize| partition.checked_rem(brokers).map(|number| BrokerId(number as i32));
        Controller {
            offsets: (0..partitions).map(|p| Leadership { leader: leader(p), epoch: 0 }).collect(),
            data_leader: leader(0),
            data_epoch: 0,
            live: vec![true; brokers],
        }
    }

    pub(super) fn is_live(&self, broker: BrokerId) -> bool {
        self.live[broker.0 as usize]
    }

    pub(super) fn live_brokers(&self) -> impl Iterator<Item = BrokerId> {
        (0..).map(BrokerId).zip(&self.live).filter(|(_, live)| **live).map(|(broker, _)| broker)
    }

    /// Records which brokers are up, and picks another data leader if the current one is down.
    pub(super) fn update_live_brokers(&mut self, up: impl Iterator<Item = bool>) {
        self.live.clear();
        self.live.extend(up);
        if self.data_leader.is_some_and(|leader| self.is_live(leader)) {
            return;
        }
        let (count, last) =
            (self.live.len(), self.data_leader.map_or(0, |leader| leader.0 as usize));
        let next = (0..count).map(|step| (last + step) % count).find(|&broker| self.live[broker]);
        let next = next.map(|broker| BrokerId(broker as i32));
        if next != self.data_leader {
            (self.data_leader, self.data_epoch) = (next, self.data_epoch + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_leader_changes_only_when_it_is_down() {
        let mut controller = Controller::new(3, 1);
        let mut after = |up: [bool; 3]| {
            controller.update_live_brokers(up.into_iter());
            (controller.data_leader.map(|leader| leader.0), controller.data_epoch)
        };
        assert_eq!(after([true, true, false]), (Some(0), 0));
        assert_eq!(after([false, true, false]), (Some(1), 1));
        assert_eq!(after([true, true, false]), (Some(1), 1));
        assert_eq!(after([false, false, false]), (None, 2));
        assert_eq!(after([false, false, true]), (Some(2), 3));
    }
}
