//! A correct coordinator whose requests and responses pass through an interceptor.

use std::collections::{BTreeMap, BTreeSet};

use crate::coordinator::{
    Call, DeferredResponses, GroupCoordinator, Input, Output, Record, Release, RequestId,
};
use crate::protocol::{GroupId, Request, Response, str_bytes};
use crate::time::Time;

use crate::mutant::Factory;
use crate::mutant::passthrough::{Intercepted, Passthrough};

/// Whether the coordinator sends a response.
#[derive(PartialEq, Eq)]
pub enum ResponseFate {
    /// The response is sent.
    Sent,
    /// The response is dropped.
    Dropped,
}

/// The id of requests that no client has sent. Their responses are dropped.
const HIDDEN: RequestId = RequestId(u64::MAX);

/// Passes a request to the coordinator that no client has sent.
pub fn hidden(
    inner: &mut dyn GroupCoordinator,
    now: Time,
    version: i16,
    request: &Request,
    out: &mut Vec<Output>,
) {
    let (client_id, client_host) = (&str_bytes("mutant"), &str_bytes(""));
    let call = Call { id: HIDDEN, version, client_id, client_host, request };
    inner.handle(now, Input::Request(call), out);
}

/// Changes what a coordinator receives and puts out. The defaults change nothing.
pub trait ResponseInterceptor {
    /// Changes a request before the coordinator handles it.
    fn request(&mut self, _inner: &dyn GroupCoordinator, _request: &mut Request) {}

    /// Called before the coordinator handles a request.
    fn before(
        &mut self,
        _inner: &mut dyn GroupCoordinator,
        _now: Time,
        _request: &Request,
        _out: &mut Vec<Output>,
    ) {
    }

    /// Responds to a request instead of the coordinator.
    fn instead(&mut self, _inner: &dyn GroupCoordinator, _request: &Request) -> Option<Response> {
        None
    }

    /// Changes or drops a response; `request` is the client's request before any change.
    fn response(&mut self, _request: &Request, _response: &mut Response) -> ResponseFate {
        ResponseFate::Sent
    }

    /// Changes an output.
    fn output(&mut self, _output: &mut Output) {}

    /// Adds outputs.
    fn also(&mut self, _inner: &dyn GroupCoordinator, _now: Time, _out: &mut Vec<Output>) {}

    /// Changes or drops a record that is replayed.
    fn record(&mut self, record: &Record) -> Option<Record> {
        Some(record.clone())
    }

    /// Called before timers fire. When it returns false they do not.
    fn advance(
        &mut self,
        _inner: &mut dyn GroupCoordinator,
        _groups: &BTreeSet<GroupId>,
        _now: Time,
    ) -> bool {
        true
    }

    /// Whether timers are stopped.
    fn frozen(&self, _inner: &dyn GroupCoordinator, _groups: &BTreeSet<GroupId>) -> bool {
        false
    }
}

/// A coordinator with an interceptor.
pub struct InterceptedCoordinator<B> {
    inner: Box<dyn GroupCoordinator>,
    interceptor: B,
    requests: BTreeMap<RequestId, Request>,
    groups: BTreeSet<GroupId>,
    deferred: DeferredResponses,
}

impl<B: ResponseInterceptor + 'static> InterceptedCoordinator<B> {
    /// Wraps a correct coordinator.
    pub fn boxed(new: Factory, interceptor: B) -> Box<dyn GroupCoordinator> {
        let (requests, groups) = (BTreeMap::new(), BTreeSet::new());
        let inner = new();
        let deferred = DeferredResponses::default();
        Box::new(Intercepted(InterceptedCoordinator {
            inner,
            interceptor,
            requests,
            groups,
            deferred,
        }))
    }
}

impl<B> InterceptedCoordinator<B> {
    /// Keeps back a response until the outcome of its records is known, so that the interceptor
    /// sees it as the client will.
    fn when_known(&mut self, output: Output) -> Option<Output> {
        match output {
            Output::Respond { to, response, release: Release::WhenKnown(records) } => {
                self.deferred.until_known(records, to, response);
                None
            }
            Output::Outcome { of, error } => {
                let response = self.deferred.outcome(of, error)?;
                Some(Output::Respond { to: of.request, response, release: Release::Now })
            }
            other => Some(other),
        }
    }
}

impl<B: ResponseInterceptor + 'static> Passthrough for InterceptedCoordinator<B> {
    fn inner(&self) -> &dyn GroupCoordinator {
        &*self.inner
    }

    fn inner_mut(&mut self) -> &mut dyn GroupCoordinator {
        &mut *self.inner
    }

    fn pass(&mut self, now: Time, before: usize, out: &mut Vec<Output>) {
        for output in out.split_off(before) {
            let Some(mut output) = self.when_known(output) else { continue };
            if matches!(&output, Output::Respond { to, .. } if *to == HIDDEN) {
                continue;
            }
            if let Output::Respond { to, response, .. } = &mut output
                && let Some(request) = self.requests.remove(to)
                && self.interceptor.response(&request, response) == ResponseFate::Dropped
            {
                continue;
            }
            self.interceptor.output(&mut output);
            out.push(output);
        }
        self.interceptor.also(&*self.inner, now, out);
    }

    fn request(&mut self, now: Time, call: Call<'_>, out: &mut Vec<Output>) {
        if let Some(group) = group(call.request) {
            self.groups.insert(group.clone());
        }
        if let Some(response) = self.interceptor.instead(&*self.inner, call.request) {
            out.push(Output::Respond { to: call.id, response, release: Release::Now });
            return;
        }
        self.requests.insert(call.id, call.request.clone());
        self.interceptor.before(&mut *self.inner, now, call.request, out);
        let mut request = call.request.clone();
        self.interceptor.request(&*self.inner, &mut request);
        self.inner.handle(now, Input::Request(Call { request: &request, ..call }), out);
    }

    fn ticks(&mut self, now: Time) -> bool {
        self.interceptor.advance(&mut *self.inner, &self.groups, now)
    }

    fn next_deadline(&self) -> Option<Time> {
        match self.interceptor.frozen(&*self.inner, &self.groups) {
            true => None,
            false => self.inner.next_deadline(),
        }
    }

    fn replay(
        &mut self,
        now: Time,
        records: &[(u64, Record)],
        committed: bool,
        out: &mut Vec<Output>,
    ) {
        let replayed = records.iter().filter_map(|(position, record)| {
            self.interceptor.record(record).map(|record| (*position, record))
        });
        let records: Vec<(u64, Record)> = replayed.collect();
        self.inner.handle(now, Input::Replay { records: &records, committed }, out);
    }
}

/// The group in a JoinGroup, SyncGroup or Heartbeat.
fn group(request: &Request) -> Option<&GroupId> {
    match request {
        Request::JoinGroup(body) => Some(&body.group_id),
        Request::SyncGroup(body) => Some(&body.group_id),
        Request::Heartbeat(body) => Some(&body.group_id),
        _ => None,
    }
}
