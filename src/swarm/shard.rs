//! Splits a range of seeds among many machines.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// One of `of` equal parts of a range: every `of`th seed, starting with the `index`th, counted from
/// 0. Neighbouring seeds belong to different shards, so machines of different speed can share an
/// endless range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// The whole range.
    pub const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// The shard `index`, counted from 0, of `of` shards.
    ///
    /// # Errors
    ///
    /// If `index` is not below `of`.
    pub fn new(index: u64, of: u64) -> Result<Shard, ShardError> {
        match of {
            0 => Err(ShardError::None),
            _ if index >= of => Err(ShardError::TooLarge { index, of }),
            _ => Ok(Shard { index, of }),
        }
    }

    /// The number of seeds of the range that belong to the shard.
    pub fn count(self, range: &Range<u64>) -> u64 {
        (range.end - range.start).saturating_sub(self.index).div_ceil(self.of)
    }

    /// The `number`th seed of the shard, counted from 0; `None` past the end of the range.
    pub fn nth(self, range: &Range<u64>, number: u64) -> Option<u64> {
        let seed =
            number.checked_mul(self.of)?.checked_add(self.index)?.checked_add(range.start)?;
        (seed < range.end).then_some(seed)
    }

    /// The number of shards.
    pub fn of(self) -> u64 {
        self.of
    }

    /// The index of this shard, counted from 0.
    pub fn index(self) -> u64 {
        self.index
    }
}

impl Default for Shard {
    fn default() -> Shard {
        Shard::WHOLE
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A text or a pair of numbers is not a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardError {
    /// The text is not `I/N`.
    NotAShard(String),
    /// The number of shards is 0.
    None,
    /// The index is not below the number of shards.
    TooLarge {
        /// The index.
        index: u64,
        /// The number of shards.
        of: u64,
    },
}

impl fmt::Display for ShardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShardError::NotAShard(text) => {
                write!(f, "'{text}' is not a shard: write I/N, such as 0/4 for the first of four")
            }
            ShardError::None => f.write_str("the number of shards must be at least 1"),
            ShardError::TooLarge { index, of } => {
                let last = of - 1;
                write!(f, "there is no shard {index} of {of}: they are 0/{of} to {last}/{of}")
            }
        }
    }
}

impl std::error::Error for ShardError {}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ShardError::NotAShard(text.to_owned());
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        Shard::new(number(index)?, number(of)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(shard: Shard, range: &Range<u64>) -> Vec<u64> {
        (0..shard.count(range)).map(|number| shard.nth(range, number).unwrap()).collect()
    }

    #[test]
    fn the_shards_are_the_whole_and_share_nothing() {
        for range in [0..1, 7..12, 100..1_000, 5..6] {
            for of in [1, 2, 3, 8, 2_000] {
                let all = (0..of).flat_map(|index| seeds(Shard::new(index, of).unwrap(), &range));
                let mut all: Vec<u64> = all.collect();
                all.sort_unstable();
                assert_eq!(all, range.clone().collect::<Vec<_>>(), "{of} shards of {range:?}");
            }
        }
    }

    #[test]
    fn behind_the_last_seed_there_is_none() {
        let shard = Shard::new(1, 3).unwrap();
        assert_eq!(shard.nth(&(10..15), 1), Some(14));
        assert_eq!(shard.nth(&(10..15), 2), None);
        assert_eq!(shard.nth(&(10..u64::MAX), u64::MAX / 2), None);
    }

    #[test]
    fn what_is_no_shard_is_named() {
        let why = |text: &str| text.parse::<Shard>().unwrap_err().to_string();
        assert_eq!("2/3".parse(), Shard::new(2, 3));
        assert!(why("3").contains("'3' is not a shard"));
        assert!(why("-1/3").contains("'-1/3' is not a shard"));
        assert!(why("0/0").contains("at least 1"));
        assert!(why("4/4").contains("they are 0/4 to 3/4"));
    }
}
