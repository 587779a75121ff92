//! Lines of a log that are said once in a while: a client that tries again and again must not fill it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Time;

/// How long the same is not said again.
const QUIET: Duration = Duration::from_secs(10);

/// How many lines are remembered. Whoever comes from everywhere may be heard more often.
const MOST: usize = 1_000;

/// What was said, and how often it would have been said since.
#[derive(Debug, Default)]
pub(super) struct Folding(BTreeMap<String, (Time, u64)>);

impl Folding {
    /// The line as it is to be said now, if it is; `about` is who it is about, and of what kind it is.
    pub(super) fn line(&mut self, now: Time, about: String, line: &str) -> Option<String> {
        if self.0.len() >= MOST {
            self.0.retain(|_, (said, _)| *said + QUIET > now);
            if self.0.len() >= MOST {
                self.0.clear();
            }
        }
        let Some((said, folded)) = self.0.get_mut(&about) else {
            self.0.insert(about, (now, 0));
            return Some(line.to_owned());
        };
        if now < *said + QUIET {
            *folded += 1;
            return None;
        }
        let more = std::mem::take(folded);
        *said = now;
        Some(match more {
            0 => line.to_owned(),
            more => format!("{line} (and {more} times more since)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn what_comes_again_soon_is_counted_and_not_said() {
        let mut folding = Folding::default();
        let mut say = |second, about: &str| folding.line(at(second), about.to_owned(), "x");
        assert_eq!(say(0, "a").as_deref(), Some("x"));
        assert_eq!(say(1, "b").as_deref(), Some("x"));
        assert_eq!([say(2, "a"), say(9, "a")], [None, None]);
        assert_eq!(say(10, "a").as_deref(), Some("x (and 2 times more since)"));
        assert_eq!(say(21, "a").as_deref(), Some("x"));
    }

    #[test]
    fn it_forgets_rather_than_grow() {
        let mut folding = Folding::default();
        for number in 0..MOST * 3 {
            folding.line(at(0), number.to_string(), "x");
            assert!(folding.0.len() <= MOST);
        }
    }
}
