//! What is the same about two messages of one bug.

/// A message without what differs between two seeds that show the same: names with a number in them, and how many
/// of them are listed. `c1#1 and c2#3 own orders-0,orders-1` and `c4#1 and c1#2 own orders-3` are at one place.
///
/// It is a guess, to sort by. Two bugs at one place are told apart when the first is mended.
pub fn place(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let words = line.split_whitespace().map(mask);
    let mut place: Vec<String> = Vec::new();
    for word in words {
        // `c1, c2, c3` and `c1, c2` are both lists.
        let listed = place.last().is_some_and(|last| bare(last) == "*" && bare(&word) == "*");
        if listed {
            place.pop();
        }
        place.push(word);
    }
    place.join(" ")
}

/// What is left of a word, without the comma behind it.
fn bare(word: &str) -> &str {
    word.trim_end_matches(',')
}

/// A word with `*` for each of the names in it that have a number, and for a list of them.
fn mask(word: &str) -> String {
    let mut masked = String::new();
    let mut name = String::new();
    for letter in word.chars().chain(['\0']) {
        if letter.is_alphanumeric() || matches!(letter, '-' | '_' | '#' | '.') {
            name.push(letter);
            continue;
        }
        if name.contains(|letter: char| letter.is_ascii_digit()) {
            // The end of a sentence is not the name's.
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
    use super::place;

    #[test]
    fn what_differs_between_seeds_is_masked() {
        let one = "c1#1 and c2#3 own orders-0,orders-1 in generation 5";
        let two = "c4#1 and c1#12 own t2-3 in generation 17";
        assert_eq!(place(one), "* and * own * in generation *");
        assert_eq!(place(one), place(two));
    }

    #[test]
    fn lists_are_lists_however_long() {
        assert_eq!(place("members c1#1, c2#1, c3#4 wait"), "members * wait");
        assert_eq!(place("members c1#1 wait"), "members * wait");
        assert_eq!(place("of {t0-1,t0-2}: 3.5s late"), "of {*}: * late");
    }

    #[test]
    fn other_words_stay() {
        let text =
            "index out of bounds: the len is 3 but the index is 7 (src/sim/mod.rs:41)\nand more";
        let masked = "index out of bounds: the len is * but the index is * (src/sim/mod.rs:*)";
        assert_eq!(place(text), masked);
        assert_ne!(place("session of c1 is over"), place("session of c1 is not over"));
        assert_eq!(place(""), "");
        assert_eq!(place("It ended at 12. Then"), "It ended at *. Then");
    }
}
