//! The state of the cluster at a line: the brokers and which of them are down, changes of topics,
//! and the session timeouts that the brokers accept.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::script::error::{ScriptError, quoted};
use crate::script::lexer::Piece;
use crate::script::values::Parsed;
use crate::sim::schedule::BrokerSpec;
use crate::time::Pretty;

use super::Scope;

/// Brokers.
impl Scope {
    /// Declares the brokers of a `broker` line. `count` is `None` if the line has no valid count;
    /// then any broker is accepted.
    pub(in crate::script) fn declare_brokers(&mut self, broker: &BrokerSpec, count: Option<u8>) {
        self.brokers = Brokers { count, sessions: broker.min_session..=broker.max_session };
    }

    /// Checks that the broker exists.
    pub(in crate::script) fn broker(&self, place: Piece<'_>, broker: BrokerId) -> Parsed<()> {
        let Some(count) = self.brokers.count.filter(|count| broker.0 >= i32::from(*count)) else {
            return Ok(());
        };
        let message = format!("there is no broker {}", quoted(place.text));
        Err(ScriptError::new(place, message).label(match count {
            1 => "the only broker is `b0`".to_owned(),
            count => format!("the brokers are `b0` to `b{}`", count - 1),
        }))
    }

    /// Checks that the broker exists and is up.
    pub(in crate::script) fn broker_up(&self, place: Piece<'_>, broker: BrokerId) -> Parsed<()> {
        self.broker(place, broker)?;
        match self.down.contains(&broker) {
            false => Ok(()),
            true => Err(ScriptError::new(place, format!("`{broker}` is down"))
                .label("has crashed, and was not restarted since")),
        }
    }

    /// `crash`: the broker, which must be up, is down.
    pub(in crate::script) fn crash_broker(
        &mut self,
        place: Piece<'_>,
        broker: BrokerId,
    ) -> Parsed<()> {
        self.broker_up(place, broker)?;
        self.down.insert(broker);
        Ok(())
    }

    /// `restart`: the broker, which must be down, is up.
    pub(in crate::script) fn restart_broker(
        &mut self,
        place: Piece<'_>,
        broker: BrokerId,
    ) -> Parsed<()> {
        self.broker(place, broker)?;
        match self.down.remove(&broker) {
            true => Ok(()),
            false => Err(ScriptError::new(place, format!("`{broker}` is running"))
                .label("has not crashed since it was last started")),
        }
    }

    /// Checks that there is another broker for leadership to move to.
    pub(in crate::script) fn another_broker(&self, head: Piece<'_>) -> Parsed<()> {
        match self.brokers.count {
            Some(1) => Err(ScriptError::new(head, "there is no broker to move to")
                .label("the only broker is `b0`")
                .help("`to=b0` starts a new epoch on it; `broker count=3` adds brokers")),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that the brokers accept the session timeout of a consumer.
    pub(in crate::script) fn session(&self, place: Piece<'_>, session: Duration) -> Parsed<()> {
        let accepted = &self.brokers.sessions;
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
        match self.deleted.contains(name.text) {
            false => Ok(()),
            true => Err(ScriptError::new(name, format!("topic `{}` no longer exists", name.text))
                .label("deleted above")),
        }
    }

    /// `grow`: the topic has this many partitions from now on. The number is written at `place`.
    pub(in crate::script) fn grow(
        &mut self,
        topic: Piece<'_>,
        place: Piece<'_>,
        partitions: i32,
    ) -> Parsed<()> {
        match self.topics.get_mut(topic.text) {
            Some(Some(before)) if partitions <= *before => {
                let message = format!("`{}` cannot grow to {partitions} partitions", topic.text);
                let error = ScriptError::new(place, message);
                Err(error.label(format!("it already has {before}")))
            }
            Some(count) => {
                *count = Some(partitions);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// `delete-topic`: the topic is deleted. `expect` can still check its committed and processed
    /// offsets.
    pub(in crate::script) fn delete_topic(&mut self, name: Piece<'_>) {
        self.deleted.insert(name.text.to_owned());
    }
}

/// The brokers that the `broker` line declares.
pub(super) struct Brokers {
    /// The number of brokers; `None` if the line has no valid count.
    count: Option<u8>,
    /// The session timeouts that the brokers accept.
    sessions: RangeInclusive<Duration>,
}

impl Default for Brokers {
    fn default() -> Self {
        let default = BrokerSpec::default();
        Brokers { count: Some(default.count), sessions: default.min_session..=default.max_session }
    }
}
