//! "Did you mean": the known word that is nearest to a mistyped one.

use strsim::damerau_levenshtein;

/// The candidate a mistyped `word` was most likely meant to be, if one is near enough.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LONGEST: usize = 40;
    if word.chars().nth(LONGEST).is_some() {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= tolerance(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?` when something is near, else what was expected.
pub fn help<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
) -> String {
    match nearest(word, candidates.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{what}: {}", listed(candidates)),
    }
}

/// The candidates as one sentence shows them, the tail of a long list counted only.
fn listed<'a>(candidates: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 48;
    let all: Vec<&str> = candidates.into_iter().collect();
    let shown = all[..all.len().min(MOST)].join(", ");
    match all.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// One slip in a short word, two or three in a long one.
fn tolerance(candidate: &str) -> usize {
    match candidate.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_different_word_is_not() {
        let verbs = ["join", "leave", "partition", "pause"];
        assert_eq!(nearest("jion", verbs), Some("join"));
        assert_eq!(nearest("Partiton", verbs), Some("partition"));
        assert_eq!(nearest("explode", verbs), None);
        assert_eq!(help("explode", verbs, "verbs"), "verbs: join, leave, partition, pause");
    }
}
