//! The one renderer: events in, lines out.
//!
//! A line is time, place, event, `key=value`. How much is shown is the [`Zoom`]'s choice; how a field
//! is shown is one table ([`style`]); how a list is cut short is one place ([`line`]). Nothing else in this
//! crate turns an event into text for people.
//!
//! Symbols: `→` a message is sent, `⇥` a message is lost, `⇨` a group, a member or a broker's term as
//! coordinator changes its state, `──` a line of the script, `×` lines like the one before ([`fold`]).
//!
//! Read next: [`super::timeline`], which tells the same story in one line a generation.

mod fold;
mod line;
mod style;
mod zoom;

use std::fmt::Write as _;
use std::ops::Range;

use super::event::{Event, Kind, Place};
use super::names::Names;
use super::timeline::Timeline;
use crate::time::Time;
use fold::{Folded, Folds, Taken};
use line::Line;
pub use zoom::Zoom;

pub(super) use line::{brief_duration, readable, shorten};

/// Turns events into lines, at one zoom. It must see every event of a run, in order: it learns names
/// from events that it does not show.
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

    /// Appends the lines of one event, each with its newline; often none.
    pub fn render(&mut self, event: &Event, out: &mut String) {
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
                let unannounced = self.timeline.observe(event, &mut self.names, out);
                if unannounced || self.zoom.shows(event) {
                    write_line(event, &mut self.names, out);
                }
            }
        }
    }

    /// Appends what has been folded and not told yet. A run that ends with [`Kind::Finished`] has told
    /// everything; one that ends with a finding has not.
    pub fn finish(&mut self, out: &mut String) {
        let ended = self.folds.end_all();
        self.write_folded(ended, out);
    }

    /// Takes an event that is not to be shown. What it ends is told all the same.
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
            Taken::Show(None) => {}
            Taken::Show(Some(ended)) => {
                let line = out.split_off(start);
                self.write_folded([ended], out);
                out.push_str(&line);
            }
            Taken::Count => out.truncate(start),
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
        let mut renderer = Renderer::new(zoom);
        let mut out = String::new();
        events.into_iter().for_each(|event| renderer.render(event, &mut out));
        renderer.finish(&mut out);
        out
    }
}

/// Appends the one line of one event. Where in `out` that stands which is not its head, nor the time on
/// another clock.
fn write_line(event: &Event, names: &mut Names, out: &mut String) -> Range<usize> {
    if let Kind::Script { text, .. } = &event.kind {
        writeln!(out, "{:>11}  ── {text}", event.at.to_string()).expect("a string takes all text");
        return out.len()..out.len();
    }
    write_head(event.at, event.place, names, out);
    let start = out.len();
    out.push_str(phrase(&event.kind));
    event.visit(&mut Line::new(out, names));
    let body = start..out.len();
    if event.local != event.at {
        write!(out, " local={}", event.local).expect("a string takes all text");
    }
    out.push('\n');
    body
}

/// The columns that every line but those of the script has: time and place.
fn write_head(at: Time, place: Place, names: &Names, out: &mut String) {
    let place = names.place(place);
    write!(out, "{:>11}  {place:<8} ", at.to_string()).expect("a string takes all text");
}

/// What a line says first, after its place.
fn phrase(kind: &Kind) -> &'static str {
    match kind {
        Kind::Sent { .. } => "→",
        Kind::Received { .. } => "←",
        Kind::Lost { .. } => "⇥",
        Kind::TopicCreated { .. } => "topic",
        Kind::TopicGrown { .. } => "topic grown",
        Kind::TopicDeleted { .. } => "topic deleted",
        Kind::LeaderElected { .. } => "leader elected",
        Kind::Shard { .. } => "⇨ shard",
        Kind::Uncommitted { .. } => "uncommitted",
        Kind::CoordinatorStarted { .. } => "coordinator",
        Kind::ConsumerStarted { .. } => "started",
        Kind::ConsumerClosed => "closed",
        Kind::Script { .. } => "──",
        Kind::Expected { .. } => "NOT AS EXPECTED:",
        Kind::NotSettled { .. } => "NOT SETTLED",
        Kind::NotDrained { .. } => "NOT DRAINED",
        Kind::Coordinator(crate::coordinator::Observation::State { .. })
        | Kind::Consumer(crate::consumer::Observation::State { .. }) => "⇨",
        Kind::Coordinator(crate::coordinator::Observation::GenerationBegan { .. }) => "generation",
        Kind::Coordinator(crate::coordinator::Observation::TimerFired { .. }) => "timer",
        Kind::Consumer(crate::consumer::Observation::Lost { .. }) => "lost",
        Kind::Consumer(crate::consumer::Observation::Positioned { .. }) => "position",
        Kind::FaultBegan { .. }
        | Kind::FaultEnded { .. }
        | Kind::Coordinator(_)
        | Kind::Consumer(_)
        | Kind::Appended { .. }
        | Kind::Calm { .. }
        | Kind::Settled { .. }
        | Kind::Drained { .. }
        | Kind::Finished => kind.name(),
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
