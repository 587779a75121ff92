//! Questions and answers of consumers, in the order in which they went and came.

use std::collections::BTreeMap;

use crate::protocol::{GroupId, IndexMap, Request, RequestFrame, Response, StrBytes};
use crate::trace::{ConnectionId, Event, Kind, Message, Place};

/// A number that grows with every question and every answer.
pub(super) type Moment = u64;

/// An answer, and when its question was sent.
pub(super) struct Answered<'e> {
    pub(super) asked: Moment,
    pub(super) now: Moment,
    pub(super) request: &'e RequestFrame,
    pub(super) response: &'e Response,
}

/// When each question under way was sent.
#[derive(Default)]
pub(super) struct Book {
    now: Moment,
    asked: IndexMap<(ConnectionId, i32), Moment>,
}

/// What an event is to the book.
pub(super) enum Entry<'e> {
    /// A consumer asks.
    Asked(Moment, &'e RequestFrame),
    /// A consumer is answered.
    Answered(Answered<'e>),
}

impl Book {
    /// Takes in an event; none when it is neither question nor answer of a consumer.
    pub(super) fn take<'e>(&mut self, event: &'e Event) -> Option<Entry<'e>> {
        match (&event.kind, event.place) {
            (Kind::Sent { conn, message: Message::Request(request), .. }, Place::Consumer(_)) => {
                self.now += 1;
                self.asked.insert((*conn, request.correlation), self.now);
                Some(Entry::Asked(self.now, request))
            }
            (
                Kind::Received { conn, message: Message::Response { request, response }, .. },
                Place::Consumer(_),
            ) => {
                self.now += 1;
                let asked = self.asked.swap_remove(&(*conn, request.correlation))?;
                let (now, response) = (self.now, &response.body);
                Some(Entry::Answered(Answered { asked, now, request, response }))
            }
            (Kind::Lost { conn, message, .. }, _) => {
                // Whether the question was heard is not known.
                self.asked.swap_remove(&(*conn, message.request().correlation));
                None
            }
            _ => None,
        }
    }
}

/// A generation of a group, as a member is told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Told {
    pub(super) number: i32,
    pub(super) leader: StrBytes,
}

/// The newest generation of a group that anybody has an assignment of, at each moment. An assignment is told
/// only when it is durable; a generation that has got no further than JoinGroup may be lost with its
/// coordinator, and its number be issued again.
#[derive(Default)]
pub(super) struct Newest(BTreeMap<GroupId, Vec<(Moment, i32)>>);

impl Newest {
    /// Takes in an answer.
    pub(super) fn take(&mut self, answered: &Answered<'_>) {
        let (Request::SyncGroup(request), Response::SyncGroup(answer)) =
            (&answered.request.body, answered.response)
        else {
            return;
        };
        let newest = self.0.entry(request.group_id.clone()).or_default();
        let grows = newest.last().is_none_or(|(_, newest)| *newest < request.generation_id);
        if answer.error_code == 0 && grows {
            newest.push((answered.now, request.generation_id));
        }
    }

    /// What was known when a question was sent.
    pub(super) fn known(&self, group: &GroupId, asked: Moment) -> Option<i32> {
        let mut known = self.0.get(group)?.iter().rev();
        known.find(|(at, _)| *at < asked).map(|(_, generation)| *generation)
    }
}

/// The generation that a JoinGroup was answered with, if it was.
pub(super) fn joined<'e>(answered: &Answered<'e>) -> Option<(&'e GroupId, &'e StrBytes, Told)> {
    match (&answered.request.body, answered.response) {
        (Request::JoinGroup(request), Response::JoinGroup(answer)) if answer.error_code == 0 => {
            let told = Told { number: answer.generation_id, leader: answer.leader.clone() };
            Some((&request.group_id, &answer.member_id, told))
        }
        _ => None,
    }
}
