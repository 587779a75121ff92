//! The engines of this process besides the event engine.

use crate::run::{Report, Run};
use crate::sim::schedule::Action;

use super::{EngineKind, Refused};

/// What the library asks of an engine that runs brokers and consumers as programs.
pub trait AsyncEngine: Sync {
    /// Whether its network can lose messages at random and retransmit them.
    fn loses(&self) -> bool;

    /// Why it does not support an action; `None` if it does.
    fn refusal(&self, action: &Action) -> Option<&'static str>;

    /// Carries out a schedule that it supports.
    ///
    /// # Errors
    ///
    /// When the machine does not have what the engine needs.
    fn run(&self, run: Run<'_>) -> Result<Report, Refused>;
}

/// The engine; `None` for the event engine, and for one that this process does not have.
#[cfg(feature = "engines")]
pub(super) fn find(engine: EngineKind) -> Option<&'static dyn AsyncEngine> {
    match engine {
        EngineKind::Sim => None,
        EngineKind::Turmoil => Some(&super::turmoil::TURMOIL),
        EngineKind::Madsim => super::plug::madsim(),
        EngineKind::Tcp => Some(&super::tcp::Loopback),
    }
}

/// Without the feature `engines` there is none.
#[cfg(not(feature = "engines"))]
pub(super) fn find(_engine: EngineKind) -> Option<&'static dyn AsyncEngine> {
    None
}
