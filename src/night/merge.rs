//! Many ledgers into one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::mutant::Mutant;
use crate::swarm::Shard;

use super::line::{Began, Entry, Tally};
use super::read::{Book, ReadError, ledgers, read};

/// What makes two findings one bug.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What was broken on purpose; nothing, first of all.
    pub mutant: Option<String>,
    /// The invariant.
    pub invariant: String,
    /// The [place](fn@super::place).
    pub place: String,
}

/// What is kept of a bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What shows it soonest: in the least virtual time, then by the lowest seed. A run that did not end is last.
    pub fastest: Entry,
    /// How often it was found.
    pub times: u64,
}

/// All that a night has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The processes.
    pub books: Vec<Book>,
    /// The bugs.
    pub kept: BTreeMap<Key, Kept>,
}

/// Something that is broken on purpose, to see that a night would find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary<'a> {
    /// How many seeds were run with it.
    pub seeds: u64,
    /// What an invariant that is meant for it has said soonest; none when none has objected.
    pub found: Option<&'a Kept>,
}

impl Merged {
    /// Reads all ledgers in the folders.
    ///
    /// # Errors
    ///
    /// When there are none, or one cannot be read.
    pub fn read(folders: &[PathBuf]) -> Result<Merged, ReadError> {
        let mut merged = Merged::default();
        for path in ledgers(folders)? {
            let book = read(&path, &mut |entry| merged.take(entry))?;
            merged.books.push(book);
        }
        Ok(merged)
    }

    /// Takes a finding in.
    pub fn take(&mut self, entry: Entry) {
        let key = Key {
            mutant: entry.mutant.clone(),
            invariant: entry.invariant.clone(),
            place: entry.place.clone(),
        };
        match self.kept.get_mut(&key) {
            None => {
                self.kept.insert(key, Kept { fastest: entry, times: 1 });
            }
            Some(kept) => {
                kept.times += 1;
                if rank(&entry) < rank(&kept.fastest) {
                    kept.fastest = entry;
                }
            }
        }
    }

    /// The bugs of what was not broken on purpose.
    pub fn bugs(&self) -> impl Iterator<Item = (&Key, &Kept)> {
        self.kept.iter().filter(|(key, _)| key.mutant.is_none())
    }

    /// What became of a canary.
    pub fn canary(&self, mutant: &Mutant) -> Canary<'_> {
        let meant = |key: &Key| {
            key.mutant.as_deref() == Some(mutant.name)
                && mutant.caught_by.contains(&key.invariant.as_str())
        };
        let found = self.kept.iter().filter(|(key, _)| meant(key)).map(|(_, kept)| kept);
        Canary {
            seeds: self.tally(Some(mutant.name)).seeds,
            found: found.min_by_key(|kept| rank(&kept.fastest)),
        }
    }

    /// What all processes with that mutant, or with none, have done together.
    pub fn tally(&self, mutant: Option<&str>) -> Tally {
        let of = |book: &&Book| book.began.as_ref().is_none_or(|b| b.mutant.as_deref() == mutant);
        self.books.iter().filter(of).fold(Tally::default(), |sum, Book { tally, .. }| Tally {
            seeds: sum.seeds + tally.seeds,
            vacuous: sum.vacuous + tally.vacuous,
            findings: sum.findings + tally.findings,
            simulated_us: sum.simulated_us + tally.simulated_us,
            wall_ms: sum.wall_ms + tally.wall_ms,
        })
    }

    /// What is not as it should be, but takes nothing away from what is there.
    pub fn warnings(&self) -> Vec<String> {
        let missing = self.missing().into_iter().map(|shard| format!("no ledger of shard {shard}"));
        self.books.iter().filter_map(Book::warning).chain(missing).collect()
    }

    /// The shards of which there is no ledger: `3/4 of profile default`. A machine that never came up is not
    /// noticed otherwise.
    pub fn missing(&self) -> Vec<String> {
        let mut there: BTreeMap<(u64, String), BTreeSet<u64>> = BTreeMap::new();
        for began in self.books.iter().filter_map(|book| book.began.as_ref()) {
            if let Ok(shard) = began.shard.parse::<Shard>() {
                there.entry((shard.of(), of_what(began))).or_default().insert(shard.index());
            }
        }
        let mut missing = Vec::new();
        for ((of, what), there) in there {
            let gone = (0..of).filter(|index| !there.contains(index));
            missing.extend(gone.map(|index| format!("{index}/{of} of {what}")));
        }
        missing
    }
}

fn of_what(began: &Began) -> String {
    let Began { profile, engine, from, .. } = began;
    let mutant = began.mutant.as_ref().map(|mutant| format!(", mutant {mutant}"));
    format!("profile {profile} on {engine} from seed {from}{}", mutant.unwrap_or_default())
}

fn rank(entry: &Entry) -> (u64, u64) {
    (entry.simulated_us.unwrap_or(u64::MAX), entry.seed)
}
