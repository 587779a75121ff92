//! What of a schedule an engine can express.
//!
//! A script says what somebody meant, so a line that an engine cannot express refuses the whole of it. A
//! generated schedule means nothing by any one line: there the line is left out, and counted. What undoes
//! such a line is refused as well (`unclog` with `clog`), so what is left is as valid as the whole was.

use crate::sim::schedule::{Action, Schedule};

use super::Engine;
use super::api::Engine as _;

/// What was left out of a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// How many of its lines.
    pub lines: u64,
    /// Whether its `aim=`.
    pub aim: bool,
    /// Whether its `loss=`.
    pub loss: bool,
}

impl LeftOut {
    /// Whether the schedule is whole.
    pub const fn is_nothing(self) -> bool {
        self.lines == 0 && !self.aim && !self.loss
    }
}

/// What of `schedule` an engine can express, and what is left out.
pub fn expressible(engine: Engine, mut schedule: Schedule) -> (Schedule, LeftOut) {
    let aim = engine != Engine::Sim && schedule.network.aim > 0;
    if aim {
        schedule.network.aim = 0;
    }
    let loss = !loses(engine) && schedule.network.loss > 0;
    if loss {
        schedule.network.loss = 0;
    }
    let before = schedule.steps.len();
    schedule.steps.retain(|step| refuses(engine, &step.action).is_none());
    let lines = (before - schedule.steps.len()) as u64;
    (schedule, LeftOut { lines, aim, loss })
}

/// Whether the network of an engine can lose messages by luck and send them again.
pub(super) fn loses(engine: Engine) -> bool {
    match engine {
        Engine::Sim => true,
        Engine::Turmoil => super::turmoil::Turmoil::LOSES,
        #[cfg(madsim)]
        Engine::Madsim => super::madsim::Madsim::LOSES,
        #[cfg(not(madsim))]
        Engine::Madsim => true,
        Engine::Tcp => super::tcp::Tcp::LOSES,
    }
}

/// Why an engine cannot express an action, if it cannot.
pub(super) fn refuses(engine: Engine, action: &Action) -> Option<&'static str> {
    match engine {
        Engine::Sim => None,
        Engine::Turmoil => super::turmoil::Turmoil::refusal(action),
        #[cfg(madsim)]
        Engine::Madsim => super::madsim::Madsim::refusal(action),
        #[cfg(not(madsim))]
        Engine::Madsim => None,
        Engine::Tcp => super::tcp::Tcp::refusal(action),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::engine::refusal;
    use crate::protocol::BrokerId;
    use crate::sim::schedule::{NodeName, Step};

    use super::*;

    fn schedule() -> Schedule {
        let link = || (NodeName::Consumer("c1".to_owned()), NodeName::Broker(BrokerId(0)));
        let clog = Action::Clog(link().0, link().1, Duration::from_secs(1));
        let unclog = Action::Unclog(link().0, link().1);
        let actions = [clog, Action::Advance(Duration::from_secs(2)), unclog];
        let steps = actions.into_iter().map(|action| Step { line: 0, at: None, action });
        let mut schedule = Schedule { steps: steps.collect(), ..Schedule::default() };
        schedule.network.aim = 20;
        schedule.network.loss = 5;
        schedule
    }

    #[test]
    fn the_event_engine_expresses_everything() {
        assert_eq!(expressible(Engine::Sim, schedule()), (schedule(), LeftOut::default()));
    }

    #[test]
    fn what_is_left_is_not_refused() {
        for engine in [Engine::Turmoil, Engine::Madsim, Engine::Tcp] {
            if engine == Engine::Madsim && cfg!(not(madsim)) {
                continue;
            }
            assert!(refusal(engine, &schedule()).is_some(), "{engine}");
            let (left, out) = expressible(engine, schedule());
            assert_eq!(refusal(engine, &left), None, "{engine}");
            assert!(out.aim && out.loss != loses(engine), "{engine}: {out:?}");
        }
    }

    #[cfg(madsim)]
    #[test]
    fn what_undoes_a_line_is_left_out_with_it() {
        let (left, out) = expressible(Engine::Madsim, schedule());
        assert_eq!((left.steps.len(), out), (1, LeftOut { lines: 2, aim: true, loss: false }));
    }
}
