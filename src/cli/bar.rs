//! How far a swarm is, on a terminal; nothing in a pipe.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::swarm::Progress;

use super::human;

/// A progress bar.
pub struct Bar {
    bar: ProgressBar,
    so_far: Mutex<(Duration, u64)>,
}

impl Bar {
    /// For so many seeds; none when there is no end to them.
    pub fn new(seeds: Option<u64>) -> Bar {
        let bar = match (std::io::stderr().is_terminal(), seeds) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(seeds)) => ProgressBar::new(seeds),
            (true, None) => ProgressBar::no_length(),
        };
        let style = ProgressStyle::with_template(match seeds {
            Some(_) => {
                "{bar:30} {human_pos}/{human_len} seeds, {msg}, {elapsed} of about {duration}"
            }
            None => "{spinner} {human_pos} seeds, {msg}, {elapsed}",
        });
        bar.set_style(style.expect("the template is well-formed"));
        Bar { bar, so_far: Mutex::default() }
    }

    /// A seed is done.
    pub fn step(&self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        so_far.0 += progress.simulated;
        so_far.1 += u64::from(progress.found);
        let (simulated, found) = *so_far;
        self.bar.set_message(format!("{} simulated, {found} found", human::duration(simulated)));
        self.bar.inc(1);
    }

    /// All are.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
