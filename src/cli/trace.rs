//! Writes the trace of a run while it goes on, and its verdict at the end.

use serde_json::Value;

use crate::run::{Finding, Found, Report};
use crate::trace::{Event, Json, Renderer, Zoom};

use super::exit::Exit;
use super::out::{Failure, Out};
use super::{human, json};

/// A trace on its way to stdout.
pub struct Printer<'a> {
    out: &'a mut Out,
    renderer: Rendering,
    text: String,
    /// A run cannot be stopped by who watches it, so the first failure is kept until it is over.
    failure: Option<Failure>,
}

/// Who turns events into lines.
enum Rendering {
    People(Renderer),
    Machines(Json),
}

impl<'a> Printer<'a> {
    /// Before the first event. The zoom is for people: machines get every event.
    pub fn new(zoom: Zoom, out: &'a mut Out) -> Self {
        let renderer = match out.is_json() {
            true => Rendering::Machines(Json::default()),
            false => Rendering::People(Renderer::new(zoom)),
        };
        Printer { out, renderer, text: String::new(), failure: None }
    }

    /// Writes what the next event looks like, if anything.
    pub fn take(&mut self, event: &Event) {
        if self.failure.is_some() {
            return;
        }
        self.text.clear();
        match &mut self.renderer {
            Rendering::People(renderer) => renderer.render(event, &mut self.text),
            Rendering::Machines(json) => {
                self.text.push_str("{\"type\":\"event\",\"event\":");
                json.render(event, &mut self.text);
                self.text.truncate(self.text.trim_end().len());
                self.text.push_str("}\n");
            }
        }
        if !self.text.is_empty() {
            self.failure = self.out.text(&self.text).err();
        }
    }

    /// Writes the verdict; `name` says of what: a file, or a seed.
    pub fn finish(mut self, name: (&str, Value), report: &Report) -> Result<Exit, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Rendering::People(renderer) = &mut self.renderer {
            self.text.clear();
            renderer.finish(&mut self.text);
            self.out.text(&self.text)?;
        }
        let exit = Exit::of_report(report);
        self.out.line("")?;
        for found in &report.findings {
            // A line of a script: whoever has its name tells it with its place.
            if !matches!(found.finding, Finding::BadStep { line: 1.., .. }) {
                self.out.line(counted(found))?;
            }
        }
        if report.findings.is_empty() {
            self.out.line("held")?;
        }
        self.out.line(format_args!(
            "{} simulated, {}, {}, {} processed, digest {}",
            human::duration(report.simulated),
            human::number(report.messages, "message"),
            human::number(report.rebalances, "rebalance"),
            human::number(report.processed, "record"),
            json::digest(report.digest),
        ))?;
        self.out.object(&json::report(name, report))?;
        self.out.flush()?;
        Ok(exit)
    }
}

/// A finding, and how often it was made if that was more than once.
pub(super) fn counted(found: &Found) -> String {
    let text = found.finding.to_string();
    match found.times {
        1 => text,
        times => {
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            format!("{first}, {} times\n{rest}", human::thousands(times))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Finding;

    #[test]
    fn a_finding_says_how_often_it_was_made() {
        let finding = Finding::BadStep { line: 3, message: "a\nb".to_owned() };
        let shown = |times| counted(&Found { finding: finding.clone(), times });
        assert_eq!(shown(1), "bad step in line 3\n  a\n  b");
        assert_eq!(shown(1_200), "bad step in line 3, 1,200 times\n  a\n  b");
    }
}
