//! A request that was sent when a generation was known does not receive an earlier one, and all
//! members of one generation receive the same protocol name.
//!
//! | rule | violated when |
//! |---|---|
//! | `grows` | a member receives a generation that is older than one that it knew |
//! | `protocol` | members of one generation receive different protocol names |

use std::collections::BTreeMap;

use crate::invariant::Invariant;
use crate::invariant::{Breach, breach};
use crate::model::Model;
use crate::protocol::{GroupId, Response, StrBytes};
use crate::trace::Event;

use super::in_flight::{ClientMessage, InFlight, JoinedGeneration, NewestGenerations, joined};

#[derive(Default)]
pub(super) struct Generations {
    in_flight: InFlight,
    newest: NewestGenerations,
    protocols: BTreeMap<(GroupId, JoinedGeneration), Option<StrBytes>>,
}

impl Invariant for Generations {
    fn name(&self) -> &'static str {
        "generation"
    }

    fn statement(&self) -> &'static str {
        "a later request does not receive an earlier generation"
    }

    fn check(&mut self, _model: &Model, event: &Event) -> Result<(), Breach> {
        let Some(ClientMessage::Response(exchange)) = self.in_flight.take(event) else {
            return Ok(());
        };
        self.newest.take(&exchange);
        let Some((group, member, joined_generation)) = joined(&exchange) else { return Ok(()) };
        let (head, member) = (format!("group {}", group.as_str()), member.as_str());
        if let Some(before) = self.newest.known(group, exchange.sent_at)
            && joined_generation.number < before
        {
            return breach!(
                "grows",
                "{head}: the coordinator sent {member} generation {}, though the client knew {before}",
                joined_generation.number
            );
        }
        let Response::JoinGroup(response) = exchange.response else { return Ok(()) };
        let protocol = self.protocols.entry((group.clone(), joined_generation.clone()));
        let protocol = protocol.or_insert_with(|| response.protocol_name.clone());
        if *protocol != response.protocol_name {
            return breach!(
                "protocol",
                "{head}: in generation {} the coordinator sent {member} protocol {:?}, and others \
                 {protocol:?}",
                joined_generation.number,
                response.protocol_name
            );
        }
        Ok(())
    }
}
