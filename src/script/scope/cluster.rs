//! What a script has said of the cluster: which brokers there are and which are down, what the topics have
//! become since their lines, and which sessions the brokers accept.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::protocol::BrokerId;
use crate::script::error::{ScriptError, quoted};
use crate::script::lexer::Piece;
use crate::script::values::Read;
use crate::sim::schedule::BrokerSpec;
use crate::time::Pretty;

use super::Scope;

/// Brokers.
impl Scope {
    /// A `broker` line has set these. `count` of them, or any number when the line could not say.
    pub(in crate::script) fn declare_brokers(&mut self, broker: &BrokerSpec, count: Option<u8>) {
        self.brokers = Brokers { count, sessions: broker.min_session..=broker.max_session };
    }

    /// There must be a broker of that number.
    pub(in crate::script) fn broker(&self, place: Piece<'_>, broker: BrokerId) -> Read<()> {
        let Some(count) = self.brokers.count.filter(|count| broker.0 >= i32::from(*count)) else {
            return Ok(());
        };
        let message = format!("there is no broker {}", quoted(place.text));
        Err(ScriptError::new(place, message).label(match count {
            1 => "the only broker is `b0`".to_owned(),
            count => format!("the brokers are `b0` to `b{}`", count - 1),
        }))
    }

    /// There must be a broker of that number, and it must run.
    pub(in crate::script) fn broker_up(&self, place: Piece<'_>, broker: BrokerId) -> Read<()> {
        self.broker(place, broker)?;
        match self.down.contains(&broker) {
            false => Ok(()),
            true => Err(ScriptError::new(place, format!("`{broker}` is down"))
                .label("has crashed, and not been restarted since")),
        }
    }

    /// `crash`: the broker, which must run, is down.
    pub(in crate::script) fn crash_broker(
        &mut self,
        place: Piece<'_>,
        broker: BrokerId,
    ) -> Read<()> {
        self.broker_up(place, broker)?;
        self.down.insert(broker);
        Ok(())
    }

    /// `restart`: the broker, which must be down, runs.
    pub(in crate::script) fn restart_broker(
        &mut self,
        place: Piece<'_>,
        broker: BrokerId,
    ) -> Read<()> {
        self.broker(place, broker)?;
        match self.down.remove(&broker) {
            true => Ok(()),
            false => Err(ScriptError::new(place, format!("`{broker}` is running"))
                .label("has not crashed since it was last started")),
        }
    }

    /// There must be more than one broker for the leadership to move to another one.
    pub(in crate::script) fn another_broker(&self, head: Piece<'_>) -> Read<()> {
        match self.brokers.count {
            Some(1) => Err(ScriptError::new(head, "there is no broker to move to")
                .label("the only broker is `b0`")
                .help("`to=b0` gives it a new epoch; `broker count=3` makes more brokers")),
            Some(_) | None => Ok(()),
        }
    }

    /// The session timeout of a consumer that starts on this line must be one that the brokers accept.
    pub(in crate::script) fn session(&self, place: Piece<'_>, session: Duration) -> Read<()> {
        let accepted = &self.brokers.sessions;
        if accepted.contains(&session) {
            return Ok(());
        }
        let (min, max) = (Pretty(*accepted.start()), Pretty(*accepted.end()));
        let message = format!("a session of {} is out of bounds", quoted(place.text));
        Err(ScriptError::new(place, message).label(format!("the broker accepts {min} to {max}")))
    }

    /// As [`Self::session`], of a `group` line: the `broker` line may still come.
    pub(in crate::script) fn session_later(&mut self, place: Piece<'_>, session: Duration) {
        self.sessions.push((place.text.to_owned(), place.start, session));
    }
}

/// Topics, as the steps change them.
impl Scope {
    /// The topic must exist and not have been deleted.
    pub(in crate::script) fn live_topic(&self, name: Piece<'_>) -> Read<()> {
        self.topic(name)?;
        match self.deleted.contains(name.text) {
            false => Ok(()),
            true => Err(ScriptError::new(name, format!("there is no `{}` any more", name.text))
                .label("deleted above")),
        }
    }

    /// `grow`: the topic has that many partitions from here on; `place` is where the number stands.
    pub(in crate::script) fn grow(
        &mut self,
        topic: Piece<'_>,
        place: Piece<'_>,
        partitions: i32,
    ) -> Read<()> {
        match self.topics.get_mut(topic.text) {
            Some(Some(before)) if partitions <= *before => {
                let message = format!("`{}` cannot grow to that", topic.text);
                let error = ScriptError::new(place, message);
                Err(error.label(format!("it has {before} already, and never fewer")))
            }
            Some(count) => {
                *count = Some(partitions);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// `delete-topic`: the topic is gone. What was committed or processed may still be asked about.
    pub(in crate::script) fn delete_topic(&mut self, name: Piece<'_>) {
        self.deleted.insert(name.text.to_owned());
    }
}

/// What the `broker` line says.
pub(super) struct Brokers {
    /// How many there are; nothing when the line could not say.
    count: Option<u8>,
    /// The session timeouts they accept.
    sessions: RangeInclusive<Duration>,
}

impl Default for Brokers {
    fn default() -> Self {
        let usual = BrokerSpec::default();
        Brokers { count: Some(usual.count), sessions: usual.min_session..=usual.max_session }
    }
}
