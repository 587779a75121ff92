//! Suggests the known word that is nearest to a mistyped one: "did you mean …?".

use strsim::damerau_levenshtein;

/// The candidate that is nearest to a mistyped word, if one is near enough.
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

/// The words of other tools for verbs of the sim language.
const SYNONYMS: [(&str, &str); 16] = [
    ("kill", "crash"),
    ("stop", "leave"),
    ("close", "leave"),
    ("start", "join"),
    ("wait", "advance"),
    ("sleep", "advance"),
    ("assert", "expect"),
    ("check", "expect"),
    ("freeze", "pause"),
    ("unpause", "resume"),
    ("disconnect", "partition"),
    ("delay", "clog"),
    ("elect", "move"),
    ("send", "produce"),
    ("consumer", "join"),
    ("stabilize", "settle"),
];

/// The verb that other tools call `word`.
pub(super) fn synonym(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    SYNONYMS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours)
}

/// `did you mean …?` if a candidate is near, else the list of candidates after `heading`.
pub(crate) fn help<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    heading: &str,
) -> String {
    match nearest(word, candidates.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("{heading}: {}", listed(candidates)),
    }
}

/// The candidates in one line. The end of a long list is only counted.
fn listed<'a>(candidates: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 48;
    let all: Vec<&str> = candidates.into_iter().collect();
    let shown = all[..all.len().min(MOST)].join(", ");
    match all.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The number of typing mistakes that are recognised: one in a short word, two or three in a long
/// one.
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
    fn words_of_other_tools_are_synonyms_of_verbs() {
        let verbs = crate::script::verbs::names();
        for (theirs, ours) in SYNONYMS {
            assert!(verbs.contains(&ours) && !verbs.contains(&theirs), "{theirs}");
        }
        assert_eq!(synonym("Kill"), Some("crash"));
    }

    #[test]
    fn a_typing_mistake_is_recognised_and_a_different_word_is_not() {
        let verbs = ["join", "leave", "partition", "pause"];
        assert_eq!(nearest("jion", verbs), Some("join"));
        assert_eq!(nearest("Partiton", verbs), Some("partition"));
        assert_eq!(nearest("explode", verbs), None);
        assert_eq!(help("explode", verbs, "verbs"), "verbs: join, leave, partition, pause");
    }
}
