//! A member is one process: no other client acts under its id. A coordinator tells members apart by
//! their ids alone, so two processes under one id pass for one member, which reads and commits its
//! partitions twice.
//!
//! It happens when a coordinator hands out an id twice, or when a restarted coordinator draws ids
//! from the same seed again: then a client of the former coordinator goes on under an id that
//! belongs to another member.
//!
//! Scope: one incarnation of a group; ids that are its members when the broker begins to handle a
//! JoinGroup, SyncGroup, Heartbeat or OffsetCommit that names them.
//! - All of these come from one consumer, and one incarnation of it, where the trace names the
//!   sender.
//! - All of these come under one client id. (Requests without one are ignored.)
//! - Heartbeats of an external client come on one connection at a time. A client that opens a new
//!   connection gives up the one before, on which a heartbeat may still be in flight: the broker
//!   may handle it between those of the new connection, and the client may give up that one in the
//!   same way. So heartbeats may return to a connection twice. Two processes return to their
//!   connections for as long as they run.
//!
//! | rule | violated when |
//! |---|---|
//! | `consumer` | requests under one id come from two processes |
//! | `client` | requests under one id come under two client ids |
//! | `connections` | the heartbeats of one id alternate between two connections |
//!
//! Not said: anything about the connections of a consumer of the run, which the trace names anyway:
//! a broker that was paused handles requests on connections that the consumer has given up in any
//! order; anything about the connections of other requests, because clients spread them over
//! several (kafkajs has two, each for its own APIs) and send commits by the dozen; anything about
//! two processes of which one sends no heartbeat; anything about LeaveGroup, which an administrator
//! sends under the ids of others. A client that sends heartbeats of one member on a pool of
//! connections would be taken for several: no known client does that.

use std::collections::BTreeMap;

use crate::coordinator::{ClassicObservation, Observation};
use crate::protocol::{Api, MemberId, Request, StrBytes};
use crate::trace::{ConnectionId, Event, EventKind, Place};

use crate::invariant::interest::Interest;
use crate::invariant::{Breach, Invariant, breach};
use crate::model::{Model, RequestContext, member_of};

/// How often heartbeats may return to a connection.
const MOST_RETURNS: u8 = 2;
/// The number of connections that are remembered of a member, the newest.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub(in crate::invariant) struct MemberIdentity {
    /// By the index of the incarnation.
    groups: BTreeMap<usize, BTreeMap<MemberId, User>>,
}

/// The client that acts under an id.
struct User {
    place: Place,
    client: StrBytes,
    /// The connection of the last heartbeat.
    last: Option<ConnectionId>,
    /// How often heartbeats have returned to each connection.
    returns: BTreeMap<ConnectionId, u8>,
}

