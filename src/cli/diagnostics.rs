//! `-v` and `RUST_LOG`: diagnostics on stderr.
//!
//! Events of a run carry the virtual time and the node in the fields `t` and `node`. They are
//! printed first, in place of the wall clock. Neither traces nor invariants depend on these events.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::out::Failure;

/// Sends diagnostics to stderr: those that `RUST_LOG` selects, else those of `-v` or `-vv`, else
/// warnings.
pub fn install(verbose: u8) -> Result<(), Failure> {
    let filter = match (std::env::var("RUST_LOG"), verbose) {
        (Ok(filter), _) if !filter.is_empty() => filter,
        (_, 0) => "groupsim=warn".to_owned(),
        (_, 1) => "groupsim=debug".to_owned(),
        (_, _) => "groupsim=trace".to_owned(),
    };
    let filter = EnvFilter::builder()
        .parse(&filter)
        .map_err(|error| Failure::Usage(format!("RUST_LOG={filter}: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // An error about an unwritable stderr would itself go to stderr, and panic.
        .log_internal_errors(false)
        .event_format(VirtualTime)
        .try_init()
        .map_err(|error| Failure::Usage(format!("cannot set up diagnostics: {error}")))
}

/// Formats an event as `12.345678 b0 DEBUG groupsim::sim: message key=value`.
struct VirtualTime;

impl<S, N> FormatEvent<S, N> for VirtualTime
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let at = line.at.as_deref().unwrap_or("-");
        let node = line.node.as_deref().unwrap_or("-");
        let meta = event.metadata();
        write!(to, "{at:>12} {node:<5} {:<5} {}:", meta.level(), meta.target())?;
        writeln!(to, "{}{}", line.message, line.fields)
    }
}

/// The fields of an event, by their place in the line.
#[derive(Default)]
struct Line {
    at: Option<String>,
    node: Option<String>,
    message: String,
    fields: String,
}

impl Line {
    fn put(&mut self, name: &str, value: fmt::Arguments<'_>) {
        match name {
            "t" => self.at = Some(value.to_string()),
            "node" => self.node = Some(value.to_string()),
            "message" => self.message = format!(" {value}"),
            _ => {
                let _ = write!(self.fields, " {name}={value}");
            }
        }
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn virtual_time_and_node_come_first() {
        let shared = Shared::default();
        let to = shared.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || to.clone())
            .event_format(VirtualTime)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let t = crate::time::Time::from_micros(12_345_678);
            tracing::debug!(target: "groupsim::sim", %t, node = "b0", timers = 3, "woke up");
            tracing::warn!(target: "groupsim::cli", "no time here");
        });
        let text = String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "   12.345678 b0    DEBUG groupsim::sim: woke up timers=3");
        assert_eq!(lines[1], "           - -     WARN  groupsim::cli: no time here");
    }
}
