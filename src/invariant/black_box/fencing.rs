//! A request in an old generation does not succeed, if its sender could have known of a newer one.
//!
//! Rule: `accepted`, the claim above.
//!
//! Not said: anything about a member that belongs to the history of a newer coordinator, where
//! generation numbers start again.

use crate::invariant::Invariant;
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::protocol::{GroupId, Request, Response};
use crate::trace::Event;

use super::in_flight::{ClientMessage, Exchange, InFlight, NewestGenerations};

#[derive(Default)]
pub(super) struct Fencing {
    in_flight: InFlight,
    newest: NewestGenerations,
}

impl Invariant for Fencing {
    fn name(&self) -> &'static str {
        "fencing"
    }

    fn statement(&self) -> &'static str {
        "no request succeeds in a generation that is known to be old"
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(ClientMessage::Response(exchange)) = self.in_flight.take(event) else {
            return Ok(());
        };
        let succeeded = succeeded(&exchange).filter(|(.., generation)| *generation >= 0);
        self.newest.take(&exchange);
        let Some((group, member, generation)) = succeeded else { return Ok(()) };
        match self.newest.known(group, exchange.sent_at) {
            Some(newest) if generation < newest => breach!(
                "accepted",
                "group {}: the coordinator accepted {} of {member} in generation {generation}, though \
                 the client knew generation {newest}",
                group.as_str(),
                exchange.request.body.api(),
            ),
            Some(_) | None => Ok(()),
        }
    }
}

/// The group, the member and the generation of a request that succeeded and names all three.
fn succeeded<'e>(exchange: &Exchange<'e>) -> Option<(&'e GroupId, &'e str, i32)> {
    match (&exchange.request.body, exchange.response) {
        (Request::Heartbeat(request), Response::Heartbeat(body)) if body.error_code == 0 => {
            Some((&request.group_id, &request.member_id, request.generation_id))
        }
        (Request::SyncGroup(request), Response::SyncGroup(body)) if body.error_code == 0 => {
            Some((&request.group_id, &request.member_id, request.generation_id))
        }
        (Request::OffsetCommit(request), Response::OffsetCommit(body)) => {
            let mut partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            let accepted = partitions.any(|partition| partition.error_code == 0);
            let generation = request.generation_id_or_member_epoch;
            accepted.then_some((&request.group_id, &*request.member_id, generation))
        }
        _ => None,
    }
}
