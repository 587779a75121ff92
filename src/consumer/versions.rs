//! Which version of each API a client speaks, given how old its JoinGroup is: clients of one age raise
//! all their group APIs together.

use crate::protocol::Api;

use super::ConsumerConfig;

/// Every API that a consumer may use, with the version it speaks.
pub fn api_versions(config: &ConsumerConfig) -> impl Iterator<Item = (Api, i16)> {
    const USED: [Api; 10] = [
        Api::Metadata,
        Api::FindCoordinator,
        Api::JoinGroup,
        Api::SyncGroup,
        Api::Heartbeat,
        Api::LeaveGroup,
        Api::OffsetCommit,
        Api::OffsetFetch,
        Api::ListOffsets,
        Api::Fetch,
    ];
    let join = config.join_version;
    USED.into_iter().map(move |api| (api, version_of(api, join)))
}

/// The version that a client whose JoinGroup is at `join` uses for `api`.
pub(super) const fn version_of(api: Api, join: i16) -> i16 {
    match api {
        Api::JoinGroup => join,
        Api::SyncGroup => match join {
            0 => 0,
            1..=3 => 1,
            4 => 2,
            5 => 3,
            6 => 4,
            _ => 5,
        },
        Api::Heartbeat => match join {
            0 => 0,
            1..=3 => 1,
            4 => 2,
            5 => 3,
            _ => 4,
        },
        Api::LeaveGroup => match join {
            0 => 0,
            1..=3 => 1,
            4 => 2,
            5 => 3,
            6..=7 => 4,
            _ => 5,
        },
        Api::OffsetCommit => match join {
            0 => 2,
            1..=3 => 3,
            4 => 6,
            5 => 7,
            _ => 8,
        },
        Api::OffsetFetch => match join {
            0 => 1,
            1..=3 => 3,
            4..=5 => 5,
            6 => 6,
            7 => 7,
            _ => 8,
        },
        Api::FindCoordinator => match join {
            0 => 0,
            1..=3 => 1,
            4..=5 => 2,
            6..=7 => 3,
            _ => 4,
        },
        Api::Metadata => 9,
        Api::ListOffsets => 7,
        Api::Fetch => 12,
        Api::Produce => 9,
        Api::DescribeGroups
        | Api::ListGroups
        | Api::WriteTxnMarkers
        | Api::TxnOffsetCommit
        | Api::DeleteGroups
        | Api::OffsetDelete => panic!("a consumer sends no such request"),
    }
}
