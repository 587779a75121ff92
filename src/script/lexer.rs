//! Splits a text into lines of words, each with its position.
//!
//! A word is anything between blanks. `#` starts a comment anywhere, because no name can contain
//! one. The lexer does not interpret words.

use std::ops::Range;

/// A word or a part of a word, with its position in the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// The text.
    pub(crate) text: &'a str,
    /// Its byte offset in the script.
    pub(crate) start: usize,
}

/// A line that is not blank.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// The line number, counted from 1.
    pub(crate) number: u32,
    /// The words, at least one.
    pub(crate) words: Vec<Piece<'a>>,
}

impl<'a> Piece<'a> {
    /// The range of bytes in the script.
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// The parts before and after the first `separator`.
    pub(crate) fn split_once(&self, separator: &str) -> Option<(Piece<'a>, Piece<'a>)> {
        let at = self.text.find(separator)?;
        Some((self.part(0, at), self.part(at + separator.len(), self.text.len())))
    }

    /// The parts before and after the last `separator`.
    pub(crate) fn rsplit_once(&self, separator: &str) -> Option<(Piece<'a>, Piece<'a>)> {
        let at = self.text.rfind(separator)?;
        Some((self.part(0, at), self.part(at + separator.len(), self.text.len())))
    }

    /// The parts between commas.
    pub(crate) fn items(self) -> impl Iterator<Item = Piece<'a>> {
        let mut start = self.start;
        self.text.split(',').map(move |text| {
            let piece = Piece { text, start };
            start += text.len() + 1;
            piece
        })
    }

    /// The part from byte `from` to byte `to`, both on character boundaries.
    pub(crate) fn part(&self, from: usize, to: usize) -> Piece<'a> {
        Piece { text: &self.text[from..to], start: self.start + from }
    }
}

/// The lines of `text` that have more than blanks and comments.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = 0;
    text.split('\n').zip(1..).filter_map(move |(line, number)| {
        let words = words(Piece { text: line, start });
        start += line.len() + 1;
        (!words.is_empty()).then_some(Line { number, words })
    })
}

fn words(line: Piece<'_>) -> Vec<Piece<'_>> {
    let code = line.part(0, line.text.find('#').unwrap_or(line.text.len()));
    let mut words = Vec::new();
    let mut rest = 0;
    for word in code.text.split(is_blank) {
        if !word.is_empty() {
            words.push(code.part(rest, rest + word.len()));
        }
        let after = &code.text[rest + word.len()..];
        rest += word.len() + after.chars().next().map_or(0, char::len_utf8);
    }
    words
}

/// A byte order mark, with which editors on Windows start a file, counts as a blank.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_know_their_position_with_any_kind_of_blanks() {
        let text = "\u{feff}# a comment\r\n\n  join\u{3000}c1 é=ü,x#y\r\nsettle";
        let lines: Vec<Line<'_>> = lines(text).collect();
        assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 4]);
        for word in lines.iter().flat_map(|line| &line.words) {
            assert_eq!(&text[word.span()], word.text);
        }
        let texts: Vec<&str> = lines[0].words.iter().map(|word| word.text).collect();
        assert_eq!(texts, ["join", "c1", "é=ü,x"]);
        let (key, value) = lines[0].words[2].split_once("=").unwrap();
        assert_eq!((&text[key.span()], &text[value.span()]), ("é", "ü,x"));
        let last = value.items().last().unwrap();
        assert_eq!(&text[last.span()], "x");
    }
}
