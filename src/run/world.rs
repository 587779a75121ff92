//! What a schedule is carried out in: the simulator by itself, or the simulator as the core of
//! programs on another engine.

use std::time::Duration;

use crate::sim::schedule::Action;
use crate::sim::{Impossible, Sim};
use crate::time::Time;

/// A world with a [`Sim`] in it and a way to let time pass.
pub trait World {
    /// Access to the simulator core.
    fn core(&mut self) -> impl std::ops::DerefMut<Target = Sim>;

    /// How late a step may be carried out. Where time passes in ticks or in real time, a step does
    /// not always run at its exact time, and the time of the next one may have passed.
    fn lateness(&self) -> Duration {
        Duration::ZERO
    }

    /// Carries out the next event. If nothing happens up to `limit`, advances the clock to `limit`
    /// and returns false.
    fn next(&mut self, limit: Time) -> bool;

    /// Whether the run has been asked to stop.
    fn should_stop(&self) -> bool {
        false
    }

    /// Carries out an action of the schedule, except for those that let time pass or inspect the
    /// world.
    ///
    /// # Errors
    ///
    /// When the action is impossible now, or not supported in this world at all.
    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        self.core().apply(action)
    }
}

/// The event engine: its own queue has everything that happens.
impl World for Sim {
    fn core(&mut self) -> impl std::ops::DerefMut<Target = Sim> {
        self
    }

    fn next(&mut self, limit: Time) -> bool {
        let happens = self.next_time().is_some_and(|next| next <= limit);
        match happens {
            true => self.step(),
            false => self.idle_until(limit),
        }
        happens
    }
}
