//! Previous ownership as the members claim it, and how contradicting claims are resolved.

use crate::protocol::{Generation, TopicPartition};

use super::NumberedGroup;

/// The partitions that one member claims, and the generation in which it got them.
pub(in crate::assignor) struct Claim {
    pub partitions: Vec<TopicPartition>,
    pub generation: Generation,
}

/// All members' claims, by partition (rule R14.8).
pub(in crate::assignor) struct Claims {
    owners: Vec<Option<usize>>,
    claimants: Vec<Vec<usize>>,
}

impl Claims {
    /// The claims in the order of the members. Claims to partitions that no member can read are
    /// ignored.
    pub(in crate::assignor) fn new(
        group: &NumberedGroup<'_>,
        claims: impl Iterator<Item = Claim>,
    ) -> Self {
        let mut claims_made: Vec<Vec<(Generation, usize)>> = vec![Vec::new(); group.partitions()];
        for (member, Claim { partitions, generation }) in claims.enumerate() {
            for partition in partitions.iter().filter_map(|name| group.number(name)) {
                claims_made[partition].push((generation, member));
            }
        }
        let owners = claims_made.iter().enumerate().map(|(partition, claims_made)| {
            resolve(claims_made).filter(|&owner| group.may_read(owner, partition))
        });
        Claims {
            owners: owners.collect(),
            claimants: claims_made
                .iter()
                .map(|claims_made| claims_made.iter().map(|&(_, member)| member).collect())
                .collect(),
        }
    }

    /// The owner of each partition, which keeps it if balance allows.
    pub(super) fn owners(&self) -> &[Option<usize>] {
        &self.owners
    }

    /// Whether `member` can get the partition at once: it is the owner, or no other member must
    /// give it up first.
    pub(in crate::assignor) fn can_take(&self, member: usize, partition: usize) -> bool {
        self.owners[partition] == Some(member)
            || self.claimants[partition].iter().all(|&claimant| claimant == member)
    }
}

/// The newest claim wins, because an older one comes from a member that missed a rebalance. Two
/// claims of the same generation are both void, because nothing shows which one is right
/// (KAFKA-14639).
fn resolve(claims_made: &[(Generation, usize)]) -> Option<usize> {
    let newest = claims_made.iter().map(|(generation, _)| generation).max()?;
    let mut newest = claims_made.iter().filter(|(generation, _)| generation == newest);
    match (newest.next(), newest.next()) {
        (Some(&(_, owner)), None) => Some(owner),
        _ => None,
    }
}
