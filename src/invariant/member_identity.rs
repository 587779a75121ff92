//! A member is one process: nobody else acts under its id. A coordinator tells members apart by their ids alone, so
//! two processes under one id pass for one member, which reads and commits its partitions twice.
//!
//! It happens when a coordinator hands an id out twice, or when a restarted coordinator draws ids from the same
//! seed again: then a client of the former coordinator goes on under an id that belongs to another member.
//!
//! Scope: one incarnation of a group; ids that are its members when the broker begins to handle a JoinGroup, SyncGroup,
//! Heartbeat or OffsetCommit that names them.
//! - All of these come from one consumer, and one incarnation of it, where the trace says from which.
//! - All of these come under one client id. (Not those without one.)
//! - Heartbeats of a client from outside come on one connection at a time. A client that opens a new connection
//!   gives up the one before, on which a heartbeat may still be on its way: it may be handled between those of the
//!   new one, and that one may be given up in the same way. So a connection may be come back to twice. Two
//!   processes come back to their connections for as long as they live.
//!
//! Not said: anything of the connections of a consumer of the run, which the trace names anyway: what it has sent on
//! connections that it has given up is handled in any order by a broker that was paused; anything of connections
//! by other requests, because clients spread them over several (kafkajs
//! has two, each for its own APIs) and send commits by the dozen; anything of two processes of which one sends no
//! heartbeat; anything of LeaveGroup, which an administrator sends under the ids of others. Heartbeats of
//! one member that its client sends on a pool of connections would be taken for those of several: no known
//! client does that.

use std::collections::BTreeMap;

use crate::coordinator::Observation;
use crate::protocol::{Api, MemberId, Request, StrBytes};
use crate::trace::{ConnectionId, Event, Kind, Place};

use super::interest::Interest;
use super::ledger::{Asked, Ledger, member_of};
use super::{Breach, Invariant, breach};

/// How often a connection may be come back to.
const BACK: u8 = 2;
/// How many connections are remembered of a member, the newest.
const REMEMBERED: usize = 16;

#[derive(Default)]
pub(super) struct MemberIdentity {
    /// By the number of the incarnation.
    groups: BTreeMap<usize, BTreeMap<MemberId, User>>,
}

/// Who acts under an id.
struct User {
    place: Place,
    client: StrBytes,
    /// The connection of the last heartbeat.
    last: Option<ConnectionId>,
    /// How often heartbeats came back to each connection.
    back: BTreeMap<ConnectionId, u8>,
}

