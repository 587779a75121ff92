//! The one renderer: events in, lines out.
//!
//! A line is time, place, event, `key=value`. How much is shown is the [`Zoom`]'s choice; how a field
//! is shown is one table ([`style`]); how a list is cut short is one place ([`line`]). Nothing else in this
//! crate turns an event into text for people.
//!
//! Symbols: `→` a message is sent, `⇥` a message is lost, `⇨` a group, a member or a broker's term as
//! coordinator changes its state, `──` a line of the script.
//!
//! Read next: [`super::timeline`], which tells the same story in one line a generation.

mod line;
mod style;
mod zoom;

use std::fmt::Write as _;

use super::event::{Event, Kind};
use super::names::Names;
use super::timeline::Timeline;
use line::Line;
pub use zoom::Zoom;

pub(super) use line::{brief_duration, error_text, readable, shorten};

/// Turns events into lines, at one zoom. It must see every event of a run, in order: it learns names
/// from events that it does not show.
#[derive(Clone, Debug)]
pub struct Renderer {
    zoom: Zoom,
    names: Names,
    timeline: Timeline,
}

impl Renderer {
    /// A renderer for the start of a run.
    pub fn new(zoom: Zoom) -> Renderer {
        Renderer { zoom, names: Names::default(), timeline: Timeline::default() }
    }

    /// Appends the lines of one event, each with its newline; often none.
    pub fn render(&mut self, event: &Event, out: &mut String) {
        self.names.learn(event);
        let unannounced =
            self.zoom == Zoom::Timeline && self.timeline.observe(event, &mut self.names, out);
        if unannounced || self.zoom.shows(event) {
            write_line(event, &mut self.names, out);
        }
    }

    /// All the lines of a recorded trace.
    pub fn render_all<'a>(zoom: Zoom, events: impl IntoIterator<Item = &'a Event>) -> String {
        let mut renderer = Renderer::new(zoom);
        let mut out = String::new();
        events.into_iter().for_each(|event| renderer.render(event, &mut out));
        out
    }
}

/// Appends the one line of one event.
fn write_line(event: &Event, names: &mut Names, out: &mut String) {
    if let Kind::Script { text, .. } = &event.kind {
        writeln!(out, "{:>11}  ── {text}", event.at.to_string()).expect("a string takes all text");
        return;
    }
    write_head(event, names, out);
    out.push_str(phrase(&event.kind));
    event.visit(&mut Line::new(out, names));
    if event.local != event.at {
        write!(out, " local={}", event.local).expect("a string takes all text");
    }
    out.push('\n');
}

/// The columns that every line but those of the script has: time and place.
fn write_head(event: &Event, names: &Names, out: &mut String) {
    let place = names.place(event.place);
    write!(out, "{:>11}  {place:<8} ", event.at.to_string()).expect("a string takes all text");
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
        Kind::Expected { found: None, .. } => "as expected:",
        Kind::Expected { found: Some(_), .. } => "NOT AS EXPECTED:",
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
mod tests;
