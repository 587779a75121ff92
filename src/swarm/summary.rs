//! The summary of many seeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::coverage::Reached;
use crate::engine::LeftOut;
use crate::run::{Finding, Report};
use crate::trace::FaultKind;

use super::conditions::Conditions;
use super::finding::parts;
use super::shard::Shard;

/// The sum of the reports of many seeds. Addition is commutative, so the sum does not depend on
/// which worker ran which seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The requested seeds.
    pub seeds: Range<u64>,
    /// The shard of the seeds that this swarm runs.
    pub shard: Shard,
    /// The profile of the schedules, and the engine they were run on.
    pub conditions: Conditions,
    /// The number of seeds that were run: all of the shard, unless the swarm was interrupted.
    pub ran: u64,
    /// The virtual time that passed.
    pub simulated: Duration,
    /// The number of trace events.
    pub events: u64,
    /// The number of protocol messages that were sent.
    pub messages: u64,
    /// The number of generations that began.
    pub rebalances: u64,
    /// The number of records that applications processed.
    pub processed: u64,
    /// The number of faults that began, by family.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The coverage that the seeds reached together.
    pub reached: Reached,
    /// The number of seeds without a finding in which no rebalance happened or no record was
    /// consumed.
    pub vacuous: u64,
    /// The steps and options that the engine does not support.
    pub left_out: LeftOutTotals,
    /// The findings, sorted by seed.
    pub findings: Vec<SeedFinding>,
    /// A digest over all traces.
    pub digest: u64,
}

/// What was skipped in the schedules of many seeds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOutTotals {
    /// The number of skipped steps.
    pub lines: u64,
    /// The number of seeds with skipped steps.
    pub seeds: u64,
    /// The number of seeds that were run without their `race=`.
    pub races: u64,
    /// The number of seeds that were run without their `loss=`.
    pub losses: u64,
}

/// The finding of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFinding {
    /// The seed.
    pub seed: u64,
    /// The first finding of its run.
    pub finding: Finding,
}

impl Summary {
    /// The summary before the first seed.
    pub fn new(seeds: Range<u64>, conditions: impl Into<Conditions>) -> Summary {
        Summary {
            seeds,
            shard: Shard::WHOLE,
            conditions: conditions.into(),
            ran: 0,
            simulated: Duration::ZERO,
            events: 0,
            messages: 0,
            rebalances: 0,
            processed: 0,
            faults: BTreeMap::new(),
            reached: Reached::default(),
            vacuous: 0,
            left_out: LeftOutTotals::default(),
            findings: Vec::new(),
            digest: 0,
        }
    }

    /// Adds the report of one seed. A seed with a finding stopped there, so it does not count as
    /// vacuous.
    pub fn add(&mut self, seed: u64, report: Report) {
        self.ran += 1;
        self.vacuous += u64::from(report.finding.is_none() && report.vacuous());
        self.simulated += report.simulated;
        self.events += report.events;
        self.messages += report.messages;
        self.rebalances += report.rebalances;
        self.processed += report.processed;
        for (fault, count) in &report.faults {
            *self.faults.entry(*fault).or_default() += count;
        }
        self.reached.union(&report.reached);
        let mixed = xxh3_64_with_seed(&report.digest.to_le_bytes(), seed);
        self.digest = self.digest.wrapping_add(mixed);
        self.findings.extend(report.finding.map(|finding| SeedFinding { seed, finding }));
    }

    /// Adds what was skipped in the schedule of one seed.
    pub fn leave_out(&mut self, left_out: LeftOut) {
        self.left_out.lines += left_out.lines;
        self.left_out.seeds += u64::from(left_out.lines > 0);
        self.left_out.races += u64::from(left_out.race);
        self.left_out.losses += u64::from(left_out.loss);
    }

    /// Adds the summary of another worker of the same swarm.
    pub fn merge(&mut self, other: Summary) {
        assert_eq!(
            (&self.seeds, self.shard),
            (&other.seeds, other.shard),
            "summaries of different swarms cannot be merged"
        );
        self.ran += other.ran;
        self.vacuous += other.vacuous;
        self.left_out.lines += other.left_out.lines;
        self.left_out.seeds += other.left_out.seeds;
        self.left_out.races += other.left_out.races;
        self.left_out.losses += other.left_out.losses;
        self.simulated += other.simulated;
        self.events += other.events;
        self.messages += other.messages;
        self.rebalances += other.rebalances;
        self.processed += other.processed;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.reached.union(&other.reached);
        self.digest = self.digest.wrapping_add(other.digest);
        self.findings.extend(other.findings);
        self.findings.sort_by_key(|found| found.seed);
    }

    /// Whether the swarm was stopped before its last seed.
    pub fn interrupted(&self) -> bool {
        self.ran < self.shard.count(&self.seeds)
    }

    /// The number of vacuous seeds in 1,000.
    pub fn vacuous_permille(&self) -> u64 {
        (self.vacuous * 1_000).checked_div(self.ran).unwrap_or(0)
    }

    /// The findings by the name of the invariant, or `crash` or `bad-step`.
    pub fn by_invariant(&self) -> BTreeMap<&str, Vec<&SeedFinding>> {
        let mut by_name: BTreeMap<&str, Vec<&SeedFinding>> = BTreeMap::new();
        for found in &self.findings {
            by_name.entry(parts(&found.finding).name).or_default().push(found);
        }
        by_name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::Profile;
    use crate::time::Time;

    fn report(digest: u64, crashed: bool) -> Report {
        let message = "boom".to_owned();
        Report {
            digest,
            simulated: Duration::from_secs(60),
            events: 10,
            messages: 5,
            rebalances: digest % 3,
            processed: 1,
            faults: BTreeMap::from([(FaultKind::Drop, digest)]),
            reached: Reached::default(),
            finding: crashed.then_some(Finding::Crash { at: Time::ZERO, message }),
            findings: Vec::new(),
        }
    }

    #[test]
    fn the_sum_does_not_depend_on_which_worker_ran_which_seed() {
        let new = || Summary::new(0..6, Profile::Default);
        let mut alone = new();
        (0..6).for_each(|seed| alone.add(seed, report(seed * 7, seed % 2 == 0)));
        let (mut odd, mut even) = (new(), new());
        (0..6).rev().for_each(|seed| {
            let half = if seed % 2 == 0 { &mut even } else { &mut odd };
            half.add(seed, report(seed * 7, seed % 2 == 0));
        });
        even.findings.reverse();
        odd.merge(even);
        assert_eq!(odd, alone);
        assert_eq!(alone.by_invariant()["crash"].len(), 3);
        assert!(!alone.interrupted());
    }

    #[test]
    fn the_digest_depends_on_which_seed_had_which_trace() {
        let mut summaries = [(0, 1), (1, 0)].map(|(first, second)| {
            let mut summary = Summary::new(0..2, Profile::Default);
            summary.add(0, report(first, false));
            summary.add(1, report(second, false));
            summary.digest
        });
        summaries.sort_unstable();
        assert_ne!(summaries[0], summaries[1]);
    }
}
