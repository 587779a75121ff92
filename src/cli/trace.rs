//! Prints the trace of a run as it happens, and the verdict at the end.

use serde_json::Value;

use crate::run::{Finding, Found, Report};
use crate::trace::{Event, Json, Renderer, Zoom};

use super::exit::Exit;
use super::out::{Failure, Out};
use super::{human, json};

/// Prints the trace of one run to stdout.
pub struct Printer<'a> {
    out: &'a mut Out,
    renderer: Rendering,
    text: String,
    /// The first error of writing, kept until the run ends: the observer of a run cannot stop it.
    failure: Option<Failure>,
}

/// The renderer for the output format.
enum Rendering {
    Text(Renderer),
    Json(Json),
}

impl<'a> Printer<'a> {
    /// A printer for one run. The zoom applies to text only: JSON has every event.
    pub fn new(zoom: Zoom, out: &'a mut Out) -> Self {
        let renderer = match out.is_json() {
            true => Rendering::Json(Json::default()),
            false => Rendering::Text(Renderer::new(zoom)),
        };
        Printer { out, renderer, text: String::new(), failure: None }
    }

    /// Prints an event, if it is visible at this zoom.
    pub fn take(&mut self, event: &Event) {
        if self.failure.is_some() {
            return;
        }
        self.text.clear();
        match &mut self.renderer {
            Rendering::Text(renderer) => renderer.render(event, &mut self.text),
            Rendering::Json(json) => {
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

    /// Prints the verdict. `name` is the key and value that identify the run: a file or a seed.
    pub fn finish(mut self, name: (&str, Value), report: &Report) -> Result<Exit, Failure> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Rendering::Text(renderer) = &mut self.renderer {
            self.text.clear();
            renderer.finish(&mut self.text);
            self.out.text(&self.text)?;
        }
        let exit = Exit::of_report(report);
        self.out.line("")?;
        for found in &report.findings {
            // The caller knows the script's name and prints a bad step with its position.
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

/// The text of a finding, with its count if it was made more than once.
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
    fn a_finding_shows_how_often_it_was_made() {
        let finding = Finding::BadStep { line: 3, message: "a\nb".to_owned() };
        let shown = |times| counted(&Found { finding: finding.clone(), times });
        assert_eq!(shown(1), "bad step in line 3\n  a\n  b");
        assert_eq!(shown(1_200), "bad step in line 3, 1,200 times\n  a\n  b");
    }
}
