//! Finds the place that a name in a trace stands for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::protocol::BrokerId;
use crate::trace::event::{ConnectionId, ConsumerRef, Place};

/// The consumers that the trace has introduced so far. This is the reverse of
/// [`Names`](crate::trace::Names).
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    consumers: BTreeMap<Arc<str>, u16>,
}

impl Places {
    /// Learns the number of a consumer that starts.
    pub(super) fn learn(&mut self, name: &str, index: u16) {
        self.consumers.insert(name.into(), index);
    }

    /// The place that is printed so. A name that the user chose may contain any character, but the
    /// number at the end of a consumer follows a dot, and that of a connection an at sign.
    pub(super) fn find(&self, text: &str) -> Option<Place> {
        match text {
            "sim" => return Some(Place::Schedule),
            "producer" => return Some(Place::Producer),
            "admin" => return Some(Place::Admin),
            "controller" => return Some(Place::Controller),
            _ => {}
        }
        if let Some(conn) = text.rsplit_once('@').and_then(|(_, conn)| conn.parse().ok()) {
            return Some(Place::Client(ConnectionId(conn)));
        }
        match text.rsplit_once('.') {
            Some((name, incarnation)) => {
                let incarnation = incarnation.parse().ok()?;
                Some(Place::Consumer(ConsumerRef { index: self.index(name)?, incarnation }))
            }
            None => text.strip_prefix('b')?.parse().ok().map(|id| Place::Broker(BrokerId(id))),
        }
    }

    /// The number of a consumer. One that has not started yet is printed with its number.
    fn index(&self, name: &str) -> Option<u16> {
        match self.consumers.get(name) {
            Some(index) => Some(*index),
            None => name.strip_prefix("consumer")?.parse().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::names::Names;

    #[test]
    fn every_place_is_found_by_its_printed_name() {
        let mut places = Places::default();
        for (index, name) in ["c1", "b0", "sim", "x@7", "a.1"].into_iter().enumerate() {
            places.learn(name, index as u16);
        }
        let consumer = |index| Place::Consumer(ConsumerRef { index, incarnation: 2 });
        for (text, place) in [
            ("c1.2", consumer(0)),
            ("b0.2", consumer(1)),
            ("sim.2", consumer(2)),
            ("x@7.2", consumer(3)),
            ("a.1.2", consumer(4)),
            ("consumer9.2", consumer(9)),
            ("x.1@7", Place::Client(ConnectionId(7))),
        ] {
            assert_eq!(places.find(text), Some(place), "{text}");
        }
        let brokers = [0, 3, -1].map(|id| Place::Broker(BrokerId(id)));
        let rest = [Place::Schedule, Place::Producer, Place::Admin, Place::Controller];
        for place in brokers.into_iter().chain(rest) {
            assert_eq!(places.find(&Names::default().place(place)), Some(place));
        }
        for text in ["", "c1", "c2.1", "c1.x", "b", "b0x"] {
            assert_eq!(places.find(text), None, "{text}");
        }
    }
}
