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

use std::sync::OnceLock;

use crate::run::{Report, Run};
use crate::sim::schedule::{Action, Schedule};

use super::Refused;
use super::addresses::Addresses;
use super::async_engine::AsyncEngine;
use super::world::on_own_thread;

pub use super::addresses::{of as address_of, of_brokers as addresses_of_brokers};
pub use super::api::Engine;
pub use super::driver::{Limits, broker, consumer};
pub use super::net::Net;
pub use super::router::Router;

/// A new engine, its network, and the address of each broker.
pub type Parts<E> = (E, <E as Engine>::Net, Addresses);

/// An engine that a program plugs in: how one is made for a schedule.
pub struct Plug<E: Engine>(pub fn(&Schedule) -> Parts<E>);

impl<E: Engine + 'static> AsyncEngine for Plug<E> {
    fn loses(&self) -> bool {
        E::LOSES
    }

    fn refusal(&self, action: &Action) -> Option<&'static str> {
        E::refusal(action)
    }

    fn run(&self, run: Run<'_>) -> Result<Report, Refused> {
        Ok(on_own_thread(run, self.0))
    }
}

static MADSIM: OnceLock<&dyn AsyncEngine> = OnceLock::new();

/// Makes madsim available in this process. Only the first call has an effect.
pub fn plug_in(madsim: &'static dyn AsyncEngine) {
    let _ = MADSIM.set(madsim);
}

/// madsim, in a program that has plugged it in.
pub(super) fn madsim() -> Option<&'static dyn AsyncEngine> {
    MADSIM.get().copied()
}
