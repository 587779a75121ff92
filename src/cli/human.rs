//! Numbers and durations in text for people.

use std::time::Duration;

/// A count with a unit prefix and three digits: `987`, `12.3 k`, `4.56 M`.
pub fn count(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, " T"), (1_000_000_000, " G"), (1_000_000, " M"), (1_000, " k")];
    for (unit, name) in UNITS {
        if number >= unit {
            // Hundredths of the unit, so that no float can round up into the next one.
            let hundredths = u128::from(number) * 100 / u128::from(unit);
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            return match whole {
                0..10 => format!("{whole}.{rest:02}{name}"),
                10..100 => format!("{whole}.{}{name}", rest / 10),
                _ => format!("{whole}{name}"),
            };
        }
    }
    number.to_string()
}

/// A count with thousands separators: `1,234,567`.
pub fn thousands(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}

/// A count and a noun: `1 seed`, `1,234 seeds`.
pub fn number(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A duration in its two largest units: `3 h 12 min`, `1.234 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{} d {hours} h", thousands(days))
    } else if hours > 0 {
        format!("{hours} h {minutes} min")
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds}.{:03} s", duration.subsec_millis())
    }
}

/// A count divided by a time: the rate per second.
pub fn per_second(number: u64, time: Duration) -> u64 {
    let micros = time.as_micros().max(1);
    u64::try_from(u128::from(number) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_three_digits() {
        let counts = [0, 999, 1_000, 12_345, 999_999, 12_345_678, u64::MAX].map(count);
        assert_eq!(counts, ["0", "999", "1.00 k", "12.3 k", "999 k", "12.3 M", "18446744 T"]);
    }

    #[test]
    fn one_is_singular_and_other_counts_are_plural() {
        let numbers = [0, 1, 1_234].map(|count| number(count, "seed"));
        assert_eq!(numbers, ["0 seeds", "1 seed", "1,234 seeds"]);
    }

    #[test]
    fn durations_have_two_units() {
        let durations = [0, 59_999, 61_000, 3_700_000, 90_000_000]
            .map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(durations, ["0.000 s", "59.999 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }

    #[test]
    fn a_rate_over_no_time_does_not_divide_by_zero() {
        assert_eq!(per_second(5, Duration::ZERO), 5_000_000);
        assert_eq!(per_second(500, Duration::from_millis(250)), 2_000);
    }
}
