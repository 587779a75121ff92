//! The trace in the description of a finding: its last lines, or all of it.

use std::collections::VecDeque;

use crate::model::Model;
use crate::render::{Renderer, Zoom};
use crate::time::Time;
use crate::trace::{Event, EventKind};

use super::focus::Focus;

/// The number of trace lines in the description of a finding.
pub const TRACE_LINES: usize = 20;

/// Collects the last lines of a trace.
pub(super) struct Tail {
    renderer: Renderer,
    focus: Option<Focus>,
    most: usize,
    /// The time of the last step of the schedule.
    last_step: Option<Time>,
    text: String,
    lines: VecDeque<String>,
}

impl Tail {
    /// Collects the last lines that are in focus, at group zoom.
    pub(super) fn last(focus: Focus) -> Tail {
        Tail::new(Zoom::Group, Some(focus), TRACE_LINES)
    }

    /// Collects all lines.
    pub(super) fn all(zoom: Zoom) -> Tail {
        Tail::new(zoom, None, usize::MAX)
    }

    fn new(zoom: Zoom, focus: Option<Focus>, most: usize) -> Tail {
        let renderer = Renderer::new(zoom);
        let (text, lines) = (String::new(), VecDeque::new());
        Tail { renderer, focus, most, last_step: None, text, lines }
    }

    /// Adds the next event.
    pub(super) fn take(&mut self, event: &Event, model: &Model) {
        match self.is_in_focus(event) {
            true => self.renderer.render(event, model, &mut self.text),
            false => self.renderer.skip(event, &mut self.text),
        }
        self.keep();
    }

    /// Whether an event is shown. With a focus, a fault that a step has just announced is not shown
    /// again, to save lines.
    fn is_in_focus(&mut self, event: &Event) -> bool {
        let Some(focus) = &self.focus else { return true };
        match event.kind {
            EventKind::Script { .. } => self.last_step = Some(event.at),
            EventKind::FaultBegan { .. } | EventKind::FaultEnded { .. }
                if self.last_step == Some(event.at) =>
            {
                return false;
            }
            _ => {}
        }
        focus.concerns(event, self.renderer.names())
    }

    fn keep(&mut self) {
        for line in self.text.lines() {
            if self.lines.len() == self.most {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
        self.text.clear();
    }

    /// The lines as a paragraph with a heading.
    pub(super) fn rendered(mut self) -> String {
        // A short tail has no room for lines that were folded long ago.
        if self.focus.is_none() {
            self.renderer.finish(&mut self.text);
            self.keep();
        }
        let of = self.focus.as_ref().map(Focus::rendered).filter(|of| !of.is_empty());
        let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
        let mut rendered = match self.focus {
            Some(_) => format!("the last lines of the trace{of}:\n"),
            None => "the trace:\n".to_owned(),
        };
        self.lines.iter().for_each(|line| rendered.extend(["  ", line.as_str(), "\n"]));
        rendered
    }
}
