//! A consumer's connections: one for each purpose, opened by the first request on it.
//!
//! Responses arrive in the order of the requests. A request that gets no response in time closes
//! its whole connection, as in the Java client: no request behind it could get a response either.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{BrokerId, Request, RequestFrame, StrBytes};
use crate::rng::Rng;
use crate::time::Time;

use super::commit::Commit;
use super::membership::Identity;
use super::reconnect::Reconnects;
use super::versions::version_of;
use super::{ClientOutput, Conn, ConsumerConfig, Purpose};

/// The purpose of a request in flight, with the client state that its response must be compared
/// with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Metadata,
    FindCoordinator,
    Join(Identity),
    Sync(Identity),
    Heartbeat(Identity),
    Leave,
    Commit(Commit),
    OffsetFetch(u32),
    ListOffsets(u32),
    Fetch(u32),
}

impl Sent {
    /// The connection that the request is sent on.
    pub(super) fn purpose(&self) -> Purpose {
        match self {
            Sent::Metadata | Sent::FindCoordinator => Purpose::Bootstrap,
            Sent::Join(_)
            | Sent::Sync(_)
            | Sent::Heartbeat(_)
            | Sent::Leave
            | Sent::Commit(_)
            | Sent::OffsetFetch(_) => Purpose::Coordinator,
            Sent::ListOffsets(_) | Sent::Fetch(_) => Purpose::Data,
        }
    }

    /// Whether the client never sends this request while `other` is in flight. A member that joins
    /// or syncs does nothing else as a member; of most requests one is in flight at a time.
    pub(super) fn excludes(&self, other: &Sent) -> bool {
        matches!(
            (self, other),
            (Sent::Join(_) | Sent::Sync(_) | Sent::Commit(_), Sent::Join(_) | Sent::Sync(_))
                | (Sent::Heartbeat(_), Sent::Heartbeat(_) | Sent::Join(_))
                | (Sent::Metadata, Sent::Metadata)
                | (Sent::FindCoordinator, Sent::FindCoordinator)
                | (Sent::OffsetFetch(_), Sent::OffsetFetch(_))
                | (Sent::ListOffsets(_), Sent::ListOffsets(_))
                | (Sent::Fetch(_), Sent::Fetch(_))
        )
    }
}

struct InFlight {
    correlation: i32,
    deadline: Time,
    at: Time,
    api: &'static str,
    sent: Sent,
}

/// A request, where to send it, under which client id, and its timeout.
pub(super) struct Outgoing {
    pub(super) broker: BrokerId,
    pub(super) client_id: StrBytes,
    pub(super) timeout: Duration,
    pub(super) sent: Sent,
    pub(super) body: Request,
}

#[derive(Default)]
struct Link {
    /// The number of the open connection and the broker at its other end; `None` while closed.
    open: Option<(u32, BrokerId)>,
    in_flight: VecDeque<InFlight>,
}

pub(super) struct Links {
    bootstrap: Link,
    coordinator: Link,
    data: Link,
    reconnects: Reconnects,
    next_conn: u32,
    next_correlation: i32,
    join_version: i16,
}

impl Links {
    pub(super) fn new(join_version: i16) -> Self {
        Links {
            bootstrap: Link::default(),
            coordinator: Link::default(),
            data: Link::default(),
            reconnects: Reconnects::default(),
            next_conn: 0,
            next_correlation: 0,
            join_version,
        }
    }

