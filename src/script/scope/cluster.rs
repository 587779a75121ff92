//! The cluster at a line: the brokers and which of them are down, topics that change, and the
//! session timeouts that the brokers accept.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::script::error::{ScriptError, quoted};
use crate::script::lexer::Piece;
use crate::script::values::Parsed;
use crate::sim::schedule::BrokerSpec;
use crate::sim::schedule::legal::{self, Illegal};
use crate::time::Pretty;

use super::Scope;

/// Brokers.
impl Scope {
    /// Declares the brokers of a `broker` line. `count` is `None` if the line has no valid count;
    /// then any broker is accepted.
    pub(in crate::script) fn declare_brokers(&mut self, broker: &BrokerSpec, count: Option<u8>) {
        self.cluster.set_brokers(count);
        self.accepted = Sessions(broker.min_session..=broker.max_session);
    }

    /// Checks that the broker exists.
    pub(in crate::script) fn broker(&self, place: Piece<'_>, broker: BrokerId) -> Parsed<()> {
        legal::broker_exists(&self.cluster, broker).map_err(|_| {
            let message = format!("there is no broker {}", quoted(place.text));
            ScriptError::new(place, message).label(match self.cluster.broker_count() {
                None | Some(1) => "the only broker is `b0`".to_owned(),
                Some(count) => format!("the brokers are `b0` to `b{}`", count - 1),
            })
        })
    }

    /// Checks that the broker exists and is up.
    pub(in crate::script) fn broker_up(&self, place: Piece<'_>, broker: BrokerId) -> Parsed<()> {
        self.broker(place, broker)?;
        legal::is_up(&self.cluster, broker).map_err(|_| {
            ScriptError::new(place, format!("`{broker}` is down"))
                .label("has crashed, and was not restarted since")
        })
    }

    /// Checks that the broker exists and is down.
    pub(in crate::script) fn broker_down(&self, place: Piece<'_>, broker: BrokerId) -> Parsed<()> {
        self.broker(place, broker)?;
        legal::is_down(&self.cluster, broker).map_err(|_| {
            ScriptError::new(place, format!("`{broker}` is running"))
                .label("has not crashed since it was last started")
        })
    }

    /// Checks that there is another broker for leadership to move to. It is legal to move to the
    /// same one, but a line that means that says so.
    pub(in crate::script) fn another_broker(&self, head: Piece<'_>) -> Parsed<()> {
        match self.cluster.broker_count() {
            Some(1) => Err(ScriptError::new(head, "there is no broker to move to")
                .label("the only broker is `b0`")
                .help("`to=b0` starts a new epoch on it; `broker count=3` adds brokers")),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the brokers accept the session timeout of a consumer.
    pub(in crate::script) fn session(&self, place: Piece<'_>, session: Duration) -> Parsed<()> {
        let Sessions(accepted) = &self.accepted;
        if accepted.contains(&session) {
            return Ok(());
        }
        let (min, max) = (Pretty(*accepted.start()), Pretty(*accepted.end()));
        let message = format!("the session timeout {} is out of range", quoted(place.text));
        Err(ScriptError::new(place, message).label(format!("brokers accept {min} to {max}")))
    }

    /// Like [`Self::session`], for a `group` line. The check is deferred, because the `broker` line
    /// can come later.
    pub(in crate::script) fn session_later(&mut self, place: Piece<'_>, session: Duration) {
        self.sessions.push((place.text.to_owned(), place.start, session));
    }
}

/// Topics, as the steps change them.
impl Scope {
    /// Checks that the topic is declared and was not deleted.
    pub(in crate::script) fn live_topic(&self, name: Piece<'_>) -> Parsed<()> {
        self.topic(name)?;
        legal::topic_exists(&self.cluster, name.text).map_err(|_| {
            ScriptError::new(name, format!("topic `{}` no longer exists", name.text))
                .label("deleted above")
        })
    }

    /// Checks that the topic can grow to this many partitions, a number that is written at `place`.
    pub(in crate::script) fn may_grow(
        &self,
        topic: Piece<'_>,
        place: Piece<'_>,
        partitions: i32,
    ) -> Parsed<()> {
        match legal::grows(&self.cluster, topic.text, partitions) {
            Err(Illegal::NotMore { partitions: before, .. }) => {
                let message = format!("`{}` cannot grow to {partitions} partitions", topic.text);
                let error = ScriptError::new(place, message);
                Err(error.label(format!("it already has {before}")))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// The session timeouts that the brokers accept.
pub(super) struct Sessions(RangeInclusive<Duration>);

impl Default for Sessions {
    fn default() -> Self {
        let default = BrokerSpec::default();
        Sessions(default.min_session..=default.max_session)
    }
}
