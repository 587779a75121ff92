//! A correct coordinator whose requests and answers pass through somebody's hands.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{Call, GroupCoordinator, Output, Record, Release, RequestId};
use crate::protocol::{GroupId, Request, Response, str_bytes};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::around::{Around, Wrapped};

/// What becomes of an answer.
#[derive(PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Sent,
    /// It is forgotten.
    Dropped,
}

/// The name of requests that nobody has sent. Their answers are kept back.
const HIDDEN: RequestId = RequestId(u64::MAX);

/// Asks the coordinator what nobody has asked.
pub fn hidden(
    inner: &mut dyn GroupCoordinator,
    now: Time,
    version: i16,
    request: &Request,
    out: &mut Vec<Output>,
) {
    let (client_id, client_host) = (&str_bytes("mutant"), &str_bytes(""));
    inner.handle(now, Call { id: HIDDEN, version, client_id, client_host, request }, out);
}

/// The hands. Everything is let pass unless said otherwise.
pub trait Bend {
    /// Changes a request before the coordinator sees it.
    fn request(&mut self, _inner: &dyn GroupCoordinator, _request: &mut Request) {}

    /// Happens before the coordinator sees a request.
    fn before(
        &mut self,
        _inner: &mut dyn GroupCoordinator,
        _now: Time,
        _request: &Request,
        _out: &mut Vec<Output>,
    ) {
    }

    /// Answers a request instead of the coordinator.
    fn instead(&mut self, _inner: &dyn GroupCoordinator, _request: &Request) -> Option<Response> {
        None
    }

    /// Changes or drops an answer; `request` is what was asked at first.
    fn response(&mut self, _request: &Request, _response: &mut Response) -> Fate {
        Fate::Sent
    }

    /// Changes anything that is put out.
    fn output(&mut self, _output: &mut Output) {}

    /// Adds to what is put out.
    fn also(&mut self, _inner: &dyn GroupCoordinator, _now: Time, _out: &mut Vec<Output>) {}

    /// Changes or withholds a record that is replayed.
    fn record(&mut self, record: &Record) -> Option<Record> {
        Some(record.clone())
    }

    /// Happens before timers fire. False: they do not.
    fn advance(
        &mut self,
        _inner: &mut dyn GroupCoordinator,
        _groups: &BTreeSet<GroupId>,
        _now: Time,
    ) -> bool {
        true
    }

    /// Whether timers stand still.
    fn frozen(&self, _inner: &dyn GroupCoordinator, _groups: &BTreeSet<GroupId>) -> bool {
        false
    }
}

/// A coordinator in somebody's hands.
pub struct Bent<B> {
    inner: Box<dyn GroupCoordinator>,
    bend: B,
    asked: BTreeMap<RequestId, Request>,
    groups: BTreeSet<GroupId>,
}

impl<B: Bend + 'static> Bent<B> {
    /// A correct coordinator, bent.
    pub fn boxed(new: Factory, bend: B) -> Box<dyn GroupCoordinator> {
        let (asked, groups) = (BTreeMap::new(), BTreeSet::new());
        Box::new(Wrapped(Bent { inner: new(), bend, asked, groups }))
    }
}

impl<B: Bend + 'static> Around for Bent<B> {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.inner
    }

    fn pass(&mut self, now: Time, before: usize, out: &mut Vec<Output>) {
        for mut output in out.split_off(before) {
            if matches!(&output, Output::Respond { to, .. } if *to == HIDDEN) {
                continue;
            }
            if let Output::Respond { to, response, .. } = &mut output
                && let Some(request) = self.asked.remove(to)
                && self.bend.response(&request, response) == Fate::Dropped
            {
                continue;
            }
            self.bend.output(&mut output);
            out.push(output);
        }
        self.bend.also(&*self.inner, now, out);
    }

    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        if let Some(group) = group(call.request) {
            self.groups.insert(group.clone());
        }
        if let Some(response) = self.bend.instead(&*self.inner, call.request) {
            out.push(Output::Respond { to: call.id, response, release: Release::Now });
            return;
        }
        self.asked.insert(call.id, call.request.clone());
        self.bend.before(&mut *self.inner, now, call.request, out);
        let mut request = call.request.clone();
        self.bend.request(&*self.inner, &mut request);
        self.inner.handle(now, Call { request: &request, ..call }, out);
    }

    fn ticks(&mut self, now: Time) -> bool {
        self.bend.advance(&mut *self.inner, &self.groups, now)
    }

    fn next_deadline(&self) -> Option<Time> {
        match self.bend.frozen(&*self.inner, &self.groups) {
            true => None,
            false => self.inner.next_deadline(),
        }
    }

    fn replay(&mut self, now: Time, position: u64, record: &Record) {
        if let Some(record) = self.bend.record(record) {
            self.inner.replay(now, position, &record);
        }
    }

    fn replay_uncommitted(&mut self, now: Time, position: u64, record: &Record) {
        if let Some(record) = self.bend.record(record) {
            self.inner.replay_uncommitted(now, position, &record);
        }
    }
}

/// The group of the requests that name one outright.
fn group(request: &Request) -> Option<&GroupId> {
    match request {
        Request::JoinGroup(body) => Some(&body.group_id),
        Request::SyncGroup(body) => Some(&body.group_id),
        Request::Heartbeat(body) => Some(&body.group_id),
        _ => None,
    }
}