    /// Sends a request and opens a connection if there is none. If the open connection leads to
    /// another broker it is closed first, unless requests are in flight on it: then the request
    /// goes to that broker.
    pub(super) fn send(&mut self, now: Time, outgoing: Outgoing, out: &mut Vec<ClientOutput>) {
        let Outgoing { broker, client_id, timeout, sent, body } = outgoing;
        let purpose = sent.purpose();
        self.close_if_elsewhere(purpose, broker, out);
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1);
        let (next_conn, version) = (self.next_conn, version_of(body.api(), self.join_version));
        let link = self.link(purpose);
        let (number, broker) = *link.open.get_or_insert((next_conn, broker));
        let (api, deadline) = (body.api().name(), now + timeout);
        link.in_flight.push_back(InFlight { correlation, deadline, at: now, api, sent });
        if number == next_conn {
            self.next_conn += 1;
        }
        let frame = Arc::new(RequestFrame { correlation, version, client_id, body });
        out.push(ClientOutput::Send { conn: Conn { purpose, number, broker }, frame });
    }

    fn close_if_elsewhere(
        &mut self,
        purpose: Purpose,
        broker: BrokerId,
        out: &mut Vec<ClientOutput>,
    ) {
        let link = self.link(purpose);
        let elsewhere = link.open.is_some_and(|(_, open)| open != broker);
        if elsewhere && link.in_flight.is_empty() {
            out.extend(self.close(purpose).map(|(conn, _)| ClientOutput::Close { conn }));
        }
    }

    /// The broker at the other end of the connection for that purpose, if it is open.
    pub(super) fn open_to(&self, purpose: Purpose) -> Option<BrokerId> {
        self.get(purpose).open.map(|(_, broker)| broker)
    }

    /// Whether a connection is open.
    pub(super) fn any_open(&self) -> bool {
        self.all().iter().any(|link| link.open.is_some())
    }

    /// The earliest time to send a request: at once if a connection is open, otherwise when the
    /// backoff for that broker is over.
    pub(super) fn connects_at(&self, purpose: Purpose, broker: BrokerId) -> Time {
        match self.is_usable(purpose, broker) {
            true => Time::ZERO,
            false => self.reconnects.until((purpose, broker)),
        }
    }

    /// Handles the loss of a connection: the backoff before it is opened again begins.
    pub(super) fn lost(
        &mut self,
        now: Time,
        link: (Purpose, BrokerId),
        config: &ConsumerConfig,
        rng: &mut Rng,
    ) {
        self.reconnects.lost(now, link, config, rng);
    }

    /// Whether a request to that broker would use a connection that is already open.
    fn is_usable(&self, purpose: Purpose, broker: BrokerId) -> bool {
        let link = self.get(purpose);
        link.open.is_some_and(|(_, open)| open == broker || !link.in_flight.is_empty())
    }

    /// Takes out the request that a response belongs to; `None` if its connection is no longer
    /// open.
    pub(super) fn take_in_flight(&mut self, conn: Conn, correlation: i32) -> Option<Sent> {
        let link = self.link(conn.purpose);
        if link.open != Some((conn.number, conn.broker)) {
            return None;
        }
        let position = link.in_flight.iter().position(|one| one.correlation == correlation)?;
        let taken = link.in_flight.remove(position).map(|one| one.sent);
        self.reconnects.on_response((conn.purpose, conn.broker));
        taken
    }

    /// Handles a disconnect by the other end. Returns the requests that were in flight, or `None`
    /// if this end had already closed the connection.
    pub(super) fn disconnected(&mut self, conn: Conn) -> Option<Vec<Sent>> {
        let link = self.link(conn.purpose);
        (link.open == Some((conn.number, conn.broker))).then(|| link.take())
    }

    /// Closes a connection from this end, if it is open. Returns it with the requests that were in
    /// flight.
    pub(super) fn close(&mut self, purpose: Purpose) -> Option<(Conn, Vec<Sent>)> {
        let link = self.link(purpose);
        let (number, broker) = link.open?;
        let conn = Conn { purpose, number, broker };
        Some((conn, link.take()))
    }

    /// Closes one connection whose oldest request in flight has timed out.
    pub(super) fn close_expired(&mut self, now: Time) -> Option<(Conn, Vec<Sent>)> {
        let purpose = [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data]
            .into_iter()
            .find(|&purpose| self.link(purpose).next_deadline() <= now)?;
        self.close(purpose)
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.all().map(Link::next_deadline).into_iter().min().unwrap_or(Time::NEVER)
    }

    /// Whether a request that satisfies `is` is in flight on the connection for that purpose.
    pub(super) fn awaits(&self, purpose: Purpose, is: impl Fn(&Sent) -> bool) -> bool {
        self.get(purpose).in_flight.iter().any(|one| is(&one.sent))
    }

    /// Describes the oldest request in flight. Ignores Fetch: an idle consumer always has one in
    /// flight.
    pub(super) fn waiting_for(&self) -> Option<String> {
        self.all()
            .into_iter()
            .flat_map(|link| &link.in_flight)
            .filter(|one| !matches!(one.sent, Sent::Fetch(_)))
            .min_by_key(|one| one.at)
            .map(|one| format!("the {} response, since {}", one.api, one.at))
    }

    fn all(&self) -> [&Link; 3] {
        [&self.bootstrap, &self.coordinator, &self.data]
    }

    fn get(&self, purpose: Purpose) -> &Link {
        match purpose {
            Purpose::Bootstrap => &self.bootstrap,
            Purpose::Coordinator => &self.coordinator,
            Purpose::Data => &self.data,
        }
    }

    fn link(&mut self, purpose: Purpose) -> &mut Link {
        match purpose {
            Purpose::Bootstrap => &mut self.bootstrap,
            Purpose::Coordinator => &mut self.coordinator,
            Purpose::Data => &mut self.data,
        }
    }
}

impl Link {
    fn next_deadline(&self) -> Time {
        self.in_flight.iter().map(|one| one.deadline).min().unwrap_or(Time::NEVER)
    }

    fn take(&mut self) -> Vec<Sent> {
        self.open = None;
        self.in_flight.drain(..).map(|one| one.sent).collect()
    }
}
