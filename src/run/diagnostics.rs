//! Events as `tracing` diagnostics, for following a run with `-v` or `RUST_LOG`.
//!
//! They carry virtual time and node. Nothing depends on them: checkers read events, and snapshots
//! contain rendered events.

use tracing::Level;

use crate::trace::{Event, EventKind, Names};

/// Emits events as diagnostics if a subscriber is interested. Otherwise it costs one comparison.
#[derive(Default)]
pub(super) struct Diagnostics {
    names: Names,
}

impl Diagnostics {
    pub(super) fn emit(&mut self, event: &Event) {
        if !tracing::enabled!(target: "groupsim", Level::INFO) {
            return;
        }
        self.names.learn(event);
        let (t, node) = (event.at, self.names.place(event.place));
        match &event.kind {
            EventKind::Script { text, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{text}");
            }
            EventKind::FaultBegan { fault, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{fault} begins");
            }
            EventKind::FaultEnded { fault, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{fault} ends");
            }
            EventKind::Coordinator(observation) => {
                tracing::debug!(target: "groupsim", %t, node, "{observation:?}");
            }
            EventKind::Consumer(observation) => {
                tracing::debug!(target: "groupsim", %t, node, "{observation:?}")
            }
            kind => tracing::trace!(target: "groupsim", %t, node, "{kind:?}"),
        }
    }
}
