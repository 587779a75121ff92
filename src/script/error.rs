//! Errors in scripts, shown with the line and a caret.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::lexer::Piece;

/// One error in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The bytes of the script that the caret underlines.
    pub span: Range<usize>,
    /// The message.
    pub message: String,
    /// The text beside the caret.
    pub label: String,
    /// How to correct the error, if that is known.
    pub help: Option<String>,
}

impl ScriptError {
    /// An error at `place`.
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

    /// Adds how to correct the error.
    pub(crate) fn help(mut self, help: impl Into<String>) -> ScriptError {
        self.help = Some(help.into());
        self
    }
}

/// All errors of a script, in the order of their positions. `Display` shows them as plain text, one
/// after the other, each with its line and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptErrors {
    file: String,
    text: String,
    /// The line number of the first line of `text`.
    first: usize,
    errors: Vec<ScriptError>,
}

impl ScriptErrors {
    /// The errors of `file`, whose content is `text`. There must be at least one.
    pub(crate) fn new(file: &str, text: &str, mut errors: Vec<ScriptError>) -> ScriptErrors {
        assert!(!errors.is_empty(), "{file} was refused without a reason");
        errors.sort_by_key(|error| error.span.start);
        ScriptErrors { file: file.to_owned(), text: text.to_owned(), first: 1, errors }
    }

    /// Sets the line number of the first line of the text.
    pub(crate) fn starting_at(self, first: usize) -> ScriptErrors {
        ScriptErrors { first, ..self }
    }

    /// The errors, in the order of their positions.
    pub fn errors(&self) -> &[ScriptError] {
        &self.errors
    }

    /// The same text as `Display`, coloured for a terminal.
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

    /// Passes only the line with the error to the renderer, not the whole script, so that rendering
    /// a long script with many errors takes linear time.
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

/// Quotes a piece of a script in a message: shortened, and without characters that would move the
/// cursor of a terminal.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.is_empty() {
        return "an empty word".to_owned();
    }
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(LONGEST).is_some() { "…" } else { "" };
    format!("`{shown}{more}`")
}

/// A path in a message, without control characters.
pub(super) fn quoted_path(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
