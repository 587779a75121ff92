//! A consumer's connections: one for each purpose, opened by the first request on it.
//!
//! Responses come back in the order of the requests. A request that is not answered in time closes its
//! whole connection, as in the Java client: nothing behind it could be answered either.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::protocol::{Request, RequestFrame, StrBytes};
use crate::time::Time;

use super::commit::Commit;
use super::membership::Identity;
use super::versions::version_of;
use super::{Conn, Output, Purpose};

/// What a request in flight was for, and what of the client's state its answer must be judged by.
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

struct InFlight {
    correlation: i32,
    deadline: Time,
    at: Time,
    api: &'static str,
    sent: Sent,
}

#[derive(Default)]
struct Link {
    /// The number of the open connection; none while closed.
    open: Option<u32>,
    in_flight: VecDeque<InFlight>,
}

pub(super) struct Links {
    bootstrap: Link,
    coordinator: Link,
    data: Link,
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
            next_conn: 0,
            next_correlation: 0,
            join_version,
        }
    }

    /// Sends a request that must be answered within `timeout`.
    pub(super) fn send(
        &mut self,
        now: Time,
        (purpose, client_id, timeout): (Purpose, &StrBytes, Duration),
        sent: Sent,
        body: Request,
        out: &mut Vec<Output>,
    ) {
        let correlation = self.next_correlation;
        self.next_correlation = correlation.wrapping_add(1);
        let (next_conn, version) = (self.next_conn, version_of(body.api(), self.join_version));
        let link = self.link(purpose);
        let number = *link.open.get_or_insert(next_conn);
        let api = body.api().name();
        link.in_flight.push_back(InFlight {
            correlation,
            deadline: now + timeout,
            at: now,
            api,
            sent,
        });
        if number == next_conn {
            self.next_conn += 1;
        }
        let frame =
            Arc::new(RequestFrame { correlation, version, client_id: client_id.clone(), body });
        out.push(Output::Send { conn: Conn { purpose, number }, frame });
    }

    /// The request that a response answers; none for one on a connection that is no longer open.
    pub(super) fn answered(&mut self, conn: Conn, correlation: i32) -> Option<Sent> {
        let link = self.link(conn.purpose);
        if link.open != Some(conn.number) {
            return None;
        }
        let position = link.in_flight.iter().position(|one| one.correlation == correlation)?;
        link.in_flight.remove(position).map(|one| one.sent)
    }

    /// The other end is gone: what was in flight, unless the connection had been closed from here.
    pub(super) fn disconnected(&mut self, conn: Conn) -> Option<Vec<Sent>> {
        let link = self.link(conn.purpose);
        (link.open == Some(conn.number)).then(|| link.take())
    }

    /// Closes a connection from this end, if it is open: which, and what was in flight.
    pub(super) fn close(&mut self, purpose: Purpose) -> Option<(Conn, Vec<Sent>)> {
        let link = self.link(purpose);
        let conn = Conn { purpose, number: link.open? };
        Some((conn, link.take()))
    }

    /// Closes one connection whose oldest unanswered request has run out of time.
    pub(super) fn close_expired(&mut self, now: Time) -> Option<(Conn, Vec<Sent>)> {
        let purpose = [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data]
            .into_iter()
            .find(|&purpose| self.link(purpose).next_deadline() <= now)?;
        self.close(purpose)
    }

    pub(super) fn next_deadline(&self) -> Time {
        self.all().map(Link::next_deadline).into_iter().min().unwrap_or(Time::NEVER)
    }

    /// Whether a request for which `is` holds is in flight on the connection of that purpose.
    pub(super) fn awaits(&self, purpose: Purpose, is: impl Fn(&Sent) -> bool) -> bool {
        let link = match purpose {
            Purpose::Bootstrap => &self.bootstrap,
            Purpose::Coordinator => &self.coordinator,
            Purpose::Data => &self.data,
        };
        link.in_flight.iter().any(|one| is(&one.sent))
    }

    /// The oldest request in flight, in words. Fetch is left out: an idle consumer always has one.
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
