//! Merges many ledgers and deduplicates their findings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::mutant::Mutant;
use crate::swarm::Shard;

use super::line::{Entry, ProcessStarted, Tally};
use super::reader::{LedgerSummary, ReadError, ledgers, read};

/// The identity of a bug. Findings with equal keys are the same bug.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The mutant, if a bug was planted. Keys without one sort first.
    pub mutant: Option<String>,
    /// The name of the invariant.
    pub invariant: String,
    /// What its findings have in common: [`Entry::signature`].
    pub signature: String,
}

/// All findings of one bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFinding {
    /// The finding with the least virtual time, then with the lowest seed. Runs that did not end
    /// rank last.
    pub fastest: Entry,
    /// The number of findings.
    pub times: u64,
}

/// The merged ledgers of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The ledgers, one per process.
    pub ledgers: Vec<LedgerSummary>,
    /// The findings by bug.
    pub findings: BTreeMap<Key, KeptFinding>,
}

/// The result of running a mutant to prove that the campaign is able to find a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary<'a> {
    /// The number of seeds that were run with the mutant.
    pub seeds: u64,
    /// The fastest finding of an invariant that is meant to catch the mutant; `None` if none did.
    pub found: Option<&'a KeptFinding>,
}

impl Merged {
    /// Reads all ledgers in the directories.
    ///
    /// # Errors
    ///
    /// If there is no ledger, or one cannot be read.
    pub fn read(folders: &[PathBuf]) -> Result<Merged, ReadError> {
        let mut merged = Merged::default();
        for path in ledgers(folders)? {
            let summary = read(&path, &mut |entry| merged.take(entry))?;
            merged.ledgers.push(summary);
        }
        Ok(merged)
    }

    /// Adds a finding to those of its bug.
    pub fn take(&mut self, entry: Entry) {
        let key = Key {
            mutant: entry.mutant.clone(),
            invariant: entry.invariant.clone(),
            signature: entry.signature.clone(),
        };
        match self.findings.get_mut(&key) {
            None => {
                self.findings.insert(key, KeptFinding { fastest: entry, times: 1 });
            }
            Some(kept) => {
                kept.times += 1;
                if rank(&entry) < rank(&kept.fastest) {
                    kept.fastest = entry;
                }
            }
        }
    }

    /// The bugs that were found without a mutant.
    pub fn bugs(&self) -> impl Iterator<Item = (&Key, &KeptFinding)> {
        self.findings.iter().filter(|(key, _)| key.mutant.is_none())
    }

    /// The result of the runs with this mutant.
    pub fn canary(&self, mutant: &Mutant) -> Canary<'_> {
        let meant = |key: &Key| {
            key.mutant.as_deref() == Some(mutant.name)
                && mutant.caught_by.contains(&key.invariant.as_str())
        };
        let found = self.findings.iter().filter(|(key, _)| meant(key)).map(|(_, kept)| kept);
        Canary {
            seeds: self.tally(Some(mutant.name)).seeds,
            found: found.min_by_key(|kept| rank(&kept.fastest)),
        }
    }

    /// The total work of all processes that ran with this mutant, or without one.
    pub fn tally(&self, mutant: Option<&str>) -> Tally {
        let of = |summary: &&LedgerSummary| {
            summary.started.as_ref().is_none_or(|b| b.mutant.as_deref() == mutant)
        };
        self.ledgers.iter().filter(of).fold(Tally::default(), |sum, LedgerSummary { tally, .. }| {
            Tally {
                seeds: sum.seeds + tally.seeds,
                vacuous: sum.vacuous + tally.vacuous,
                findings: sum.findings + tally.findings,
                simulated_us: sum.simulated_us + tally.simulated_us,
                wall_ms: sum.wall_ms + tally.wall_ms,
            }
        })
    }

    /// Defects of the ledgers that do not invalidate the rest: truncated lines, missing shards.
    pub fn warnings(&self) -> Vec<String> {
        let missing = self.missing().into_iter().map(|shard| format!("no ledger of shard {shard}"));
        self.ledgers.iter().filter_map(LedgerSummary::warning).chain(missing).collect()
    }

    /// The shards without a ledger, such as `3/4 of profile default on sim from seed 0`. Without
    /// this a machine that never started would go unnoticed.
    pub fn missing(&self) -> Vec<String> {
        let mut there: BTreeMap<(u64, String), BTreeSet<u64>> = BTreeMap::new();
        for started in self.ledgers.iter().filter_map(|summary| summary.started.as_ref()) {
            if let Ok(shard) = started.shard.parse::<Shard>() {
                there.entry((shard.of(), task(started))).or_default().insert(shard.index());
            }
        }
        let mut missing = Vec::new();
        for ((of, task), there) in there {
            let gone = (0..of).filter(|index| !there.contains(index));
            missing.extend(gone.map(|index| format!("{index}/{of} of {task}")));
        }
        missing
    }
}

/// The task that the shards of one swarm share.
fn task(started: &ProcessStarted) -> String {
    let ProcessStarted { profile, engine, from, .. } = started;
    let mutant = started.mutant.as_ref().map(|mutant| format!(", mutant {mutant}"));
    format!("profile {profile} on {engine} from seed {from}{}", mutant.unwrap_or_default())
}

/// The order of the findings of one bug: fastest first, then by seed.
fn rank(entry: &Entry) -> (u64, u64) {
    (entry.simulated_us.unwrap_or(u64::MAX), entry.seed)
}
