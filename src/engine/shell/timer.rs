//! Waking a state machine at its deadlines.

use std::rc::Rc;

use crate::engine::hub::{Hub, Mailbox};
use crate::engine::net::Net;
use crate::sim::hosted::Host;

/// Waits until a host has something to do: its deadline has come, which is done here, or there is mail.
pub(super) async fn next<N: Net>(hub: &Hub<N>, host: Host, mailbox: &Rc<Mailbox>) {
    let deadline = hub.stage().deadline(host);
    let Some(deadline) = deadline else {
        return mailbox.look.notified().await;
    };
    if deadline > hub.net().now() {
        tokio::select! {
            biased;
            () = mailbox.look.notified() => return,
            () = hub.net().sleep_until(deadline) => {}
        }
    }
    hub.enter(|sim| sim.advance(host));
}
