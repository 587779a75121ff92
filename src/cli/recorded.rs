//! `trace FILE.jsonl`: prints a recorded trace, as the command that recorded it would have.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::model::Model;
use crate::render::Zoom;
use crate::trace::jsonl::{Entry, ReadError, Reader};
use crate::trace::{Digest, EventKind};

use super::args;
use super::exit::Exit;
use super::json;
use super::out::{Failure, Out, warn};
use super::trace::Printer;
use super::verdict::Verdict;

/// Arguments of `trace`.
#[derive(Debug, clap::Args)]
pub struct Trace {
    /// Recorded trace, or `-` for stdin: the output of `run`, `replay` or `probe` with
    /// `--format json`, or the file of `serve --trace FILE.jsonl`.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Level of detail of the trace. JSON always has every event.
    #[arg(long, value_enum, default_value_t = args::Zoom::Group)]
    zoom: args::Zoom,
}

/// Prints the traces in a file, line by line. The exit code does not depend on their verdicts.
pub fn trace(args: &Trace, out: &mut Out) -> Result<Exit, Failure> {
    let file = args.file.display().to_string();
    let (file, input): (String, Box<dyn BufRead>) = if file == "-" {
        ("stdin".to_owned(), Box::new(io::stdin().lock()))
    } else {
        let opened = File::open(&args.file)
            .map_err(|error| Failure::Usage(format!("cannot read {file}: {error}")))?;
        (file, Box::new(BufReader::new(opened)))
    };
    let mut recorded = Recorded::new(&file, args.zoom.into(), out);
    let mut reader = Reader::new(&file, input);
    while let Some(entry) = reader.next() {
        let printed = match entry {
            Ok(entry) => recorded.take(entry, reader.line())?,
            Err(error) => Err(error),
        };
        if let Err(error) = printed {
            recorded.printer.end()?;
            return Err(Failure::Refused(format!("error: {error}")));
        }
    }
    recorded.end()?;
    Ok(Exit::Held)
}

/// Prints the entries of one file.
struct Recorded<'a> {
    file: &'a str,
    printer: Printer<'a>,
    zoom: Zoom,
    model: Model,
    digest: Digest,
    /// The current trace has its last event or its report.
    is_complete: bool,
}

impl<'a> Recorded<'a> {
    fn new(file: &'a str, zoom: Zoom, out: &'a mut Out) -> Self {
        let printer = Printer::new(zoom, out);
        let (model, digest) = Default::default();
        Recorded { file, printer, zoom, model, digest, is_complete: false }
    }

    /// Prints one entry; the inner error is that of the entry itself.
    fn take(&mut self, entry: Entry, line: u64) -> Result<Result<(), ReadError>, Failure> {
        match entry {
            Entry::Header(_) if line == 1 => {}
            Entry::Header(_) => {
                self.end()?;
                self.printer.restart(self.zoom);
                (self.model, self.digest, self.is_complete) = Default::default();
            }
            Entry::Event(event) => {
                self.is_complete |= matches!(event.kind, EventKind::Finished);
                self.digest.observe(&event);
                self.model.feed(&event);
                self.printer.take(&event, &self.model);
            }
            Entry::Other(kind, object) => return self.other(&kind, object, line),
        }
        Ok(Ok(()))
    }

    /// Prints an object that is no event, as the command that wrote it does.
    fn other(
        &mut self,
        kind: &str,
        object: Map<String, Value>,
        line: u64,
    ) -> Result<Result<(), ReadError>, Failure> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match kind {
            "report" => {
                let Some(verdict) = Verdict::read(&object) else {
                    let message = "expected the report of a run, with its findings and counts";
                    let (file, message) = (self.file.to_owned(), message.to_owned());
                    return Ok(Err(ReadError { file, line, message }));
                };
                self.compare(&verdict);
                self.is_complete = true;
                self.printer.verdict(&verdict, &Value::Object(object))?;
                return Ok(Ok(()));
            }
            "file" => {
                let file = object.get("file").map(text).unwrap_or_default();
                self.printer.line(format_args!("# {file}"))?;
            }
            "options" => {
                let options = object.get("options").and_then(Value::as_object);
                for (key, value) in options.into_iter().flatten() {
                    self.printer.line(format_args!("# {key}={}", text(value)))?;
                }
            }
            _ => {}
        }
        self.printer.object(&Value::Object(object))?;
        Ok(Ok(()))
    }

    /// Warns if these are not the events of which the report tells.
    fn compare(&self, verdict: &Verdict) {
        let digest = json::digest(self.digest.value());
        if digest != verdict.digest() {
            warn(&format!(
                "{}: the trace was changed: the digest of its events is {digest}, and its report \
                 says {}",
                self.file,
                verdict.digest()
            ));
        }
    }

    /// Ends the current trace.
    fn end(&mut self) -> Result<(), Failure> {
        self.printer.end()?;
        if !self.is_complete {
            warn(&format!("{}: the trace ends before the end of the run", self.file));
        }
        Ok(())
    }
}
