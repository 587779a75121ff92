//! The requests and responses of consumers, in the order in which clients sent and received them.

use std::collections::BTreeMap;

use crate::protocol::{GroupId, IndexMap, Request, RequestFrame, Response, StrBytes};
use crate::trace::{ConnectionId, Event, EventKind, Message, Place};

/// A number that grows with every request sent and every response received.
pub(super) type MessageNumber = u64;

/// A response, and when its request was sent.
pub(super) struct Exchange<'e> {
    pub(super) sent_at: MessageNumber,
    pub(super) now: MessageNumber,
    pub(super) request: &'e RequestFrame,
    pub(super) response: &'e Response,
}

/// The requests in flight, each with the number at which it was sent.
#[derive(Default)]
pub(super) struct InFlight {
    now: MessageNumber,
    requests: IndexMap<(ConnectionId, i32), MessageNumber>,
}

/// A request or response of a consumer.
pub(super) enum ClientMessage<'e> {
    /// A consumer sends a request.
    Request(MessageNumber, &'e RequestFrame),
    /// A consumer receives a response.
    Response(Exchange<'e>),
}

impl InFlight {
    /// Takes the next event; none when it is neither a request sent nor a response received by a
    /// consumer.
    pub(super) fn take<'e>(&mut self, event: &'e Event) -> Option<ClientMessage<'e>> {
        match (&event.kind, event.place) {
            (
                EventKind::Sent { conn, message: Message::Request(request), .. },
                Place::Consumer(_),
            ) => {
                self.now += 1;
                self.requests.insert((*conn, request.correlation), self.now);
                Some(ClientMessage::Request(self.now, request))
            }
            (
                EventKind::Received {
                    conn, message: Message::Response { request, response }, ..
                },
                Place::Consumer(_),
            ) => {
                self.now += 1;
                let sent_at = self.requests.swap_remove(&(*conn, request.correlation))?;
                let (now, response) = (self.now, &response.body);
                Some(ClientMessage::Response(Exchange { sent_at, now, request, response }))
            }
            (EventKind::Lost { conn, message, .. }, _) => {
                // Whether the broker received the request is not known.
                self.requests.swap_remove(&(*conn, message.request().correlation));
                None
            }
            _ => None,
        }
    }
}

/// A generation of a group, as the JoinGroup response names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JoinedGeneration {
    pub(super) number: i32,
    pub(super) leader: StrBytes,
}

/// The newest generation of a group for which some member has an assignment, over time. A
/// coordinator sends an assignment only when it is durable; a generation that got no further than
/// JoinGroup may be lost with its coordinator, and its number may be issued again.
#[derive(Default)]
pub(super) struct NewestGenerations(BTreeMap<GroupId, Vec<(MessageNumber, i32)>>);

impl NewestGenerations {
    /// Takes a response into account.
    pub(super) fn take(&mut self, exchange: &Exchange<'_>) {
        let (Request::SyncGroup(request), Response::SyncGroup(response)) =
            (&exchange.request.body, exchange.response)
        else {
            return;
        };
        let newest = self.0.entry(request.group_id.clone()).or_default();
        let grows = newest.last().is_none_or(|(_, newest)| *newest < request.generation_id);
        if response.error_code == 0 && grows {
            newest.push((exchange.now, request.generation_id));
        }
    }

    /// The newest generation that was known when a request was sent.
    pub(super) fn known(&self, group: &GroupId, sent_at: MessageNumber) -> Option<i32> {
        let mut known = self.0.get(group)?.iter().rev();
        known.find(|(at, _)| *at < sent_at).map(|(_, generation)| *generation)
    }
}

/// The generation in a successful JoinGroup response.
pub(super) fn joined<'e>(
    exchange: &Exchange<'e>,
) -> Option<(&'e GroupId, &'e StrBytes, JoinedGeneration)> {
    match (&exchange.request.body, exchange.response) {
        (Request::JoinGroup(request), Response::JoinGroup(response))
            if response.error_code == 0 =>
        {
            let joined = JoinedGeneration {
                number: response.generation_id,
                leader: response.leader.clone(),
            };
            Some((&request.group_id, &response.member_id, joined))
        }
        _ => None,
    }
}
