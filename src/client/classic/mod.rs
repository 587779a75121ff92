//! The classic group protocol on the client's side: JoinGroup, SyncGroup, Heartbeat, LeaveGroup,
//! and the assignment that the leader computes for all members.
//!
//! | file | what it does |
//! |---|---|
//! | `join` | when a member joins; JoinGroup, and what each error does to the membership |
//! | `sync` | SyncGroup, likewise |
//! | `offer` | the subscriptions in JoinGroup, and the state that sticky assignors keep |
//! | `leader` | the leader's part: computing the assignment, and detecting that it is out of date |
//! | `heartbeat` | Heartbeat, and the session as the client sees it |
//! | `leave` | LeaveGroup |
//!
//! Read next: [`super::threads`], which decides when each is sent.

mod heartbeat;
mod join;
mod leader;
mod leave;
mod offer;
mod sync;

pub(super) use heartbeat::Heartbeats;
pub(super) use leave::leave;

use bytes::Bytes;

use crate::assignor::Assignor;
use crate::protocol::{CONSUMER_PROTOCOL_TYPE, Generation, StrBytes, TopicPartition};

use super::context::Context;
use super::membership::Identity;
use super::metadata::Metadata;

use leader::SubscribedTopics;
use offer::Memories;

/// What a member keeps for the classic protocol.
#[derive(Default)]
pub(super) struct Classic {
    /// The protocol that the coordinator chose: the name of an assignor.
    protocol: Option<StrBytes>,
    /// The topics from which this member computed the assignment, if it led the last generation it
    /// joined.
    subscribed_topics: Option<SubscribedTopics>,
    memories: Memories,
    pending: Option<PendingAssignment>,
    pub(super) heartbeats: Heartbeats,
}

/// An assignment that has arrived and that the application has not applied yet.
pub(super) struct PendingAssignment {
    pub(super) sent_as: Identity,
    pub(super) assignment: Bytes,
}

impl Classic {
    /// Takes out the assignment that has arrived, if there is one.
    pub(super) fn take_assignment(&mut self) -> Option<PendingAssignment> {
        self.pending.take()
    }

    /// Whether an assignment waits for the application.
    pub(super) fn has_assignment(&self) -> bool {
        self.pending.is_some()
    }

    /// `onAssignment`: passes the assignment to the chosen assignor.
    pub(super) fn remember_assignment(
        &mut self,
        partitions: &[TopicPartition],
        generation: Generation,
    ) {
        let chosen = self.protocol.as_ref().and_then(|name| Assignor::from_name(name.as_str()));
        if let Some(assignor) = chosen {
            self.memories.remember(assignor, partitions, generation);
        }
    }

    /// Whether this member led the last generation it joined, and the topics differ from those it
    /// computed the assignment from.
    pub(super) fn topics_changed(&mut self, cx: &Context, metadata: &Metadata) -> bool {
        self.subscribed_topics.as_mut().is_some_and(|topics| topics.changed(cx, metadata))
    }
}

/// Whether a response names a protocol type other than the consumers' (rule R13.1.7).
fn is_foreign(protocol_type: Option<&StrBytes>) -> bool {
    protocol_type.is_some_and(|name| name.as_str() != CONSUMER_PROTOCOL_TYPE)
}
