//! The signature of a message: what the messages of one crash have in common. A violation needs
//! none: it names its rule.

/// A message without the parts that differ between two seeds with the same bug: names that contain
/// a number, and the length of a list of them. `c1#1 and c2#3 own orders-0,orders-1` and
/// `c4#1 and c1#2 own orders-3` have the same signature.
///
/// This is for the messages of panics, which no rule stands for. Signatures are a heuristic for
/// deduplication. If two bugs share one, the second shows up once the first is fixed.
pub fn signature(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let words = line.split_whitespace().map(mask);
    let mut signature: Vec<String> = Vec::new();
    for word in words {
        // `c1, c2, c3` and `c1, c2` are both lists.
        let listed = signature.last().is_some_and(|last| bare(last) == "*" && bare(&word) == "*");
        if listed {
            signature.pop();
        }
        signature.push(word);
    }
    signature.join(" ")
}

/// A word without a comma at its end.
fn bare(word: &str) -> &str {
    word.trim_end_matches(',')
}

/// A word in which `*` replaces each name that contains a number, and each list of such names.
fn mask(word: &str) -> String {
    let mut masked = String::new();
    let mut name = String::new();
    for letter in word.chars().chain(['\0']) {
        if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '#' | '.') {
            name.push(letter);
            continue;
        }
        if name.contains(|letter: char| letter.is_ascii_digit()) {
            // The full stop of a sentence is not part of the name.
            let end = if name.ends_with('.') { "." } else { "" };
            if masked.ends_with("*,") {
                masked.truncate(masked.len() - 2);
            }
            masked.push('*');
            masked.push_str(end);
        } else {
            masked.push_str(&name);
        }
        name.clear();
        if letter != '\0' {
            masked.push(letter);
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::signature;

    #[test]
    fn parts_that_differ_between_seeds_are_masked() {
        let one = "c1#1 and c2#3 own orders-0,orders-1 in generation 5";
        let two = "c4#1 and c1#12 own t2-3 in generation 17";
        assert_eq!(signature(one), "* and * own * in generation *");
        assert_eq!(signature(one), signature(two));
    }

    #[test]
    fn lists_of_any_length_have_one_signature() {
        assert_eq!(signature("members c1#1, c2#1, c3#4 wait"), "members * wait");
        assert_eq!(signature("members c1#1 wait"), "members * wait");
        assert_eq!(signature("of {t0-1,t0-2}: 3.5s late"), "of {*}: * late");
    }

    #[test]
    fn other_words_stay() {
        let text =
            "index out of bounds: the len is 3 but the index is 7 (src/sim/mod.rs:41)\nand more";
        let masked = "index out of bounds: the len is * but the index is * (src/sim/mod.rs:*)";
        assert_eq!(signature(text), masked);
        assert_ne!(signature("session of c1 is over"), signature("session of c1 is not over"));
        assert_eq!(signature(""), "");
        assert_eq!(signature("It ended at 12. Then"), "It ended at *. Then");
    }
}
