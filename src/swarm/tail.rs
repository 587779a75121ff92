//! The trace that a finding is told with: its last lines, or all of it.

use std::collections::VecDeque;

use crate::time::Time;
use crate::trace::{Event, Kind, Renderer, Zoom};

use super::focus::Focus;

/// How many lines of the trace a finding is told with.
pub const TRACE_LINES: usize = 20;

/// Lines of a trace.
pub(super) struct Tail {
    renderer: Renderer,
    focus: Option<Focus>,
    most: usize,
    /// When the schedule last did something.
    script: Option<Time>,
    text: String,
    lines: VecDeque<String>,
}

impl Tail {
    /// The last lines that have to do with what is in focus, at group zoom.
    pub(super) fn last(focus: Focus) -> Tail {
        Tail::new(Zoom::Group, Some(focus), TRACE_LINES)
    }

    /// All lines.
    pub(super) fn all(zoom: Zoom) -> Tail {
        Tail::new(zoom, None, usize::MAX)
    }

    fn new(zoom: Zoom, focus: Option<Focus>, most: usize) -> Tail {
        let renderer = Renderer::new(zoom);
        Tail { renderer, focus, most, script: None, text: String::new(), lines: VecDeque::new() }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, event: &Event) {
        match self.is_in_focus(event) {
            true => self.renderer.render(event, &mut self.text),
            false => self.renderer.skip(event, &mut self.text),
        }
        self.keep();
    }

    /// Where lines are few, a fault that a line of the script has just announced is not told again.
    fn is_in_focus(&mut self, event: &Event) -> bool {
        let Some(focus) = &self.focus else { return true };
        match event.kind {
            Kind::Script { .. } => self.script = Some(event.at),
            Kind::FaultBegan { .. } | Kind::FaultEnded { .. } if self.script == Some(event.at) => {
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
    pub(super) fn told(mut self) -> String {
        // At the end of a few lines there is no room for what was folded long ago.
        if self.focus.is_none() {
            self.renderer.finish(&mut self.text);
            self.keep();
        }
        let of = self.focus.as_ref().map(Focus::told).filter(|of| !of.is_empty());
        let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
        let mut told = match self.focus {
            Some(_) => format!("the last lines of the trace{of}:\n"),
            None => "the trace:\n".to_owned(),
        };
        self.lines.iter().for_each(|line| told.extend(["  ", line.as_str(), "\n"]));
        told
    }
}
