//! A commit that was acknowledged is what a later fetch returns.
//!
//! A fetch that is sent after a commit was acknowledged returns that offset, or one whose commit
//! was in flight at some time since: the broker may handle a commit late to which the client never
//! received a response.
//!
//! Rule: `fetched`, the claim above.

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::protocol::{GroupId, Request, RequestFrame, Response, TopicPartition};
use crate::trace::Event;

use super::in_flight::{ClientMessage, Exchange, InFlight, MessageNumber};

#[derive(Default)]
pub(super) struct NoLoss {
    in_flight: InFlight,
    groups: BTreeMap<(GroupId, TopicPartition), Commits>,
}

/// The commits of one partition.
#[derive(Default)]
struct Commits {
    /// The commits that may be what is stored: when each was sent, its offset, and when it was
    /// acknowledged.
    possible: Vec<(MessageNumber, i64, Option<MessageNumber>)>,
}

impl Invariant for NoLoss {
    fn name(&self) -> &'static str {
        "no-loss"
    }

    fn statement(&self) -> &'static str {
        "a later fetch returns an acknowledged commit"
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        match self.in_flight.take(event) {
            Some(ClientMessage::Request(at, request)) => {
                self.on_request(at, request);
                Ok(())
            }
            Some(ClientMessage::Response(exchange)) => self.on_response(&exchange),
            // The broker may have handled a commit that was lost: it stays possible.
            None => Ok(()),
        }
    }
}

impl NoLoss {
    fn on_request(&mut self, at: MessageNumber, request: &RequestFrame) {
        let Request::OffsetCommit(body) = &request.body else { return };
        for topic in &body.topics {
            for wanted in &topic.partitions {
                let id = TopicPartition::new(topic.name.clone(), wanted.partition_index);
                let commits = self.groups.entry((body.group_id.clone(), id)).or_default();
                commits.possible.push((at, wanted.committed_offset, None));
            }
        }
    }

    fn on_response(&mut self, exchange: &Exchange<'_>) -> Result<(), Breach> {
        match (&exchange.request.body, exchange.response) {
            (Request::OffsetCommit(body), Response::OffsetCommit(response)) => {
                for topic in &response.topics {
                    for partition in &topic.partitions {
                        let id = TopicPartition::new(topic.name.clone(), partition.partition_index);
                        if let Some(commits) = self.groups.get_mut(&(body.group_id.clone(), id)) {
                            commits.on_response(exchange, partition.error_code == 0);
                        }
                    }
                }
                Ok(())
            }
            (Request::OffsetFetch(_), Response::OffsetFetch(response)) => {
                for group in response.groups.iter().filter(|group| group.error_code == 0) {
                    for topic in &group.topics {
                        for found in topic.partitions.iter().filter(|found| found.error_code == 0) {
                            let id = TopicPartition::new(topic.name.clone(), found.partition_index);
                            let key = (group.group_id.clone(), id);
                            self.fetched(exchange, key, found.committed_offset)?;
                        }
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn fetched(
        &self,
        exchange: &Exchange<'_>,
        key: (GroupId, TopicPartition),
        found: i64,
    ) -> Result<(), Breach> {
        let Some(commits) = self.groups.get(&key) else { return Ok(()) };
        match commits.lost(exchange.sent_at, found) {
            None => Ok(()),
            Some(acknowledged) => breach!(
                "fetched",
                "group {}: OffsetFetch of {} returned {found}, but the last acknowledged commit is \
                 {acknowledged}",
                key.0.as_str(),
                key.1
            ),
        }
    }
}

impl Commits {
    fn on_response(&mut self, exchange: &Exchange<'_>, accepted: bool) {
        let Some(index) = self.possible.iter().position(|(at, ..)| *at == exchange.sent_at) else {
            return;
        };
        if !accepted {
            self.possible.remove(index);
            return;
        }
        self.possible[index].2 = Some(exchange.now);
        // This commit replaces those that were acknowledged before it was sent.
        let sent = exchange.sent_at;
        self.possible.retain(|(_, _, acknowledged)| acknowledged.is_none_or(|at| at > sent));
    }

    /// The acknowledged offset that a fetch sent at `sent_at` should have returned, if it cannot
    /// have returned what it did.
    fn lost(&self, sent_at: MessageNumber, found: i64) -> Option<i64> {
        let mut certain =
            self.possible.iter().filter(|(_, _, at)| at.is_some_and(|at| at < sent_at));
        let (_, acknowledged, _) = certain.next_back()?;
        let possible = self.possible.iter().any(|(_, offset, _)| *offset == found);
        (!possible).then_some(*acknowledged)
    }
}
