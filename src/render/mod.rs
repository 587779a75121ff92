//! The one renderer: events in, lines out.
//!
//! A line has a time, a place, an event and `key=value` fields. The [`Zoom`] decides which events
//! are shown, one table (`style`) decides how a field is shown, and one place
//! (`line`) truncates lists. Nothing else in this crate turns an event into text for
//! people.
//!
//! Symbols: `→` a message is sent, `⇥` a message is lost, `⇨` a group, a member or a broker's term
//! as coordinator changes its state, `──` a line of the script, `×` the line before was repeated
//! (`fold`).
//!
//! Read next: `timeline`, which summarizes a run in one line per generation.

mod fold;
mod line;
mod style;
mod timeline;
mod zoom;

use std::fmt::Write as _;
use std::ops::Range;

use crate::model::Model;
use crate::time::Time;
use crate::trace::{Event, EventKind, Names, Place};
use fold::{FoldAction, Folded, Folds};
use line::{Line, brief_duration, shorten};
use timeline::Timeline;
pub use zoom::Zoom;

/// Turns events into lines, at one zoom. It must see every event of a run, in order: it also learns
/// names from events that it does not show.
#[derive(Clone, Debug)]
pub struct Renderer {
    zoom: Zoom,
    names: Names,
    timeline: Timeline,
    folds: Folds,
    now: Time,
}

impl Renderer {
    /// A renderer for the start of a run.
    pub fn new(zoom: Zoom) -> Renderer {
        Renderer {
            zoom,
            names: Names::default(),
            timeline: Timeline::default(),
            folds: Folds::default(),
            now: Time::ZERO,
        }
    }

    /// Appends the lines of one event, each with its newline; often none. `model` has been fed with
    /// the event.
    pub fn render(&mut self, event: &Event, model: &Model, out: &mut String) {
        self.now = event.at;
        self.names.learn(event);
        match self.zoom {
            Zoom::Wire => {
                if self.zoom.shows(event) {
                    write_line(event, &mut self.names, out);
                }
            }
            Zoom::Group => self.render_folded(event, out),
            Zoom::Timeline => {
                let unannounced = self.timeline.observe(event, model, &mut self.names, out);
                if unannounced || self.zoom.shows(event) {
                    write_line(event, &mut self.names, out);
                }
            }
        }
    }

    /// Appends the folded lines that have not been written yet. A run that ends with
    /// [`EventKind::Finished`] has none left; one that ends with a finding may have some.
    pub fn finish(&mut self, out: &mut String) {
        let ended = self.folds.end_all();
        self.write_folded(ended, out);
    }

    /// Takes an event that is not to be shown. The folded lines that it ends are written
    /// nevertheless.
    pub fn skip(&mut self, event: &Event, out: &mut String) {
        self.now = event.at;
        self.names.learn(event);
        if self.zoom == Zoom::Group {
            let ended = self.folds.end(event);
            self.write_folded(ended, out);
        }
    }

    /// The names that the trace has introduced so far.
    pub fn names(&self) -> &Names {
        &self.names
    }

    fn render_folded(&mut self, event: &Event, out: &mut String) {
        let ended = self.folds.end(event);
        self.write_folded(ended, out);
        if !self.zoom.shows(event) {
            return;
        }
        let start = out.len();
        let body = write_line(event, &mut self.names, out);
        match self.folds.take(event, &out[body]) {
            FoldAction::Show(None) => {}
            FoldAction::Show(Some(ended)) => {
                let line = out.split_off(start);
                self.write_folded([ended], out);
                out.push_str(&line);
            }
            FoldAction::Count => out.truncate(start),
        }
    }

    fn write_folded(&mut self, folded: impl IntoIterator<Item = Folded>, out: &mut String) {
        for Folded { place, text } in folded {
            write_head(self.now, place, &self.names, out);
            out.push_str(&text);
            out.push('\n');
        }
    }

    /// All the lines of a recorded trace.
    pub fn render_all<'a>(zoom: Zoom, events: impl IntoIterator<Item = &'a Event>) -> String {
        let (mut renderer, mut model) = (Renderer::new(zoom), Model::default());
        let mut out = String::new();
        for event in events {
            model.feed(event);
            renderer.render(event, &model, &mut out);
        }
        renderer.finish(&mut out);
        out
    }
}

/// Appends the line of one event. Returns the range in `out` without the time and place and without
/// the local time.
fn write_line(event: &Event, names: &mut Names, out: &mut String) -> Range<usize> {
    if let EventKind::Script { text, .. } = &event.kind {
        writeln!(out, "{:>11}  ── {text}", event.at.to_string()).expect("a string takes all text");
        return out.len()..out.len();
    }
    write_head(event.at, event.place, names, out);
    let start = out.len();
    out.push_str(first_words(&event.kind));
    event.visit(&mut Line::new(out, names));
    let body = start..out.len();
    if event.local != event.at {
        write!(out, " local={}", event.local).expect("a string takes all text");
    }
    out.push('\n');
    body
}

/// Writes the columns of every line except script lines: time and place.
fn write_head(at: Time, place: Place, names: &Names, out: &mut String) {
    let place = names.place(place);
    write!(out, "{:>11}  {place:<8} ", at.to_string()).expect("a string takes all text");
}

/// The first words of a line, after its place.
fn first_words(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Sent { .. } => "→",
        EventKind::Received { .. } => "←",
        EventKind::Lost { .. } => "⇥",
        EventKind::TopicCreated { .. } => "topic",
        EventKind::TopicGrown { .. } => "topic grown",
        EventKind::TopicDeleted { .. } => "topic deleted",
        EventKind::LeaderElected { .. } => "leader elected",
        EventKind::TermChanged { .. } => "⇨",
        EventKind::Uncommitted { .. } => "uncommitted",
        EventKind::CoordinatorStarted { .. } => "coordinator",
        EventKind::ConsumerStarted { .. } => "started",
        EventKind::ConsumerClosed => "closed",
        EventKind::Script { .. } => "──",
        EventKind::Expected { .. } => "NOT AS EXPECTED:",
        EventKind::NotSettled { .. } => "NOT SETTLED",
        EventKind::NotDrained { .. } => "NOT DRAINED",
        EventKind::Coordinator(crate::coordinator::Observation::Classic(
            crate::coordinator::ClassicObservation::State { .. },
        ))
        | EventKind::Consumer(crate::client::ClientObservation::State { .. }) => "⇨",
        EventKind::Coordinator(crate::coordinator::Observation::Classic(
            crate::coordinator::ClassicObservation::GenerationBegan { .. },
        )) => "generation",
        EventKind::Coordinator(crate::coordinator::Observation::Classic(
            crate::coordinator::ClassicObservation::TimerFired { .. },
        )) => "timer",
        EventKind::Consumer(crate::client::ClientObservation::Lost { .. }) => "lost",
        EventKind::Consumer(crate::client::ClientObservation::Positioned { .. }) => "position",
        EventKind::FaultBegan { .. }
        | EventKind::FaultEnded { .. }
        | EventKind::Coordinator(_)
        | EventKind::Consumer(_)
        | EventKind::Appended { .. }
        | EventKind::Quiesced { .. }
        | EventKind::Settled { .. }
        | EventKind::Drained { .. }
        | EventKind::Finished => kind.name(),
    }
}

#[cfg(test)]
mod admin_tests;
#[cfg(test)]
mod cluster_tests;
#[cfg(test)]
mod fold_tests;
#[cfg(test)]
mod tests;
