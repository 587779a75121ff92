//! The broker settings that scripts presume, for the cluster in virtual time.

use std::time::Duration;

use crate::broker::{ClusterConfig, Detail};
use crate::conform::script::Settings;
use crate::coordinator::CoordinatorConfig;

/// The topics that every script presumes, with their numbers of partitions.
pub(super) const TOPICS: [(&str, i32); 2] = [("t", 4), ("v", 2)];

/// The most partitions that the offsets topic may have here.
const MOST_PARTITIONS: i32 = 1_000;

/// A cluster of one broker with the settings that all scripts presume, and those of one script.
///
/// # Errors
///
/// When the simulated broker has no such setting, or the setting cannot have this value.
pub(super) fn cluster(presumes: &Settings) -> Result<ClusterConfig, String> {
    let mut config = ClusterConfig {
        brokers: 1,
        endpoints: Vec::new(),
        detail: Detail::Full,
        racks: Vec::new(),
        offsets_partitions: 1,
        coordinator: CoordinatorConfig {
            initial_rebalance_delay: Duration::ZERO,
            min_session_timeout: Duration::from_secs(1),
            ..CoordinatorConfig::default()
        },
        commit_delay: Duration::from_millis(1)..=Duration::from_millis(4),
        linger: Duration::ZERO,
        write_timeout: Duration::from_secs(5),
        load: Duration::ZERO..=Duration::ZERO,
    };
    presumes.iter().try_for_each(|(name, value)| {
        let wrong = || format!("{name} cannot be {value}");
        let number = || value.parse::<u64>().map_err(|_| wrong());
        let millis = || number().map(Duration::from_millis);
        let coordinator = &mut config.coordinator;
        match name.as_str() {
            "group.initial.rebalance.delay.ms" => coordinator.initial_rebalance_delay = millis()?,
            "group.min.session.timeout.ms" => coordinator.min_session_timeout = millis()?,
            "group.max.session.timeout.ms" => coordinator.max_session_timeout = millis()?,
            "group.max.size" => coordinator.max_size = number()? as usize,
            "offset.metadata.max.bytes" => coordinator.offset_metadata_max = number()? as usize,
            "offsets.retention.minutes" => {
                let minutes = u32::try_from(number()?).map_err(|_| wrong())?;
                coordinator.offsets_retention = Duration::from_secs(60) * minutes;
            }
            "offsets.retention.check.interval.ms" => {
                coordinator.offsets_retention_check = millis()?;
            }
            "offsets.commit.timeout.ms" => config.write_timeout = millis()?,
            "offsets.topic.num.partitions" => {
                let partitions = number()?.try_into().map_err(|_| wrong())?;
                if !(1..=MOST_PARTITIONS).contains(&partitions) {
                    return Err(wrong());
                }
                config.offsets_partitions = partitions;
            }
            "group.coordinator.append.linger.ms" => config.linger = millis()?,
            // The simulated broker does not verify that a partition is part of a transaction (rule
            // R15.5).
            "transaction.partition.verification.enable" if value == "false" => {}
            _ => return Err(format!("the simulated broker has no setting {name}={value}")),
        }
        Ok(())
    })?;
    Ok(config)
}
