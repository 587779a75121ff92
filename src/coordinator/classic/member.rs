//! One member of a group.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::JoinGroupRequest;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;

use crate::coordinator::api::{Call, RequestId};
use crate::coordinator::record::MemberMetadata;
use crate::protocol::{MemberId, StrBytes};
use crate::time::from_millis_i32;

/// A request that is held until its response is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) request: RequestId,
    pub(crate) version: i16,
}

impl From<&Call<'_>> for Parked {
    fn from(call: &Call<'_>) -> Self {
        Parked { request: call.id, version: call.version }
    }
}

/// The parameters that a member sends in each JoinGroup.
#[derive(Clone, Debug)]
pub(crate) struct JoinParams {
    /// The session timeout.
    pub(crate) session: Duration,
    /// The rebalance timeout.
    pub(crate) rebalance: Duration,
    /// The assignors it supports, in order of preference, each with the member's metadata for it.
    pub(crate) protocols: Vec<Protocol>,
}

/// One assignor that a member supports.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) name: StrBytes,
    pub(crate) metadata: Bytes,
}

impl JoinParams {
    /// The parameters of a JoinGroup. Version 0 has no rebalance timeout; the session timeout is
    /// used instead (R6.1.16, KIP-62).
    pub(crate) fn of(request: &JoinGroupRequest, version: i16) -> JoinParams {
        let session = from_millis_i32(request.session_timeout_ms);
        let rebalance = match version {
            0 => session,
            _ => from_millis_i32(request.rebalance_timeout_ms),
        };
        let protocol = |p: &JoinGroupRequestProtocol| Protocol {
            name: p.name.clone(),
            metadata: p.metadata.clone(),
        };
        JoinParams {
            session,
            rebalance,
            protocols: request.protocols.iter().map(protocol).collect(),
        }
    }
}

/// One member of a group. Fields that [`super::members::Members`] counts over all members change
/// only through it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: MemberId,
    /// The group instance id of a static member (KIP-345).
    pub(crate) instance_id: Option<StrBytes>,
    pub(crate) client_id: StrBytes,
    pub(crate) client_host: StrBytes,
    pub(super) params: JoinParams,
    /// Its current assignment from the leader; empty if there is none.
    pub(crate) assignment: Bytes,
    /// It has not completed a join phase yet, so its parked JoinGroup does not shield it (R5.2).
    pub(super) is_new: bool,
    pub(crate) join: Option<Parked>,
    pub(crate) sync: Option<Parked>,
    /// The coordinator still awaits its SyncGroup of this generation.
    pub(crate) sync_awaited: bool,
}

impl Member {
    /// A new member that has not completed a join phase.
    pub(crate) fn new(
        id: MemberId,
        instance_id: Option<StrBytes>,
        (client_id, client_host): (StrBytes, StrBytes),
        params: JoinParams,
    ) -> Member {
        Member {
            id,
            instance_id,
            client_id,
            client_host,
            params,
            assignment: Bytes::new(),
            is_new: true,
            join: None,
            sync: None,
            sync_awaited: false,
        }
    }

    /// A member from its record: it has only the assignor that the group had chosen, and is not
    /// new.
    pub(crate) fn restored(stored: &MemberMetadata, protocol: &StrBytes) -> Member {
        let params = JoinParams {
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
            ..Member::new(id, stored.instance_id.clone(), client, params)
        }
    }

    /// Whether a JoinGroup offers the same as this member's last one: the same names and metadata
    /// in the same order.
    pub(super) fn offers_the_same(&self, offered: &[JoinGroupRequestProtocol]) -> bool {
        let own = self.params.protocols.iter().map(|p| (&p.name, &p.metadata));
        own.eq(offered.iter().map(|p| (&p.name, &p.metadata)))
    }

    /// Its metadata for an assignor; empty for one that it does not support.
    pub(crate) fn metadata(&self, protocol: &StrBytes) -> Bytes {
        let known = self.params.protocols.iter().find(|p| p.name == *protocol);
        known.map(|p| p.metadata.clone()).unwrap_or_default()
    }

    /// Whether its session may expire without effect, because it waits for a response of the
    /// coordinator (R5.1).
    pub(super) fn is_shielded(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}
