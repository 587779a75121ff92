//! What a schedule is carried out in: the simulator by itself, or the simulator as the stage of programs
//! that run on another engine.

use std::time::Duration;

use crate::sim::schedule::Action;
use crate::sim::{Impossible, Sim};
use crate::time::Time;

/// A world with a [`Sim`] in it and a way to let time pass.
pub trait World {
    /// Looks at the stage.
    fn stage(&mut self) -> impl std::ops::DerefMut<Target = Sim>;

    /// How late a line of the schedule may be carried out. Where time goes by in ticks, or by itself, a line is
    /// not always carried out at its very instant, and the next one finds its time over.
    fn lateness(&self) -> Duration {
        Duration::ZERO
    }

    /// Lets the next thing happen. When nothing happens up to `limit`, the clock is at `limit` and this is
    /// false.
    fn next(&mut self, limit: Time) -> bool;

    /// Whether somebody has asked the run to end.
    fn is_over(&self) -> bool {
        false
    }

    /// Does what a line of the schedule does to the world; lines that let time pass or look at the world are
    /// not given to it.
    ///
    /// # Errors
    ///
    /// When it cannot be done now, or can never be expressed in this world.
    fn apply(&mut self, action: &Action) -> Result<(), Impossible> {
        self.stage().apply(action)
    }
}

/// The event engine: its own queue is all that happens.
impl World for Sim {
    fn stage(&mut self) -> impl std::ops::DerefMut<Target = Sim> {
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