impl Invariant for MemberIdentity {
    fn name(&self) -> &'static str {
        "member-identity"
    }

    fn statement(&self) -> &'static str {
        "no client acts under the member id of another"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.requests(&[
            Api::JoinGroup,
            Api::SyncGroup,
            Api::Heartbeat,
            Api::OffsetCommit,
        ])
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        if let EventKind::Coordinator(observation) = &event.kind {
            if let Some((index, group)) = model.observed() {
                self.observe(index, group.over, observation);
            }
            return Ok(());
        }
        let Some((context, request)) = model.request(event) else { return Ok(()) };
        let is_judged = !matches!(request.body, Request::LeaveGroup(_) | Request::OffsetFetch(_));
        match member_of(&request.body) {
            Some(member) if is_judged && context.standing.is_member() => {
                self.acts(model, context, member, &request.body, &request.client_id)
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl MemberIdentity {
    fn observe(&mut self, index: usize, over: bool, observation: &Observation) {
        if over {
            self.groups.remove(&index);
            return;
        }
        let (Observation::Classic(ClassicObservation::MemberRemoved { member, .. })
        | Observation::Classic(ClassicObservation::MemberReplaced { old: member, .. })
        | Observation::Classic(ClassicObservation::ReplacementUndone { new: member, .. })) =
            observation
        else {
            return;
        };
        if let Some(users) = self.groups.get_mut(&index) {
            users.remove(member);
        }
    }

    fn acts(
        &mut self,
        model: &Model,
        context: &RequestContext,
        member: MemberId,
        request: &Request,
        client: &StrBytes,
    ) -> Result<(), Breach> {
        let (conn, _) = context.key;
        let group = model.group(context.group).id.as_str();
        let head = format_args!("group {group}: {} of {member}", request.api());
        let users = self.groups.entry(context.group).or_default();
        let user = users.entry(member.clone()).or_insert_with(|| User {
            place: context.from,
            client: client.clone(),
            last: None,
            returns: BTreeMap::new(),
        });
        if let (Place::Consumer(now), Place::Consumer(before)) = (context.from, user.place)
            && now != before
        {
            user.place = context.from;
            return breach!("consumer", "{head} comes from {now}, but the id belongs to {before}");
        }
        if user.client != *client {
            let before = std::mem::replace(&mut user.client, client.clone());
            if !before.is_empty() && !client.is_empty() {
                return breach!(
                    "client",
                    "{head} comes from client {client}, earlier ones from {before}"
                );
            }
        }
        match request {
            Request::Heartbeat(_) if is_external(context.from) && !user.note_heartbeat(conn) => {
                breach!(
                    "connections",
                    "{head}: heartbeats alternate between two connections of client {client}"
                )
            }
            _ => Ok(()),
        }
    }
}

const fn is_external(place: Place) -> bool {
    matches!(place, Place::Client(_))
}

impl User {
    /// Takes a heartbeat; false when heartbeats have returned to its connection too often.
    fn note_heartbeat(&mut self, conn: ConnectionId) -> bool {
        let Some(last) = self.last.replace(conn) else { return true };
        if last == conn {
            return true;
        }
        self.returns.entry(last).or_insert(0);
        if self.returns.len() > REMEMBERED {
            self.returns.pop_first();
        }
        let Some(back) = self.returns.get_mut(&conn) else { return true };
        *back += 1;
        let permitted = *back <= MOST_RETURNS;
        if !permitted {
            self.returns.clear();
        }
        permitted
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::Removal;
    use crate::invariant::trace_builder::TraceBuilder;

    fn trace() -> TraceBuilder {
        let mut trace = TraceBuilder::new("member-identity");
        trace.generation(1, &["a", "b"]);
        trace
    }

    /// Heartbeats of an external client on these connections, one after the other.
    fn heartbeats_on(conns: &[u32]) -> TraceBuilder {
        let mut trace = trace();
        for conn in conns {
            trace.external_heartbeat("a", "c", *conn);
        }
        trace
    }

    #[test]
    fn one_consumer_acts_under_its_id() {
        let mut trace = trace();
        trace.heartbeat_of(0, "a").heartbeat_of(1, "b").heartbeat_of(0, "a").holds();
    }

    #[test]
    fn two_consumers_under_one_id_break() {
        let mut trace = trace();
        trace.heartbeat_of(0, "a").heartbeat_of(1, "a").breaks("the id belongs to");
    }

    #[test]
    fn requests_of_a_consumer_on_former_connections_may_be_handled_in_any_order() {
        let mut trace = trace();
        for conn in [1, 2, 1, 2, 1, 2, 1, 2] {
            trace.heartbeat_on(0, "a", conn);
        }
        trace.holds();
    }

    #[test]
    fn a_client_that_is_no_member_acts_under_no_id() {
        let mut trace = trace();
        trace.heartbeat_of(0, "a").removed("a", Removal::Left).heartbeat_of(1, "a").holds();
    }

    #[test]
    fn two_clients_under_one_id_break() {
        let mut trace = heartbeats_on(&[1]);
        trace.external_heartbeat("a", "", 2).external_heartbeat("a", "c", 2).holds();
        trace.external_heartbeat("a", "d", 3).breaks("comes from client d, earlier ones from c");
    }

    #[test]
    fn a_client_may_change_its_connection_with_a_heartbeat_in_flight() {
        heartbeats_on(&[1, 2, 3, 4, 5]).holds();
        heartbeats_on(&[1, 2, 1, 2, 2, 3, 2, 3, 4, 3, 4, 4]).holds();
    }

    #[test]
    fn heartbeats_that_alternate_between_two_connections_break() {
        heartbeats_on(&[1, 2, 1, 2, 1, 2]).holds();
        heartbeats_on(&[1, 2, 1, 2, 1, 2, 1]).breaks("two connections of client c");
        heartbeats_on(&[1, 1, 2, 1, 1, 3, 2, 3, 1, 2, 3, 1, 2])
            .breaks("two connections of client c");
    }
}
