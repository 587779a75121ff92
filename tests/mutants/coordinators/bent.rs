//! A correct coordinator whose requests and answers pass through somebody's hands.

use std::collections::{BTreeMap, BTreeSet};

use groupsim::coordinator::{
    AppendId, Call, GroupCoordinator, GroupDescription, Output, Release, RequestId,
};
use groupsim::protocol::{GroupId, Request, Response, ResponseError, TopicName};
use groupsim::time::Time;

use crate::catalog::Factory;

/// What becomes of an answer.
#[derive(PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Sent,
    /// It is forgotten.
    Dropped,
}

/// The hands. Everything is let pass unless said otherwise.
pub trait Bend {
    /// Changes a request before the coordinator sees it.
    fn request(&mut self, _inner: &dyn GroupCoordinator, _request: &mut Request) {}

    /// Answers a request instead of the coordinator.
    fn instead(&mut self, _inner: &dyn GroupCoordinator, _request: &Request) -> Option<Response> {
        None
    }

    /// Changes or drops an answer; `request` is what was asked at first.
    fn response(&mut self, _request: &Request, _response: &mut Response) -> Fate {
        Fate::Sent
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
        Box::new(Bent { inner: new(), bend, asked, groups })
    }

    /// Passes on what the coordinator put out after the first `before`.
    fn pass(&mut self, before: usize, out: &mut Vec<Output>) {
        for mut output in out.split_off(before) {
            if let Output::Respond { to, response, .. } = &mut output {
                let Some(request) = self.asked.remove(to) else { continue };
                if self.bend.response(&request, response) == Fate::Dropped {
                    continue;
                }
            }
            out.push(output);
        }
    }
}

impl<B: Bend + 'static> GroupCoordinator for Bent<B> {
    fn handle(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        if let Some(group) = group(call.request) {
            self.groups.insert(group.clone());
        }
        if let Some(response) = self.bend.instead(&*self.inner, call.request) {
            out.push(Output::Respond { to: call.id, response, release: Release::Now });
            return;
        }
        self.asked.insert(call.id, call.request.clone());
        let mut request = call.request.clone();
        self.bend.request(&*self.inner, &mut request);
        let before = out.len();
        self.inner.handle(now, Call { request: &request, ..call }, out);
        self.pass(before, out);
    }

    fn advance(&mut self, now: Time, out: &mut Vec<Output>) {
        if self.bend.advance(&mut *self.inner, &self.groups, now) {
            let before = out.len();
            self.inner.advance(now, out);
            self.pass(before, out);
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        match self.bend.frozen(&*self.inner, &self.groups) {
            true => None,
            false => self.inner.next_deadline(),
        }
    }

    fn committed(&mut self, now: Time, append: AppendId, out: &mut Vec<Output>) {
        let before = out.len();
        self.inner.committed(now, append, out);
        self.pass(before, out);
    }

    fn append_failed(
        &mut self,
        now: Time,
        append: AppendId,
        error: ResponseError,
        out: &mut Vec<Output>,
    ) {
        let before = out.len();
        self.inner.append_failed(now, append, error, out);
        self.pass(before, out);
    }

    fn deadlines(&self, visit: &mut dyn FnMut(Time)) {
        self.inner.deadlines(visit);
    }

    fn describe(&self, group: &GroupId) -> Option<GroupDescription> {
        self.inner.describe(group)
    }

    fn topic_changed(&mut self, now: Time, topic: &TopicName, out: &mut Vec<Output>) {
        let before = out.len();
        self.inner.topic_changed(now, topic, out);
        self.pass(before, out);
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
