//! Progress bars, on a terminal only. The variable part comes last and is cut off at the width of
//! the terminal: a line that wraps would leave its first half behind at each step.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::swarm::Progress;

use super::human;

/// The progress bar of a swarm.
pub struct Bar {
    bar: ProgressBar,
    /// The virtual time and the number of seeds with a finding so far.
    so_far: Mutex<(Duration, u64)>,
}

impl Bar {
    /// A bar for this many seeds; `None` for an endless range.
    pub fn new(seeds: Option<u64>) -> Bar {
        let bar = match (std::io::stderr().is_terminal(), seeds) {
            (false, _) => ProgressBar::hidden(),
            (true, Some(seeds)) => ProgressBar::new(seeds),
            (true, None) => ProgressBar::no_length(),
        };
        Bar::of(bar.with_style(style(seeds.is_some())))
    }

    fn of(bar: ProgressBar) -> Bar {
        Bar { bar, so_far: Mutex::default() }
    }

    /// Counts a completed seed.
    pub fn step(&self, progress: Progress) {
        if self.bar.is_hidden() {
            return;
        }
        let mut so_far = self.so_far.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        so_far.0 += progress.simulated;
        so_far.1 += u64::from(progress.found);
        let (simulated, found) = *so_far;
        self.bar.set_message(format!("{found} found, {} simulated", human::duration(simulated)));
        self.bar.inc(1);
    }

    /// Removes the bar from the terminal.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(has_end: bool) -> ProgressStyle {
    let style = ProgressStyle::with_template(match has_end {
        true => "{bar:12} {human_pos}/{human_len}, {elapsed} of {duration}, {wide_msg}",
        false => "{spinner} {human_pos} done, {elapsed}, {wide_msg}",
    });
    style.expect("the template is well-formed")
}

/// A spinner with a changing message, for work without a known end.
pub fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    ProgressBar::new_spinner().with_style(style.expect("the template is well-formed"))
}

#[cfg(test)]
mod tests {
    use indicatif::{InMemoryTerm, ProgressDrawTarget};

    use super::*;

    /// The content of a terminal of this width after three steps of a swarm.
    fn screen(width: u16, seeds: Option<u64>) -> String {
        let term = InMemoryTerm::new(10, width);
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        let bar = ProgressBar::with_draw_target(seeds, target).with_style(style(seeds.is_some()));
        let bar = Bar::of(bar);
        for _ in 0..3 {
            let simulated = Duration::from_secs(1_000_000);
            bar.step(Progress { simulated, found: true });
            bar.bar.force_draw();
        }
        term.contents()
    }

    #[test]
    fn the_bar_takes_one_line_of_a_narrow_terminal() {
        for (width, seeds) in [(60, Some(1_000_000)), (60, None), (50, Some(1_000)), (120, Some(9))]
        {
            let screen = screen(width, seeds);
            assert_eq!(screen.lines().count(), 1, "{screen}");
            assert!(screen.contains("3 found"), "{screen}");
        }
    }
}
