//! The broker's group settings, under Kafka's names.

use std::time::Duration;

/// The settings of a group coordinator (rules R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorConfig {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for more members.
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`: the shortest session timeout that JoinGroup may request.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`: the longest session timeout that JoinGroup may request.
    pub max_session_timeout: Duration,
    /// `group.max.size`: the maximum number of members.
    pub max_size: usize,
    /// `offset.metadata.max.bytes`, compared with the length in UTF-16 units, as in Kafka.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`: how long offsets outlive their group's last member.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`: the time between two checks for expired offsets.
    pub offsets_retention_check: Duration,
}

impl Default for CoordinatorConfig {
    fn default() -> Self {
        CoordinatorConfig {
            initial_rebalance_delay: Duration::from_secs(3),
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(1_800),
            max_size: i32::MAX as usize,
            offset_metadata_max: 4_096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_retention_check: Duration::from_secs(600),
        }
    }
}
