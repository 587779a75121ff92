//! Throttles repeated log lines, so that a client that retries again and again does not fill the
//! log.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Time;

/// The same line is logged at most once in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// The most lines to remember. Beyond that, remembered lines are dropped and may repeat sooner.
const MAX_LINES: usize = 1_000;

/// When each line was last logged, and how many times it was suppressed since.
#[derive(Debug, Default)]
pub(super) struct LogThrottle(BTreeMap<String, (Time, u64)>);

impl LogThrottle {
    /// The line to log now, or `None` if it is suppressed. `about` identifies the line: its subject
    /// and kind.
    pub(super) fn line(&mut self, now: Time, about: String, line: &str) -> Option<String> {
        if self.0.len() >= MAX_LINES {
            self.0.retain(|_, (logged, _)| *logged + INTERVAL > now);
            if self.0.len() >= MAX_LINES {
                self.0.clear();
            }
        }
        let Some((logged, suppressed)) = self.0.get_mut(&about) else {
            self.0.insert(about, (now, 0));
            return Some(line.to_owned());
        };
        if now < *logged + INTERVAL {
            *suppressed += 1;
            return None;
        }
        let more = std::mem::take(suppressed);
        *logged = now;
        Some(match more {
            0 => line.to_owned(),
            more => format!("{line} ({more} more times since)"),
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
    fn a_line_that_repeats_soon_is_counted_and_suppressed() {
        let mut throttle = LogThrottle::default();
        let mut log = |second, about: &str| throttle.line(at(second), about.to_owned(), "x");
        assert_eq!(log(0, "a").as_deref(), Some("x"));
        assert_eq!(log(1, "b").as_deref(), Some("x"));
        assert_eq!([log(2, "a"), log(9, "a")], [None, None]);
        assert_eq!(log(10, "a").as_deref(), Some("x (2 more times since)"));
        assert_eq!(log(21, "a").as_deref(), Some("x"));
    }

    #[test]
    fn it_drops_state_rather_than_grow() {
        let mut throttle = LogThrottle::default();
        for number in 0..MAX_LINES * 3 {
            throttle.line(at(0), number.to_string(), "x");
            assert!(throttle.0.len() <= MAX_LINES);
        }
    }
}
