//! Prints the trace of a run as it happens, and the verdict at the end.

use std::fmt::Display;

use serde_json::Value;

use crate::model::Model;
use crate::render::{Renderer, Zoom};
use crate::run::Report;
use crate::trace::{Event, jsonl};

use super::exit::Exit;
use super::json;
use super::out::{Failure, Out};
use super::verdict::Verdict;

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
    Json(jsonl::Writer),
}

impl Rendering {
    fn new(zoom: Zoom, out: &Out) -> Rendering {
        match out.is_json() {
            true => Rendering::Json(jsonl::Writer::default()),
            false => Rendering::Text(Renderer::new(zoom)),
        }
    }
}

impl<'a> Printer<'a> {
    /// A printer for one run. The zoom applies to text only: JSON has every event.
    pub fn new(zoom: Zoom, out: &'a mut Out) -> Self {
        let renderer = Rendering::new(zoom, out);
        Printer { out, renderer, text: String::new(), failure: None }
    }

    /// Continues with another trace.
    pub fn restart(&mut self, zoom: Zoom) {
        self.renderer = Rendering::new(zoom, self.out);
    }

    /// Prints an event, if it is visible at this zoom.
    pub fn take(&mut self, event: &Event, model: &Model) {
        if self.failure.is_some() {
            return;
        }
        self.text.clear();
        match &mut self.renderer {
            Rendering::Text(renderer) => renderer.render(event, model, &mut self.text),
            Rendering::Json(writer) => writer.render(event, &mut self.text),
        }
        if !self.text.is_empty() {
            self.failure = self.out.text(&self.text).err();
        }
    }

    /// Prints a line between the events, in text format only.
    pub fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        self.out.line(text)
    }

    /// Prints an object between the events, in JSON format only.
    pub fn object(&mut self, value: &Value) -> Result<(), Failure> {
        if let Rendering::Json(writer) = &mut self.renderer {
            self.text.clear();
            writer.begin(&mut self.text);
            self.out.text(&self.text)?;
        }
        self.out.object(value)
    }

    /// Prints the rest of the trace.
    pub fn end(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        if let Rendering::Text(renderer) = &mut self.renderer {
            self.text.clear();
            renderer.finish(&mut self.text);
            self.out.text(&self.text)?;
        }
        Ok(())
    }

    /// Prints a verdict.
    pub fn verdict(&mut self, verdict: &Verdict, report: &Value) -> Result<(), Failure> {
        self.end()?;
        verdict.print(self.out)?;
        self.object(report)
    }

    /// Prints the verdict of a run. `name` is the key and value that identify it: a file or a seed.
    pub fn finish(mut self, name: (&str, Value), report: &Report) -> Result<Exit, Failure> {
        self.verdict(&Verdict::of(report), &json::report(name, report))?;
        self.out.flush()?;
        Ok(Exit::of_report(report))
    }
}
