//! The application: it polls, and takes time to process the records that a poll returns.

use std::time::Duration;

use crate::time::Time;

use super::ClientObservation;
use super::context::{Context, always};
use super::partitions::{Partitions, Range};

pub(super) struct App {
    activity: Activity,
    /// How long the application takes for one record, if it differs from the configuration.
    processing_time: Option<Duration>,
}

enum Activity {
    /// It is inside `poll()`.
    Polling,
    /// It processes a batch.
    Processing {
        /// When `poll()` returned.
        polled_at: Time,
        /// When it will have finished the batch.
        until: Time,
        batch: Vec<Range>,
    },
}

impl App {
    pub(super) fn new() -> Self {
        App { activity: Activity::Polling, processing_time: None }
    }

    pub(super) fn is_polling(&self) -> bool {
        matches!(self.activity, Activity::Polling)
    }

    /// When the application will have finished its batch; `None` while it polls.
    pub(super) fn busy_until(&self) -> Option<Time> {
        match self.activity {
            Activity::Polling => None,
            Activity::Processing { until, .. } => Some(until),
        }
    }

    /// When an application that is processing a batch is late for its next poll.
    pub(super) fn poll_interval_deadline(&self, max_poll_interval: Duration) -> Time {
        match self.activity {
            Activity::Polling => Time::NEVER,
            Activity::Processing { polled_at, .. } => polled_at + max_poll_interval,
        }
    }

    /// Ends the application's batch if its processing time is over.
    pub(super) fn finish_batch(&mut self, cx: &mut Context) {
        match &mut self.activity {
            Activity::Processing { until, batch, .. } if *until <= cx.now => {
                for (partition, first, next) in std::mem::take(batch) {
                    cx.observe(ClientObservation::Processed { partition, first, next });
                }
                self.activity = Activity::Polling;
            }
            Activity::Processing { .. } | Activity::Polling => {}
        }
    }

    /// Returns buffered records from `poll()`, if there are any.
    pub(super) fn deliver(&mut self, cx: &mut Context, partitions: &mut Partitions) {
        always!(cx, self.is_polling(), "returns records to an application that does not poll");
        let batch = partitions.hand_out(cx);
        let count = count(&batch);
        if count > 0 {
            always!(
                cx,
                count as usize <= cx.config.max_poll_records,
                "returns {count} records from one poll"
            );
            let until = cx.now + self.processing_time(cx) * count;
            self.activity = Activity::Processing { polled_at: cx.now, until, batch };
        }
    }

    fn processing_time(&self, cx: &Context) -> Duration {
        self.processing_time.unwrap_or(cx.config.processing_time)
    }

    /// Changes the application's pace. This applies to the current batch, too, if it makes the
    /// batch end sooner.
    pub(super) fn set_processing_time(&mut self, now: Time, each: Duration) {
        self.processing_time = Some(each);
        if let Activity::Processing { until, batch, .. } = &mut self.activity {
            *until = (*until).min(now + each * count(batch));
        }
    }
}

/// The number of records.
fn count(batch: &[Range]) -> u32 {
    batch.iter().map(|(_, first, next)| next - first).sum::<i64>() as u32
}
