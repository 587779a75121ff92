//! One member of a group.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::protocol::{MemberId, StrBytes};
use crate::time::from_millis_i32;

use super::api::{Call, RequestId};
use super::record::MemberMetadata;

/// A request that waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parked {
    pub(super) request: RequestId,
    pub(super) version: i16,
}

impl From<&Call<'_>> for Parked {
    fn from(call: &Call<'_>) -> Self {
        Parked { request: call.id, version: call.version }
    }
}

/// What a member says about itself in each JoinGroup.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// How long it may be silent.
    pub(super) session: Duration,
    /// How long it may take to rejoin.
    pub(super) rebalance: Duration,
    /// The assignors it can work with, most wanted first, each with its metadata for it.
    pub(super) protocols: Vec<Protocol>,
}

/// One assignor a member can work with.
#[derive(Clone, Debug)]
pub(super) struct Protocol {
    pub(super) name: StrBytes,
    pub(super) metadata: Bytes,
}

impl Terms {
    /// The terms of a JoinGroup. Version 0 has no rebalance timeout; the session timeout stands in for it
    /// (R6.1.16, KIP-62).
    pub(super) fn of(request: &JoinGroupRequest, version: i16) -> Terms {
        let session = from_millis_i32(request.session_timeout_ms);
        let rebalance = match version {
            0 => session,
            _ => from_millis_i32(request.rebalance_timeout_ms),
        };
        let protocol = |p: &JoinGroupRequestProtocol| Protocol {
            name: p.name.clone(),
            metadata: p.metadata.clone(),
        };
        Terms { session, rebalance, protocols: request.protocols.iter().map(protocol).collect() }
    }
}

/// One member of a group. What is counted over all members changes through
/// [`super::members::Members`] only.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    /// The static member's own name for itself (KIP-345).
    pub(super) instance_id: Option<StrBytes>,
    pub(super) client_id: StrBytes,
    pub(super) client_host: StrBytes,
    pub(super) terms: Terms,
    /// What the leader assigned to it; empty while nothing is.
    pub(super) assignment: Bytes,
    /// It has not been through a join phase yet, so that its parked JoinGroup does not shield it (R5.2).
    pub(super) is_new: bool,
    pub(super) join: Option<Parked>,
    pub(super) sync: Option<Parked>,
    /// Its SyncGroup of this generation has not come yet.
    pub(super) sync_awaited: bool,
}

impl Member {
    /// A member on its way into the group.
    pub(super) fn new(
        id: MemberId,
        instance_id: Option<StrBytes>,
        (client_id, client_host): (StrBytes, StrBytes),
        terms: Terms,
    ) -> Member {
        Member {
            id,
            instance_id,
            client_id,
            client_host,
            terms,
            assignment: Bytes::new(),
            is_new: true,
            join: None,
            sync: None,
            sync_awaited: false,
        }
    }

    /// A member as the log has it: it knows the one assignor that was chosen, and is not new any more.
    pub(super) fn restored(stored: &MemberMetadata, protocol: &StrBytes) -> Member {
        let terms = Terms {
            session: stored.session_timeout,
            rebalance: stored.rebalance_timeout,
            protocols: vec![Protocol {
                name: protocol.clone(),
                metadata: stored.subscription.clone(),
            }],
        };
        let (id, client) =
            (stored.id.clone(), (stored.client_id.clone(), stored.client_host.clone()));
        Member {
            assignment: stored.assignment.clone(),
            is_new: false,
            ..Member::new(id, stored.instance_id.clone(), client, terms)
        }
    }

    /// Whether a JoinGroup offers what this member offers already: the same names and metadata in the
    /// same order.
    pub(super) fn offers_the_same(&self, offered: &[JoinGroupRequestProtocol]) -> bool {
        let own = self.terms.protocols.iter().map(|p| (&p.name, &p.metadata));
        own.eq(offered.iter().map(|p| (&p.name, &p.metadata)))
    }

    /// Its metadata for an assignor; empty for one it does not know.
    pub(super) fn metadata(&self, protocol: &StrBytes) -> Bytes {
        let known = self.terms.protocols.iter().find(|p| p.name == *protocol);
        known.map(|p| p.metadata.clone()).unwrap_or_default()
    }

    /// Whether its session may run out without harm, because an answer of ours is what it waits for
    /// (R5.1).
    pub(super) fn is_shielded(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}
