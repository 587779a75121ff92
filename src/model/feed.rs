//! Passes each event to those parts of the model whose state it changes.
//!
//! Most events are messages that no part learns from, such as fetches; they cost one look at their
//! kind.

use std::sync::Arc;

use crate::client::ClientObservation;
use crate::coordinator::{ClassicObservation, CoordinatorConfig, Observation};
use crate::protocol::{Request, RequestFrame, Response};
use crate::trace::{ConnectionId, ConsumerRef, Event, EventKind, FaultKind, Message, Place};

use super::Model;
use super::exchange::exchange;
use super::present::Present;
use super::requests::{self, Key, MemberStanding, RequestContext};
use super::terms::Terms;

impl Model {
    /// Processes the next event of the trace.
    #[inline]
    pub fn feed(&mut self, event: &Event) {
        self.present = Present::default();
        match &event.kind {
            EventKind::Sent { conn, message: Message::Response { request, response }, .. } => {
                self.send(event.place, (*conn, request.correlation), request, &response.body);
            }
            EventKind::Received { from, conn, message: Message::Request(request) } => {
                self.receive(event, *from, *conn, request);
            }
            EventKind::Sent { message: Message::Request(request), .. } => {
                if requests::subject(&request.body).is_some() {
                    self.exchange(event);
                }
            }
            EventKind::Received { message: Message::Response { request, .. }, .. } => {
                if tells_of_membership(&request.body) {
                    self.exchange(event);
                }
            }
            EventKind::Lost { .. } => {}
            _ => self.feed_other(event),
        }
    }

    fn exchange(&mut self, event: &Event) {
        if let (Place::Consumer(who), Some(exchange)) = (event.place, exchange(event)) {
            self.clients.exchanged(who, &exchange);
        }
    }

    /// Processes an event that is not about a message.
    fn feed_other(&mut self, event: &Event) {
        match (&event.kind, event.place) {
            (EventKind::Coordinator(observation), at) => self.observe(at, observation),
            (EventKind::Consumer(observation), Place::Consumer(who)) => {
                self.observe_client(who, observation);
            }
            (EventKind::ConsumerStarted { name, config }, Place::Consumer(who)) => {
                let partition = self.terms.partition_of(&config.group);
                self.clients.started(who, (name, config), partition);
                self.progress.subscribe(&config.group, &config.topics);
                self.topics.consumer_started();
                self.changes += 1;
            }
            (EventKind::ConsumerClosed, Place::Consumer(who)) => {
                self.clients.ended(who);
                self.changes += 1;
            }
            (EventKind::FaultBegan { fault, .. }, at) => {
                if *fault == FaultKind::Crash {
                    self.crash(at);
                }
                self.changes += 1;
            }
            (EventKind::FaultEnded { .. } | EventKind::Script { .. }, _) => self.changes += 1,
            (EventKind::Appended { partition, first, next }, _) => {
                self.progress.appended(partition, next - first);
            }
            (EventKind::TopicCreated { topic, partitions }, _) => {
                self.topics.created(topic, *partitions);
            }
            (EventKind::TopicGrown { topic, .. }, _) => self.topics.grown(topic),
            (EventKind::TopicDeleted { topic }, _) => {
                self.topics.deleted(topic);
                self.progress.deleted(topic);
            }
            (EventKind::CoordinatorStarted { config, offsets_partitions }, _) => {
                self.start(config, *offsets_partitions);
            }
            (EventKind::LeaderElected { term, leader, .. }, _) => {
                self.terms.elected(*term, *leader);
                self.changes += 1;
            }
            (EventKind::TermChanged { term, state }, Place::Broker(broker)) => {
                self.terms.moved(broker, *term, *state);
                self.groups.term_changed(broker, *term, *state);
                self.changes += 1;
            }
            (EventKind::Uncommitted { term, records }, Place::Broker(broker)) => {
                self.terms.uncommitted(broker, *term, *records);
                self.groups.uncommitted(broker, *term, *records);
            }
            _ => {}
        }
    }

    /// A coordinator starts: it knows no earlier requests, and will report the groups that it
    /// knows.
    fn start(&mut self, config: &CoordinatorConfig, partitions: i32) {
        self.config = config.clone();
        self.requests.clear();
        self.terms = Terms::new(partitions);
        self.groups.end_all();
    }

    /// A process crashes. A broker will not respond to the requests that it was handling.
    fn crash(&mut self, place: Place) {
        match place {
            Place::Broker(broker) => {
                self.terms.crashed(broker);
                self.groups.crashed(broker);
                let groups = &self.groups;
                self.requests.retain(|_, ctx| groups.get(ctx.group).coordinator.broker != broker);
            }
            Place::Consumer(who) => self.clients.ended(who),
            _ => {}
        }
    }

    fn receive(
        &mut self,
        event: &Event,
        from: Place,
        conn: ConnectionId,
        request: &Arc<RequestFrame>,
    ) {
        let Some((id, member)) = requests::subject(&request.body) else { return };
        let Some(index) = self.groups.find_or_begin(&self.terms, event.place, id) else { return };
        let is_current_leader = self.is_current_leader(index);
        let group = self.groups.get_mut(index);
        let ctx = RequestContext {
            key: (conn, request.correlation),
            group: index,
            from,
            local: event.local,
            term: group.coordinator.state,
            is_current_leader,
            state: group.state,
            generation: group.generation,
            standing: member
                .map_or(MemberStanding::Unknown, |member| MemberStanding::of(group, member)),
            known: requests::known(group, &request.body),
            next_generation: None,
        };
        let submits = group.receive(&ctx, &request.body);
        self.requests.insert(ctx.key, ctx);
        self.present = Present::Request { context: ctx, submits };
    }

    fn send(&mut self, at: Place, key: Key, request: &RequestFrame, response: &Response) {
        let Some(context) = self.requests.swap_remove(&key) else { return };
        let assigned = self.groups.get_mut(context.group).respond(&request.body, response);
        if let (Request::OffsetCommit(body), Response::OffsetCommit(response)) =
            (&request.body, response)
        {
            // A group that was removed since the request is back if that could not be stored.
            let index = self.groups.at(at, &body.group_id).unwrap_or(context.group);
            self.groups.get_mut(index).acknowledge(body, response);
        }
        self.present = Present::Response { context, assigned };
    }

    fn observe(&mut self, place: Place, observation: &Observation) {
        let id = observation.group();
        let Some(index) = self.groups.find_or_begin(&self.terms, place, id) else { return };
        self.groups.get_mut(index).observe(observation);
        if let Observation::Classic(ClassicObservation::GenerationBegan { generation, .. }) =
            observation
        {
            for ctx in self.requests.values_mut().filter(|ctx| ctx.group == index) {
                ctx.next_generation.get_or_insert(*generation);
            }
        }
        self.groups.reported(index);
        let coordinator = &self.groups.get(index).coordinator;
        self.changes += u64::from(self.terms.is_at_newest(coordinator));
        self.present = Present::Observed(index);
    }

    fn observe_client(&mut self, who: ConsumerRef, observation: &ClientObservation) {
        let changed = self.clients.observe(who, observation);
        self.changes += u64::from(changed);
        if let ClientObservation::Processed { partition, first, next } = observation
            && let Some(group) = self.clients.group_of(who)
        {
            self.progress.processed(group, partition, (*first, *next));
        }
    }
}

/// Whether the response to the request may change what a client believes about its membership.
fn tells_of_membership(request: &Request) -> bool {
    matches!(
        request,
        Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::OffsetCommit(_)
            | Request::FindCoordinator(_)
    )
}
