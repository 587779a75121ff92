//! Who owned what: the members' word for it, and what to believe of it when they contradict each other.

use crate::protocol::{Generation, TopicPartition};

use super::Ground;

/// What one member says it was given, and when.
pub(in crate::assignor) struct Claim {
    pub partitions: Vec<TopicPartition>,
    pub generation: Generation,
}

/// All members' claims, partition by partition (rule R14.8).
pub(in crate::assignor) struct Claims {
    owners: Vec<Option<usize>>,
    claimants: Vec<Vec<usize>>,
}

impl Claims {
    /// The claims in the order of the members; those to partitions that are not on the ground are void.
    pub(in crate::assignor) fn new(
        ground: &Ground<'_>,
        claims: impl Iterator<Item = Claim>,
    ) -> Self {
        let mut made: Vec<Vec<(Generation, usize)>> = vec![Vec::new(); ground.partitions()];
        for (member, Claim { partitions, generation }) in claims.enumerate() {
            for partition in partitions.iter().filter_map(|name| ground.number(name)) {
                made[partition].push((generation, member));
            }
        }
        let owners = made.iter().enumerate().map(|(partition, made)| {
            settled(made).filter(|&owner| ground.may_read(owner, partition))
        });
        Claims {
            owners: owners.collect(),
            claimants: made
                .iter()
                .map(|made| made.iter().map(|&(_, member)| member).collect())
                .collect(),
        }
    }

    /// The member that each partition stays with, if balance lets it.
    pub(super) fn owners(&self) -> &[Option<usize>] {
        &self.owners
    }

    /// Whether `member` can have the partition at once: it is the rightful owner, or nobody else would
    /// have to give it up first.
    pub(in crate::assignor) fn can_take(&self, member: usize, partition: usize) -> bool {
        self.owners[partition] == Some(member)
            || self.claimants[partition].iter().all(|&claimant| claimant == member)
    }
}

/// The newest claim wins, since an older one comes from a member that missed a rebalance; two of the same
/// generation are both wrong, for nothing tells which is right (KAFKA-14639).
fn settled(made: &[(Generation, usize)]) -> Option<usize> {
    let newest = made.iter().map(|(generation, _)| generation).max()?;
    let mut newest = made.iter().filter(|(generation, _)| generation == newest);
    match (newest.next(), newest.next()) {
        (Some(&(_, owner)), None) => Some(owner),
        _ => None,
    }
}
