//! What is wrong with a script, shown in its place.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::lexer::Piece;

/// One mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The bytes of the script that are to blame.
    pub span: Range<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What stands beside the caret.
    pub label: String,
    /// How to put it right, where that can be said.
    pub help: Option<String>,
}

impl ScriptError {
    /// A mistake at `place`.
    pub(crate) fn new(place: Piece<'_>, message: impl Into<String>) -> ScriptError {
        ScriptError {
            span: place.span(),
            message: message.into(),
            label: String::new(),
            help: None,
        }
    }

    /// Adds the text beside the caret.
    pub(crate) fn label(mut self, label: impl Into<String>) -> ScriptError {
        self.label = label.into();
        self
    }

    /// Adds how to put it right.
    pub(crate) fn help(mut self, help: impl Into<String>) -> ScriptError {
        self.help = Some(help.into());
        self
    }
}

/// Every mistake of a script, in the order of their places. `Display` shows them as plain text, one
/// after the other, each with its line and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptErrors {
    file: String,
    text: String,
    /// The number of the first line of the text.
    first: usize,
    errors: Vec<ScriptError>,
}

impl ScriptErrors {
    /// The mistakes of `file`, whose content is `text`; at least one.
    pub(crate) fn new(file: &str, text: &str, mut errors: Vec<ScriptError>) -> ScriptErrors {
        assert!(!errors.is_empty(), "{file} was refused without a reason");
        errors.sort_by_key(|error| error.span.start);
        ScriptErrors { file: file.to_owned(), text: text.to_owned(), first: 1, errors }
    }

    /// The same for a text that begins at this line of its file.
    pub(crate) fn starting_at(self, first: usize) -> ScriptErrors {
        ScriptErrors { first, ..self }
    }

    /// The mistakes, in the order of their places.
    pub fn errors(&self) -> &[ScriptError] {
        &self.errors
    }

    /// The same text as `Display`, in colour for a terminal.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }

    fn render(&self, renderer: &Renderer) -> String {
        let (mut counted, mut number) = (0, self.first);
        let mut shown = Vec::with_capacity(self.errors.len() + 1);
        for error in &self.errors {
            number += self.text[counted..error.span.start].matches('\n').count();
            counted = error.span.start;
            shown.push(renderer.render(&[self.group(error, number)]));
        }
        if self.errors.len() > 1 {
            let count = format!("{}: {} errors", quoted_path(&self.file), self.errors.len());
            shown.push(renderer.render(&[Group::with_title(Level::ERROR.primary_title(count))]));
        }
        shown.join("\n\n")
    }

    /// Hands over the one line that is to blame, not the whole script: rendering stays linear however
    /// many mistakes a long file holds.
    fn group<'a>(&'a self, error: &'a ScriptError, number: usize) -> Group<'a> {
        let start = self.text[..error.span.start].rfind('\n').map_or(0, |end| end + 1);
        let end = self.text[error.span.end..]
            .find('\n')
            .map_or(self.text.len(), |length| error.span.end + length);
        let mark = AnnotationKind::Primary
            .span(error.span.start - start..error.span.end - start)
            .label((!error.label.is_empty()).then_some(error.label.as_str()));
        let snippet = Snippet::source(&self.text[start..end])
            .line_start(number)
            .path(quoted_path(&self.file))
            .annotation(mark);
        let group = Level::ERROR.primary_title(error.message.as_str()).element(snippet);
        match &error.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }
}

impl fmt::Display for ScriptErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for ScriptErrors {}

/// A piece of a script as a message quotes it: short, and without characters that would move a
/// terminal's cursor.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.is_empty() {
        return "an empty word".to_owned();
    }
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{shown}{more}`")
}

/// A file name as a message shows it.
pub(super) fn quoted_path(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
