//! What several invariants need to judge clients: state per running consumer, and the requests that
//! it no longer waits for. Nothing here judges.
//!
//! What a client may believe about its membership the model knows: [`crate::model::Membership`].

use kafka_protocol::messages::JoinGroupRequest;

use crate::client::ConsumerConfig;
use crate::model::ClientExchange;
use crate::protocol::Request;
use crate::time::Time;
use crate::trace::{ConsumerRef, Event, EventKind, FaultKind, Message, Place};

/// State per consumer, for its present incarnation. Most events look it up, so it is a list and not
/// a map.
pub(in crate::invariant) struct Incarnations<T>(Vec<Option<(ConsumerRef, T)>>);

impl<T> Default for Incarnations<T> {
    fn default() -> Self {
        Incarnations(Vec::new())
    }
}

impl<T> Incarnations<T> {
    /// The state of the incarnation at which the event happens, while it runs. It begins when the
    /// consumer starts, and ends when the consumer closes or crashes.
    pub(super) fn at(
        &mut self,
        event: &Event,
        begin: impl FnOnce(&ConsumerConfig, Time) -> T,
    ) -> Option<&mut T> {
        let Place::Consumer(consumer) = event.place else { return None };
        let index = usize::from(consumer.index);
        match &event.kind {
            EventKind::ConsumerStarted { config, .. } => {
                if self.0.len() <= index {
                    self.0.resize_with(index + 1, || None);
                }
                self.0[index] = Some((consumer, begin(config, event.local)));
            }
            EventKind::ConsumerClosed | EventKind::FaultBegan { fault: FaultKind::Crash, .. } => {
                if let Some(place) = self.0.get_mut(index) {
                    place.take_if(|(now, _)| *now == consumer);
                }
            }
            _ => {}
        }
        let (now, state) = self.0.get_mut(index)?.as_mut()?;
        (*now == consumer).then_some(state)
    }
}

/// The requests that a consumer no longer waits for: those that it sent before it last lost its
/// coordinator. It ignores the responses to them.
pub(super) struct Abandoned {
    last_sent: i32,
    last_abandoned: i32,
}

impl Default for Abandoned {
    fn default() -> Self {
        Abandoned { last_sent: 0, last_abandoned: -1 }
    }
}

impl Abandoned {
    /// The consumer sends a request that matters here.
    pub(super) fn sent(&mut self, exchange: &ClientExchange<'_>) {
        self.last_sent = exchange.correlation;
    }

    /// The consumer loses its coordinator.
    pub(super) fn coordinator_lost(&mut self) {
        self.last_abandoned = self.last_sent;
    }

    /// Whether the consumer ignores the response.
    pub(super) fn covers(&self, exchange: &ClientExchange<'_>) -> bool {
        exchange.correlation <= self.last_abandoned
    }
}

/// The JoinGroup that a consumer sends with this event.
pub(super) fn sent_join(event: &Event) -> Option<&JoinGroupRequest> {
    match &event.kind {
        EventKind::Sent { message: Message::Request(request), .. } => match &request.body {
            Request::JoinGroup(body) => Some(body),
            _ => None,
        },
        _ => None,
    }
}
