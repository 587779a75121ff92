//! A member that shows signs of life stays; one that does not is removed: failure detection, seen
//! from the coordinator's side.
//!
//! Scope: one incarnation of a group, on the clock of its broker. A sign of life is: the completion
//! of a join phase that includes the member (also of a static one that is away); an accepted
//! Heartbeat or OffsetCommit (with a generation), at the time when the broker began to handle it;
//! for a parked SyncGroup that succeeds, the moment the group became Stable; the load of the group
//! from the log; for a static member that came back, the moment it replaced its old id. The session
//! is the session timeout of the member's JoinGroup, or the one that was loaded from the log.
//! - A member joins with the session timeout that it requested.
//! - A member of a generation is removed as expired no sooner than its session after its last sign
//!   of life, and not at all while its JoinGroup or SyncGroup is parked. (A response that reveals
//!   the sign of life, or the parked request, may become visible only after the removal.)
//! - A new member, which no generation includes yet, is removed as expired no sooner than five
//!   minutes after it was added, or a session after a heartbeat of its own.
//! - Neither stays more than a second longer than that, unless shielded by a parked request. A
//!   broker that was paused has a second from when it resumes.
//!
//! | rule | violated when |
//! |---|---|
//! | `session-timeout` | a member has another session timeout than it requested |
//! | `expired` | a member is removed as expired before its session has ended |
//! | `expired-alive` | as above, by a sign of life that becomes visible only after the removal |
//! | `parked` | a member is removed as expired though a request of it is parked |
//! | `stays` | a member is not removed after its session has ended |
//!
//! Not said: anything about removals for other reasons; anything about members whose incarnation
//! has ended with its broker's term: the next broker starts each session anew. Uncertainty counts
//! in favour of the coordinator: only confirmed signs of life make a removal too early, and every
//! request that may have been one excuses a late removal.

mod group_sessions;
mod member_session;

use crate::protocol::Api;
use crate::trace::{Event, Place};

use crate::invariant::interest::{Interest, OCCASIONS};
use crate::invariant::{Breach, Invariant};
use crate::model::{Model, number};
use group_sessions::GroupSessions;

/// The sessions at each broker, by its number.
#[derive(Default)]
pub(in crate::invariant) struct Session {
    brokers: Vec<GroupSessions>,
}

impl Invariant for Session {
    fn name(&self) -> &'static str {
        "session"
    }

    fn statement(&self) -> &'static str {
        "a member expires after a session without a sign of life, and no later than a second after"
    }

    fn reads(&self) -> Interest {
        const LIVELY: &[Api] = &[Api::JoinGroup, Api::SyncGroup, Api::Heartbeat, Api::OffsetCommit];
        Interest::COORDINATOR
            .and(Interest::FAULTS)
            .and(Interest::TERMS)
            .and(OCCASIONS)
            .responses(LIVELY)
    }

    fn check(&mut self, model: &Model, event: &Event) -> Result<(), Breach> {
        let Place::Broker(broker) = event.place else { return Ok(()) };
        if self.brokers.len() <= number(broker) {
            self.brokers.resize_with(number(broker) + 1, GroupSessions::default);
        }
        self.brokers[number(broker)].check(model, event)
    }
}

#[cfg(test)]
mod tests;
