//! The phases of a coordinator's term, and the inputs that each permits.

use crate::coordinator::api::Input;

/// Where a coordinator is in its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It replays the log.
    Loading,
    /// It handles requests.
    Serving,
    /// Its term is over: every group is Dead.
    Unloaded,
}

impl Phase {
    /// The phase after an input.
    ///
    /// # Panics
    ///
    /// If the host may not pass this input now.
    pub(crate) fn after(self, input: &Input<'_>) -> Phase {
        match (self, input) {
            (_, Input::Metadata { .. }) => self,
            (Phase::Loading, Input::Replay { .. }) => Phase::Loading,
            (Phase::Loading, Input::Loaded) => Phase::Serving,
            (Phase::Loading | Phase::Serving, Input::Unload) => Phase::Unloaded,
            (
                Phase::Serving | Phase::Unloaded,
                Input::Request(_)
                | Input::Committed(_)
                | Input::AppendFailed { .. }
                | Input::WriteTimedOut(_)
                | Input::ReplayedCommitted,
            ) => self,
            (phase, input) => panic!("the host passed {input:?} to a coordinator in {phase:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_loaded_once_and_unloaded_once() {
        let phase = Phase::Loading.after(&Input::Loaded);
        assert_eq!(phase, Phase::Serving);
        assert_eq!(phase.after(&Input::Unload), Phase::Unloaded);
    }

    #[test]
    #[should_panic(expected = "the host passed Loaded to a coordinator in Serving")]
    fn a_host_that_loads_twice_has_a_bug() {
        Phase::Serving.after(&Input::Loaded);
    }
}
