//! The interface for an engine that is not part of this library.
//!
//! madsim replaces `clock_gettime`, `getrandom` and other functions of libc in every process that
//! links it. So neither the library nor the `groupsim` program links it. A program that wants
//! madsim implements [`Engine`] and [`Net`] for it, and calls [`plug_in`] before anything else;
//! from then on [`EngineKind::Madsim`](super::EngineKind::Madsim) is available in that process.
//! `tests/engines/madsim/` has the only implementation, which an example program and the tests
//! share.
//!
//! Hidden from the documentation: it exposes what drivers and engines share, and changes with them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::OnceLock;

use crate::protocol::BrokerId;
use crate::run::{Checks, Report, Systems};
use crate::sim::schedule::{Action, Schedule};
use crate::trace::Event;

pub use super::addresses::{of as address_of, of_brokers as addresses_of_brokers};
pub use super::api::Engine;
pub use super::driver::{Limits, broker, consumer};
pub use super::net::Net;
pub use super::router::Router;

/// A new engine, its network, and the address of each broker.
pub type Parts<E> = (E, <E as Engine>::Net, BTreeMap<BrokerId, SocketAddr>);

/// An engine that a program plugs in: how one is made for a schedule.
pub struct Plug<E: Engine>(pub fn(&Schedule) -> Parts<E>);

/// What the library asks a plugged engine for.
pub trait Plugged: Sync {
    /// Whether its network can lose messages at random and retransmit them.
    fn loses(&self) -> bool;

    /// Why it does not support an action; `None` if it does.
    fn refusal(&self, action: &Action) -> Option<&'static str>;

    /// Carries out a schedule that it supports.
    fn run(
        &self,
        schedule: &Schedule,
        systems: &Systems,
        checks: Checks,
        watch: &mut dyn FnMut(&Event),
    ) -> Report;
}

impl<E: Engine + 'static> Plugged for Plug<E> {
    fn loses(&self) -> bool {
        E::LOSES
    }

    fn refusal(&self, action: &Action) -> Option<&'static str> {
        E::refusal(action)
    }

    fn run(
        &self,
        schedule: &Schedule,
        systems: &Systems,
        checks: Checks,
        watch: &mut dyn FnMut(&Event),
    ) -> Report {
        super::on_own_thread(schedule, systems, checks, watch, self.0)
    }
}

static MADSIM: OnceLock<&dyn Plugged> = OnceLock::new();

/// Makes madsim available in this process. Only the first call has an effect.
pub fn plug_in(madsim: &'static dyn Plugged) {
    let _ = MADSIM.set(madsim);
}

/// madsim, in a program that has plugged it in.
pub(super) fn madsim() -> Option<&'static dyn Plugged> {
    MADSIM.get().copied()
}
