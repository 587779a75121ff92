//! Finds the mutant that a place of a planted file belongs to.

use crate::plant::{CLOSE, OPEN};

/// The mutants of the innermost planted piece that contains this byte; none when nothing is planted
/// there.
pub fn owners(planted: &str, byte: usize) -> Vec<u32> {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(next) =
        planted[at..].find("/*").map(|found| at + found).filter(|next| *next <= byte)
    {
        let rest = &planted[next..];
        at = next + 2;
        if rest.starts_with(CLOSE) {
            open.pop();
        } else if let Some(numbers) = rest.strip_prefix(OPEN) {
            open.push(numbers.split("*/").next().unwrap_or_default());
        }
    }
    let innermost = open.pop().unwrap_or_default();
    innermost.split(' ').filter_map(|number| number.parse().ok()).collect()
}
