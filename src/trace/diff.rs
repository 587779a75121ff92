//! The difference between two traces, for people.
//!
//! Two runs with the same events a millisecond apart count as equal, so lines are compared without
//! their times and durations. The output shows the lines unchanged.

use similar::{Algorithm, ChangeTag, DiffOp, capture_diff_slices, group_diff_ops};

/// How many equal lines are shown around a difference.
const CONTEXT: usize = 3;

/// The differing lines of two rendered traces (`-` only in the first, `+` only in the second) with
/// the lines around them, and `…` between distant differences. Empty if the traces differ only in
/// times.
pub fn diff(a: &str, b: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (a.lines().collect(), b.lines().collect());
    let untimed_lines = |lines: &[&str]| lines.iter().map(|line| untimed(line)).collect::<Vec<_>>();
    let ops = capture_diff_slices(Algorithm::Myers, &untimed_lines(&old), &untimed_lines(&new));
    if ops.iter().all(|op| matches!(op, DiffOp::Equal { .. })) {
        return String::new();
    }
    let mut out = String::new();
    for (index, group) in group_diff_ops(ops, CONTEXT).iter().enumerate() {
        if index > 0 {
            out.push_str("…\n");
        }
        for change in group.iter().flat_map(|op| op.iter_changes(&old, &new)) {
            let mark = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            out.push(mark);
            out.push_str(change.value());
            out.push('\n');
        }
    }
    out
}

/// A line without the fields that depend on exact times.
fn untimed(line: &str) -> String {
    let line = line.trim_start();
    let rest = line.split_once(' ').map_or(line, |(_time, rest)| rest);
    let timing = |word: &&str| !word.starts_with("took=") && !word.starts_with("local=");
    rest.split_whitespace().filter(timing).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_do_not_count_as_a_difference() {
        let a = "   1.000000  b0       generation g 1 took=3s\n";
        let b = "  11.000001  b0       generation g 1 took=3.1s local=12.000000\n";
        assert_eq!(diff(a, b), "");
    }

    #[test]
    fn a_difference_is_shown_with_the_lines_around_it() {
        let line = |n: usize, what: &str| format!("{n:>11}.000000  b0  {what}\n");
        let a: String = (0..20).map(|n| line(n, &format!("event {n}"))).collect();
        let b: String = (0..20)
            .map(|n| line(n + 1, &if n == 10 { "other".to_owned() } else { format!("event {n}") }))
            .collect();
        let shown = diff(&a, &b);
        assert_eq!(shown.lines().count(), 8, "{shown}");
        assert!(
            shown.contains("-         10.000000  b0  event 10\n+         11.000000  b0  other\n")
        );
        assert!(shown.starts_with("           7.000000  b0  event 7\n"), "{shown}");
    }
}
