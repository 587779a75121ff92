//! Events as `tracing` diagnostics, for whoever follows a run with `-v` or `RUST_LOG`.
//!
//! They carry virtual time and node. Nothing depends on them: a checker reads events, a snapshot is made
//! of rendered ones.

use tracing::Level;

use crate::trace::{Event, Kind, Names};

/// Speaks of events while somebody listens; costs a comparison when nobody does.
#[derive(Default)]
pub(super) struct Diagnostics {
    names: Names,
}

impl Diagnostics {
    pub(super) fn speak(&mut self, event: &Event) {
        if !tracing::enabled!(target: "groupsim", Level::INFO) {
            return;
        }
        self.names.learn(event);
        let (t, node) = (event.at, self.names.place(event.place));
        match &event.kind {
            Kind::Script { text, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{text}");
            }
            Kind::FaultBegan { fault, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{fault} begins");
            }
            Kind::FaultEnded { fault, .. } => {
                tracing::info!(target: "groupsim", %t, node, "{fault} ends");
            }
            Kind::Coordinator(what) => {
                tracing::debug!(target: "groupsim", %t, node, "{what:?}");
            }
            Kind::Consumer(what) => tracing::debug!(target: "groupsim", %t, node, "{what:?}"),
            kind => tracing::trace!(target: "groupsim", %t, node, "{kind:?}"),
        }
    }
}