impl Invariant for MemberIdentity {
    fn name(&self) -> &'static str {
        "member-identity"
    }

    fn statement(&self) -> &'static str {
        "nobody acts under the member id of another"
    }

    fn reads(&self) -> Interest {
        Interest::COORDINATOR.asked(&[
            Api::JoinGroup,
            Api::SyncGroup,
            Api::Heartbeat,
            Api::OffsetCommit,
        ])
    }

    fn check(&mut self, ledger: &Ledger, event: &Event) -> Result<(), Breach> {
        if let Kind::Coordinator(observation) = &event.kind {
            if let Some((index, group)) = ledger.observed() {
                self.observe(index, group.over, observation);
            }
            return Ok(());
        }
        let Some((asked, request)) = ledger.question(event) else { return Ok(()) };
        let acts = !matches!(request.body, Request::LeaveGroup(_) | Request::OffsetFetch(_));
        match member_of(&request.body) {
            Some(member) if acts && asked.standing.is_member() => {
                self.acts(ledger, asked, member, &request.body, &request.client_id)
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
        let (Observation::MemberRemoved { member, .. }
        | Observation::MemberReplaced { old: member, .. }
        | Observation::ReplacementUndone { new: member, .. }) = observation
        else {
            return;
        };
        if let Some(users) = self.groups.get_mut(&index) {
            users.remove(member);
        }
    }

    fn acts(
        &mut self,
        ledger: &Ledger,
        asked: &Asked,
        member: MemberId,
        request: &Request,
        client: &StrBytes,
    ) -> Result<(), Breach> {
        let (conn, _) = asked.key;
        let group = ledger.group(asked.group).id.as_str();
        let head = format_args!("group {group}: {} of {member}", request.api());
        let users = self.groups.entry(asked.group).or_default();
        let user = users.entry(member.clone()).or_insert_with(|| User {
            place: asked.from,
            client: client.clone(),
            last: None,
            back: BTreeMap::new(),
        });
        if let (Place::Consumer(now), Place::Consumer(before)) = (asked.from, user.place)
            && now != before
        {
            user.place = asked.from;
            return breach!("consumer", "{head} comes from {now}, the id is that of {before}");
        }
        if user.client != *client {
            let before = std::mem::replace(&mut user.client, client.clone());
            if !before.is_empty() && !client.is_empty() {
                return breach!(
                    "client",
                    "{head} comes from client {client}, before from {before}"
                );
            }
        }
        match request {
            Request::Heartbeat(_) if is_outside(asked.from) && !user.is_heard_on(conn) => breach!(
                "connections",
                "{head}: two connections of client {client} send heartbeats by turns"
            ),
            _ => Ok(()),
        }
    }
}

const fn is_outside(place: Place) -> bool {
    matches!(place, Place::Client(_))
}

impl User {
    /// Takes a heartbeat; false when its connection was come back to too often.
    fn is_heard_on(&mut self, conn: ConnectionId) -> bool {
        let Some(last) = self.last.replace(conn) else { return true };
        if last == conn {
            return true;
        }
        self.back.entry(last).or_insert(0);
        if self.back.len() > REMEMBERED {
            self.back.pop_first();
        }
        let Some(back) = self.back.get_mut(&conn) else { return true };
        *back += 1;
        let calm = *back <= BACK;
        if !calm {
            self.back.clear();
        }
        calm
    }
}

#[cfg(test)]
mod tests {
    use crate::coordinator::Removal;
    use crate::invariant::story::Story;

    fn story() -> Story {
        let mut story = Story::new("member-identity");
        story.generation(1, &["a", "b"]);
        story
    }

    /// Heartbeats of an outside client on these connections, one after the other.
    fn heard_on(conns: &[u32]) -> Story {
        let mut story = story();
        for conn in conns {
            story.heartbeat_from_outside("a", "c", *conn);
        }
        story
    }

    #[test]
    fn one_consumer_acts_under_its_id() {
        let mut story = story();
        story.heartbeat_of(0, "a").heartbeat_of(1, "b").heartbeat_of(0, "a").holds();
    }

    #[test]
    fn two_consumers_under_one_id_break() {
        let mut story = story();
        story.heartbeat_of(0, "a").heartbeat_of(1, "a").breaks("the id is that of");
    }

    #[test]
    fn what_a_consumer_sent_on_its_former_connections_may_be_handled_in_any_order() {
        let mut story = story();
        for conn in [1, 2, 1, 2, 1, 2, 1, 2] {
            story.heartbeat_of_on(0, "a", conn);
        }
        story.holds();
    }

    #[test]
    fn who_is_no_member_acts_under_no_id() {
        let mut story = story();
        story.heartbeat_of(0, "a").removed("a", Removal::Left).heartbeat_of(1, "a").holds();
    }

    #[test]
    fn two_clients_under_one_id_break() {
        let mut story = heard_on(&[1]);
        story.heartbeat_from_outside("a", "", 2).heartbeat_from_outside("a", "c", 2).holds();
        story.heartbeat_from_outside("a", "d", 3).breaks("comes from client d, before from c");
    }

    #[test]
    fn a_client_may_change_its_connection_with_a_heartbeat_under_way() {
        heard_on(&[1, 2, 3, 4, 5]).holds();
        heard_on(&[1, 2, 1, 2, 2, 3, 2, 3, 4, 3, 4, 4]).holds();
    }

    #[test]
    fn two_connections_that_send_heartbeats_by_turns_break() {
        heard_on(&[1, 2, 1, 2, 1, 2]).holds();
        heard_on(&[1, 2, 1, 2, 1, 2, 1]).breaks("two connections of client c");
        heard_on(&[1, 1, 2, 1, 1, 3, 2, 3, 1, 2, 3, 1, 2]).breaks("two connections of client c");
    }
}
