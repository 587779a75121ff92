//! Wakes a state machine at its deadlines.

use std::rc::Rc;

use crate::engine::net::Net;
use crate::engine::router::{Mailbox, Router};
use crate::sim::hosted::Process;

/// Waits for a process's deadline and lets the process handle it. Returns early if its mailbox is
/// notified.
pub(super) async fn next<N: Net>(router: &Router<N>, process: Process, mailbox: &Rc<Mailbox>) {
    let deadline = router.core().deadline(process);
    let Some(deadline) = deadline else {
        return mailbox.wake.notified().await;
    };
    if deadline > router.net().now() {
        tokio::select! {
            biased;
            () = mailbox.wake.notified() => return,
            () = router.net().sleep_until(deadline) => {}
        }
    }
    router.enter(|sim| sim.advance(process));
}
