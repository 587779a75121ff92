//! Ranges of seeds: `A..B`, B excluded.

use std::fmt;
use std::num::IntErrorKind;
use std::ops::Range;
use std::str::FromStr;

/// A range of seeds that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedRange(Range<u64>);

impl SeedRange {
    /// The seeds `0..count`. Panics if `count` is 0.
    pub const fn first(count: u64) -> SeedRange {
        assert!(count > 0, "a range of seeds is not empty");
        SeedRange(0..count)
    }

    /// All seeds.
    pub const ALL: SeedRange = SeedRange(0..u64::MAX);

    /// A range with this seed only.
    pub fn one(seed: u64) -> Result<SeedRange, SeedError> {
        let end = seed.checked_add(1).ok_or_else(|| SeedError::TooLarge(seed.to_string()))?;
        Ok(SeedRange(seed..end))
    }

    /// Parses `A..B`, or `A..`, which has no end.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn open(text: &str) -> Result<SeedRange, SeedError> {
        match text.strip_suffix("..") {
            Some(start) => Ok(SeedRange(SeedRange::one(number(start)?)?.0.start..u64::MAX)),
            None => text.parse(),
        }
    }

    /// Whether the range has no end.
    pub fn is_endless(&self) -> bool {
        self.0.end == u64::MAX
    }

    /// The range of numbers.
    pub fn range(&self) -> Range<u64> {
        self.0.clone()
    }

    /// The number of seeds.
    pub fn count(&self) -> u64 {
        self.0.end - self.0.start
    }
}

impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_endless() {
            true => write!(f, "{}..", self.0.start),
            false => write!(f, "{}..{}", self.0.start, self.0.end),
        }
    }
}

/// A text is not a range of seeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeedError {
    /// The text has no `..`.
    NotARange(String),
    /// An end of the range is not a whole number.
    NotANumber(String),
    /// A seed is 2⁶⁴ − 1 or larger.
    TooLarge(String),
    /// Both ends are the same.
    Empty(String),
    /// The end comes before the start.
    Reversed(u64, u64),
    /// Both environment variables are set.
    Both,
}

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SeedError::NotARange(text) => {
                write!(f, "'{text}' is not a range of seeds: write A..B, such as 0..1000")
            }
            SeedError::NotANumber(text) => write!(f, "the seed '{text}' is not a whole number"),
            SeedError::TooLarge(text) => {
                write!(f, "the seed {text} is too large: the largest is {}", u64::MAX - 1)
            }
            SeedError::Empty(text) => {
                write!(f, "the range {text} is empty: its end is excluded")
            }
            SeedError::Reversed(start, end) => {
                write!(f, "the range {start}..{end} is reversed: write {end}..{start}")
            }
            SeedError::Both => {
                f.write_str("GROUPSIM_SEED and GROUPSIM_SEEDS are both set: unset one")
            }
        }
    }
}

impl std::error::Error for SeedError {}

impl FromStr for SeedRange {
    type Err = SeedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) =
            text.split_once("..").ok_or_else(|| SeedError::NotARange(text.to_owned()))?;
        let (start, end) = (number(start)?, number(end)?);
        match start.cmp(&end) {
            std::cmp::Ordering::Less => Ok(SeedRange(start..end)),
            std::cmp::Ordering::Equal => Err(SeedError::Empty(text.to_owned())),
            std::cmp::Ordering::Greater => Err(SeedError::Reversed(start, end)),
        }
    }
}

/// The environment variable that selects one seed.
pub(super) const SEED: &str = "GROUPSIM_SEED";

/// The seeds for a test to run: those of `GROUPSIM_SEEDS=A..B`, or the one of `GROUPSIM_SEED=n`, or
/// `default` if neither is set.
pub fn seeds_from_env(default: SeedRange) -> Result<SeedRange, SeedError> {
    let read = |name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    choose(read(SEED), read("GROUPSIM_SEEDS"), default)
}

fn choose(
    one: Option<String>,
    range: Option<String>,
    default: SeedRange,
) -> Result<SeedRange, SeedError> {
    match (one, range) {
        (None, None) => Ok(default),
        (Some(one), None) => SeedRange::one(number(&one)?),
        (None, Some(range)) => range.parse(),
        (Some(_), Some(_)) => Err(SeedError::Both),
    }
}

fn number(text: &str) -> Result<u64, SeedError> {
    text.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => SeedError::TooLarge(text.to_owned()),
        _ => SeedError::NotANumber(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_excludes_its_end() {
        let range: SeedRange = "3..7".parse().unwrap();
        assert_eq!((range.range(), range.count()), (3..7, 4));
    }

    #[test]
    fn an_invalid_range_is_refused_with_the_reason() {
        let why = |text: &str| text.parse::<SeedRange>().unwrap_err().to_string();
        assert!(why("12").contains("'12' is not a range"));
        assert!(why("a..9").contains("'a' is not a whole number"));
        assert!(why("..9").contains("'' is not a whole number"));
        assert!(why("-3..9").contains("'-3' is not a whole number"));
        assert!(why("1..=9").contains("'=9' is not a whole number"));
        assert!(why("0..99999999999999999999").contains("99999999999999999999 is too large"));
        assert!(why("5..5").contains("5..5 is empty"));
        assert!(why("9..3").contains("write 3..9"));
    }

    #[test]
    fn only_open_ranges_can_lack_an_end() {
        let open = SeedRange::open("7..").unwrap();
        assert_eq!((open.range(), open.is_endless()), (7..u64::MAX, true));
        assert_eq!(open.to_string(), "7..");
        assert_eq!(SeedRange::open("7..9"), "7..9".parse());
        assert!(SeedRange::open("..").is_err() && SeedRange::open("x..").is_err());
        assert!("7..".parse::<SeedRange>().is_err());
    }

    #[test]
    fn the_environment_selects_one_seed_or_a_range() {
        let (text, default) = (|t: &str| Some(t.to_owned()), SeedRange::first(10));
        let choose = |one, range| choose(one, range, default.clone());
        assert_eq!(choose(None, None), Ok(SeedRange(0..10)));
        assert_eq!(choose(text("4711"), None), Ok(SeedRange(4711..4712)));
        assert_eq!(choose(None, text("5..8")), Ok(SeedRange(5..8)));
        assert_eq!(choose(text("1"), text("5..8")), Err(SeedError::Both));
        assert!(choose(text("18446744073709551615"), None).is_err());
    }
}
