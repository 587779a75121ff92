//! The version of each API that a client uses, given its JoinGroup version: clients of one age
//! raise all their group APIs together.

use crate::protocol::Api;

use super::ConsumerConfig;

/// Every API that a consumer may use, with the version it uses.
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
            6..=8 => 8,
            _ => 9,
        },
        Api::OffsetFetch => match join {
            0 => 1,
            1..=3 => 3,
            4..=5 => 5,
            6 => 6,
            7 => 7,
            8 => 8,
            _ => 9,
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
        | Api::InitProducerId
        | Api::DescribeConfigs
        | Api::WriteTxnMarkers
        | Api::TxnOffsetCommit
        | Api::DeleteGroups
        | Api::OffsetDelete => panic!("a consumer sends no such request"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{GroupId, str_bytes};

    fn config() -> ConsumerConfig {
        ConsumerConfig::new(str_bytes("c"), GroupId(str_bytes("g")), Vec::new())
    }

    /// The API versions of clients of each age, as in the Java clients of that time: a row for each
    /// version of JoinGroup, a column for each API.
    #[test]
    fn the_versions_of_all_group_apis_follow_from_that_of_join_group() {
        let row = |join_version: i16| {
            let config = ConsumerConfig { join_version, ..config() };
            let cells = api_versions(&config).map(|(_, version)| format!("{version:>3}"));
            cells.collect::<String>()
        };
        let names: Vec<&str> = api_versions(&config()).map(|(api, _)| api.name()).collect();
        let apis = "Metadata FindCoordinator JoinGroup SyncGroup Heartbeat LeaveGroup OffsetCommit \
                    OffsetFetch ListOffsets Fetch";
        assert_eq!(names.join(" "), apis);
        let rows: Vec<String> = (0..=9).map(row).collect();
        let expected = [
            "  9  0  0  0  0  0  2  1  7 12",
            "  9  1  1  1  1  1  3  3  7 12",
            "  9  1  2  1  1  1  3  3  7 12",
            "  9  1  3  1  1  1  3  3  7 12",
            "  9  2  4  2  2  2  6  5  7 12",
            "  9  2  5  3  3  3  7  5  7 12",
            "  9  3  6  4  4  4  8  6  7 12",
            "  9  3  7  5  4  4  8  7  7 12",
            "  9  4  8  5  4  5  8  8  7 12",
            "  9  4  9  5  4  5  9  9  7 12",
        ];
        assert_eq!(rows, expected);
    }
}
