//! The part of a schedule that an engine supports.
//!
//! A script is written on purpose, so an engine refuses a script as a whole if it does not support
//! one of its lines. In a generated schedule no single line matters, so unsupported lines are
//! skipped and counted. An engine that does not support an action does not support its counterpart
//! either (`clog` and `unclog`), so the remaining schedule is still valid.

use crate::sim::schedule::{Action, Schedule};

use super::{EngineKind, async_engine};

/// The parts of a schedule that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of its lines that were left out.
    pub lines: u64,
    /// Whether its `race=` was left out.
    pub race: bool,
    /// Whether its `loss=` was left out.
    pub loss: bool,
}

impl LeftOut {
    /// Whether nothing was left out.
    pub const fn is_nothing(self) -> bool {
        self.lines == 0 && !self.race && !self.loss
    }
}

/// The part of `schedule` that an engine supports, and what was left out.
pub fn expressible(engine: EngineKind, mut schedule: Schedule) -> (Schedule, LeftOut) {
    let race = engine != EngineKind::Sim && schedule.network.race > 0;
    if race {
        schedule.network.race = 0;
    }
    let loss = !loses(engine) && schedule.network.loss > 0;
    if loss {
        schedule.network.loss = 0;
    }
    let before = schedule.steps.len();
    schedule.steps.retain(|step| refuses(engine, &step.action).is_none());
    let lines = (before - schedule.steps.len()) as u64;
    (schedule, LeftOut { lines, race, loss })
}

/// Whether the network of an engine can lose messages at random and retransmit them.
pub(super) fn loses(engine: EngineKind) -> bool {
    async_engine::find(engine).is_none_or(|engine| engine.loses())
}

/// Why an engine does not support an action; `None` if it does.
pub(super) fn refuses(engine: EngineKind, action: &Action) -> Option<&'static str> {
    async_engine::find(engine)?.refusal(action)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        schedule.network.race = 20;
        schedule.network.loss = 5;
        schedule
    }

    #[test]
    fn the_event_engine_supports_everything() {
        assert_eq!(expressible(EngineKind::Sim, schedule()), (schedule(), LeftOut::default()));
    }

    #[cfg(feature = "engines")]
    #[test]
    fn the_remaining_schedule_is_not_refused() {
        use crate::engine::refusal;
        for engine in [EngineKind::Turmoil, EngineKind::Tcp] {
            assert!(refusal(engine, &schedule()).is_some(), "{engine}");
            let (left, out) = expressible(engine, schedule());
            assert_eq!(refusal(engine, &left), None, "{engine}");
            assert!(out.race && out.loss != loses(engine), "{engine}: {out:?}");
        }
    }
}
