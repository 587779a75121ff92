//! What a consumer asks and is told, in the few words in which its conduct is judged.

use crate::protocol::{Request, Response, ResponseError, StrBytes};
use crate::trace::{ConnectionId, ConsumerRef, Event, Kind, Message, Place};

/// A request that a consumer sends, or the answer to one that it receives.
pub(super) struct Act<'e> {
    pub(super) consumer: ConsumerRef,
    pub(super) conn: ConnectionId,
    /// Which of the consumer's requests it is, or answers; they are numbered upwards.
    pub(super) correlation: i32,
    pub(super) request: &'e Request,
    pub(super) answer: Option<Answer<'e>>,
}

/// What a consumer is told.
#[derive(Clone, Copy)]
pub(super) struct Answer<'e> {
    pub(super) response: &'e Response,
    /// The first error in it, 0 for none.
    pub(super) error: i16,
}

impl Answer<'_> {
    pub(super) fn is(&self, errors: &[ResponseError]) -> bool {
        errors.iter().any(|error| error.code() == self.error)
    }
}

/// What is kept of each consumer's present life. Asked with most events, so it is a list and not a map.
pub(super) struct Lives<T>(Vec<Option<(ConsumerRef, T)>>);

impl<T> Default for Lives<T> {
    fn default() -> Self {
        Lives(Vec::new())
    }
}

impl<T> Lives<T> {
    /// A life begins; what was kept of the one before is gone.
    pub(super) fn begin(&mut self, consumer: ConsumerRef, life: T) {
        let index = usize::from(consumer.index);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some((consumer, life));
    }

    /// It is over.
    pub(super) fn end(&mut self, consumer: ConsumerRef) {
        if self.of(consumer).is_some() {
            self.0[usize::from(consumer.index)] = None;
        }
    }

    /// What is kept of it, unless it is over.
    pub(super) fn of(&mut self, consumer: ConsumerRef) -> Option<&mut T> {
        let (now, life) = self.0.get_mut(usize::from(consumer.index))?.as_mut()?;
        (*now == consumer).then_some(life)
    }
}

/// What the event is to its consumer, if it is that.
pub(super) fn act(event: &Event) -> Option<Act<'_>> {
    let Place::Consumer(consumer) = event.place else { return None };
    match &event.kind {
        Kind::Sent { conn, message: Message::Request(request), .. } => {
            let correlation = request.correlation;
            Some(Act { consumer, conn: *conn, correlation, request: &request.body, answer: None })
        }
        Kind::Received { conn, message: Message::Response { request, response }, .. } => {
            let response = &response.body;
            let answer = Some(Answer { response, error: error_of(response) });
            let correlation = request.correlation;
            Some(Act { consumer, conn: *conn, correlation, request: &request.body, answer })
        }
        _ => None,
    }
}

/// The member and generation that a request speaks for; none of one without a generation.
pub(super) fn spoken_for(request: &Request) -> Option<(&StrBytes, i32)> {
    let (member, generation) = match request {
        Request::Heartbeat(body) => (&body.member_id, body.generation_id),
        Request::SyncGroup(body) => (&body.member_id, body.generation_id),
        Request::OffsetCommit(body) => (&body.member_id, body.generation_id_or_member_epoch),
        _ => return None,
    };
    (generation >= 0).then_some((member, generation))
}

fn error_of(response: &Response) -> i16 {
    let first = |mut codes: Box<dyn Iterator<Item = i16> + '_>| codes.find(|&code| code != 0);
    match response {
        Response::JoinGroup(body) => body.error_code,
        Response::SyncGroup(body) => body.error_code,
        Response::Heartbeat(body) => body.error_code,
        Response::OffsetCommit(body) => {
            let partitions = body.topics.iter().flat_map(|topic| &topic.partitions);
            first(Box::new(partitions.map(|one| one.error_code))).unwrap_or(0)
        }
        Response::OffsetFetch(body) => {
            let old = body.topics.iter().flat_map(|topic| &topic.partitions);
            let groups = body.groups.iter();
            let new = groups.clone().flat_map(|group| &group.topics);
            let new = new.flat_map(|topic| &topic.partitions).map(|one| one.error_code);
            let whole = std::iter::once(body.error_code).chain(groups.map(|one| one.error_code));
            first(Box::new(whole.chain(old.map(|one| one.error_code)).chain(new))).unwrap_or(0)
        }
        Response::FindCoordinator(body) => {
            let keys = body.coordinators.iter().map(|one| one.error_code);
            first(Box::new(std::iter::once(body.error_code).chain(keys))).unwrap_or(0)
        }
        _ => 0,
    }
}
