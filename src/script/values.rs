//! Parses the values of the language, one function per kind of value.
//!
//! Only the value itself is checked here; [`super::scope`] checks whether a name is declared.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::assignor::Assignor;
use crate::client::{MemberState, Purpose};
use crate::coordinator::GroupState;
use crate::protocol::{
    Api, BrokerId, OTHER_ERROR, TopicName, TopicPartition, error_name, str_bytes,
};
use crate::sim::schedule::{
    NodeName, RefusedWith, Side, Tail, group_state_word, member_state_word,
};

use crate::time::Pretty;

use super::error::{ScriptError, quoted};
use super::lexer::Piece;
use super::{kafka, suggest};

/// A value or its error.
pub(super) type Parsed<T> = Result<T, ScriptError>;

/// The longest duration.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The largest number of partitions of a topic.
pub(super) const MOST_PARTITIONS: i32 = 100_000;

/// The largest count of records, messages or offsets.
pub(super) const MOST_COUNTED: i64 = 1_000_000;

/// The highest rate of the workload for one topic, in records per minute.
pub(super) const MOST_PER_MINUTE: i64 = 6_000_000;

/// The largest number of brokers.
pub(super) const MOST_BROKERS: i64 = 100;

/// The longest commit time and the longest linger. The deadlines of the invariants allow for these.
const MOST_COMMIT: Duration = Duration::from_secs(4);
const MOST_LINGER: Duration = Duration::from_secs(1);

/// The largest number of consumers in a script.
pub(super) const MOST_CONSUMERS: usize = 10_000;

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;

/// A duration above zero.
pub(super) fn duration(piece: Piece<'_>) -> Parsed<Duration> {
    match duration_or_zero(piece)? {
        Duration::ZERO => Err(ScriptError::new(piece, "the duration must not be zero")
            .label("expected a duration above zero")),
        duration => Ok(duration),
    }
}

/// A duration, possibly zero.
pub(super) fn duration_or_zero(piece: Piece<'_>) -> Parsed<Duration> {
    // Longer words are out of range, and some of them make humantime 2.4 panic: it adds
    // 18446744073709551615s and 1000ms without checking for overflow of the Duration.
    const MOST_CHARACTERS: usize = 20;
    let malformed = |label: String| {
        ScriptError::new(piece, format!("{} is not a duration", quoted(piece.text)))
            .label(label)
            .help("write a number and a unit (us, ms, s, m, h, d), such as 250ms, 10s, 2m")
    };
    if piece.text.len() > MOST_CHARACTERS {
        return Err(malformed("expected a duration".to_owned()));
    }
    let duration = humantime::parse_duration(piece.text).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, value, .. } if unit.is_empty() => {
            let error = malformed("the unit is missing".to_owned());
            let millis = Pretty(Duration::from_millis(value));
            match Duration::from_millis(value) {
                Duration::ZERO => error,
                // Kafka settings in milliseconds have no unit.
                _ => error.help(format!(
                    "write {millis} for {value} milliseconds, {value}s for {value} seconds"
                )),
            }
        }
        humantime::DurationError::UnknownUnit { unit, .. } => {
            malformed(format!("there is no unit {}", quoted(&unit)))
        }
        _ => malformed("expected a duration".to_owned()),
    })?;
    if duration > LONGEST {
        return Err(ScriptError::new(piece, format!("{} is too long", quoted(piece.text)))
            .label("at most 30 days"));
    }
    if duration.subsec_nanos() % 1_000 != 0 {
        return Err(ScriptError::new(piece, format!("{} is too precise", quoted(piece.text)))
            .label("virtual time has a resolution of 1us"));
    }
    Ok(duration)
}

/// A Kafka setting in milliseconds, above zero.
pub(super) fn millis(piece: Piece<'_>) -> Parsed<Duration> {
    whole_millis(piece, duration(piece)?)
}

/// A Kafka setting in milliseconds, possibly zero.
pub(super) fn millis_or_zero(piece: Piece<'_>) -> Parsed<Duration> {
    whole_millis(piece, duration_or_zero(piece)?)
}

fn whole_millis(piece: Piece<'_>, duration: Duration) -> Parsed<Duration> {
    if !duration.subsec_micros().is_multiple_of(1_000) {
        return Err(ScriptError::new(piece, format!("{} is too precise", quoted(piece.text)))
            .label("this Kafka setting has a resolution of 1ms"));
    }
    Ok(duration)
}

/// The time from an append to its commit.
pub(super) fn commit(piece: Piece<'_>) -> Parsed<RangeInclusive<Duration>> {
    let range = range(piece)?;
    at_most(piece, *range.end(), MOST_COMMIT)?;
    Ok(range)
}

/// The value of `group.coordinator.append.linger.ms`.
pub(super) fn linger(piece: Piece<'_>) -> Parsed<Duration> {
    let linger = millis_or_zero(piece)?;
    at_most(piece, linger, MOST_LINGER)?;
    Ok(linger)
}

/// Checks an upper limit. A log that takes longer has failed; `stall` simulates that, and
/// invariants take it into account.
fn at_most(piece: Piece<'_>, length: Duration, most: Duration) -> Parsed<()> {
    match length <= most {
        true => Ok(()),
        false => Err(ScriptError::new(piece, format!("{} is too long", quoted(piece.text)))
            .label(format!("at most {}", Pretty(most)))
            .help("use `stall` for a log that takes longer")),
    }
}

/// A range such as `1ms..5ms`, or a single duration such as `2ms`.
pub(super) fn range(piece: Piece<'_>) -> Parsed<RangeInclusive<Duration>> {
    let Some((low, high)) = piece.split_once("..") else {
        let exactly = duration_or_zero(piece)?;
        return Ok(exactly..=exactly);
    };
    let range = duration_or_zero(low)?..=duration_or_zero(high)?;
    if range.is_empty() {
        return Err(ScriptError::new(piece, "the range is reversed")
            .label("starts after its end")
            .help(format!("write {}..{}", high.text, low.text)));
    }
    Ok(range)
}

/// A rate such as `10/s` or `30/m`, in records per minute.
pub(super) fn rate(piece: Piece<'_>) -> Parsed<u32> {
    let malformed = || {
        ScriptError::new(piece, format!("{} is not a rate", quoted(piece.text)))
            .label("expected a number and `/s` or `/m`")
            .help("10/s is 10 records per second, 30/m is 30 records per minute")
    };
    let (number, unit) = piece.split_once("/").ok_or_else(malformed)?;
    let per_minute = match unit.text {
        "s" => 60,
        "m" => 1,
        _ => return Err(malformed()),
    };
    let number = whole(number, 0, MOST_PER_MINUTE / per_minute)?;
    Ok((number * per_minute) as u32)
}

/// A whole number from `min` to `max`.
pub(super) fn whole(piece: Piece<'_>, min: i64, max: i64) -> Parsed<i64> {
    let expected = format!("expected a whole number from {min} to {max}");
    let digits = piece.text.strip_prefix(['-', '+']).unwrap_or(piece.text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("{} is not a whole number", quoted(piece.text));
        return Err(ScriptError::new(piece, message).label(expected));
    }
    match piece.text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => {
            let message = format!("{} is out of range", quoted(piece.text));
            Err(ScriptError::new(piece, message).label(expected))
        }
    }
}

/// A seed: any unsigned 64-bit number.
pub(super) fn seed(piece: Piece<'_>) -> Parsed<u64> {
    piece.text.parse().map_err(|_| {
        ScriptError::new(piece, format!("{} is not a seed", quoted(piece.text)))
            .label(format!("expected a whole number from 0 to {}", u64::MAX))
    })
}

/// A name of a topic, group, rack or instance, or of a consumer that is declared elsewhere.
pub(super) fn name(piece: Piece<'_>) -> Parsed<String> {
    let mut characters = piece.text.chars();
    let starts = characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let continues = characters.all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !starts || !continues {
        return Err(ScriptError::new(piece, format!("{} is not a name", quoted(piece.text)))
            .label("expected a letter or `_`, then letters, digits and `.` `_` `-`"));
    }
    if piece.text.len() > LONGEST_NAME {
        let label = format!("{} characters, at most {LONGEST_NAME}", piece.text.len());
        return Err(ScriptError::new(piece, "the name is too long").label(label));
    }
    Ok(piece.text.to_owned())
}

/// A name for a consumer: not that of a broker, and not a keyword of `expect`.
pub(super) fn consumer_name(piece: Piece<'_>) -> Parsed<String> {
    let name = name(piece)?;
    if looks_like_a_broker(&name) {
        return Err(ScriptError::new(piece, format!("`{name}` cannot name a consumer"))
            .label("`b` and a number is the name of a broker"));
    }
    if expect_words().any(|word| word == name) {
        return Err(ScriptError::new(piece, format!("`{name}` cannot name a consumer"))
            .label(format!("`expect {name}` has another meaning")));
    }
    Ok(name)
}

/// A broker, `b0`, or the name of a consumer.
pub(super) fn node(piece: Piece<'_>) -> Parsed<NodeName> {
    match looks_like_a_broker(piece.text) {
        true => broker(piece).map(NodeName::Broker),
        false => name(piece).map(NodeName::Consumer),
    }
}

/// A broker: `b` and its number.
pub(super) fn broker(piece: Piece<'_>) -> Parsed<BrokerId> {
    let digits = piece.text.strip_prefix('b').unwrap_or_default();
    // Only the printed form is accepted, so that `b00` is not another name of `b0`.
    let id = digits.parse().ok().map(BrokerId).filter(|id| id.to_string() == piece.text);
    id.ok_or_else(|| {
        ScriptError::new(piece, format!("{} is not a broker", quoted(piece.text)))
            .label("expected `b` and a number, such as `b0`")
    })
}

/// A broker, or `none`.
pub(super) fn broker_or_none(piece: Piece<'_>) -> Parsed<Option<BrokerId>> {
    match piece.text {
        "none" => Ok(None),
        _ => broker(piece).map(Some),
    }
}

/// A partition such as `orders-0`: the topic, the last dash, the number.
pub(super) fn partition(piece: Piece<'_>) -> Parsed<TopicPartition> {
    let malformed = || {
        ScriptError::new(piece, format!("{} is not a partition", quoted(piece.text)))
            .label("expected a topic, a dash and a number, such as `orders-0`")
    };
    let (topic, number) = piece.rsplit_once("-").ok_or_else(malformed)?;
    let topic = name(topic).map_err(|_| malformed())?;
    // The printer writes no sign, and a minus sign would look like the dash.
    if !number.text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(malformed());
    }
    let number = whole(number, 0, i64::from(MOST_PARTITIONS - 1))?;
    Ok(TopicPartition::new(TopicName(str_bytes(&topic)), number as i32))
}

/// Names separated by commas, possibly with duplicates.
pub(super) fn names(piece: Piece<'_>) -> Parsed<Vec<String>> {
    piece.items().map(name).collect()
}

/// Any text without blanks, possibly empty.
pub(super) fn text(piece: Piece<'_>) -> Parsed<String> {
    Ok(piece.text.to_owned())
}

/// A claim such as `orders-0=5`: the partition, its position and the offset, which is at least
/// `least`.
pub(super) fn claim(word: Piece<'_>, least: i64) -> Parsed<(TopicPartition, Piece<'_>, i64)> {
    let Some((place, offset)) = word.split_once("=") else {
        let error = ScriptError::new(word, "the offset is missing");
        return Err(error.label("expected PARTITION=OFFSET, such as orders-0=5"));
    };
    let partition = partition(place)?;
    Ok((partition, place, whole(offset, least, i64::MAX)?))
}

/// Values separated by commas, without duplicates; `none` for an empty list.
pub(super) fn list_or_none<T: Ord + Clone>(
    piece: Piece<'_>,
    read: impl Fn(Piece<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    match piece.text {
        "none" => Ok(Vec::new()),
        _ => list(piece, read),
    }
}

/// Values separated by commas, without duplicates.
pub(super) fn list<T: Ord + Clone>(
    piece: Piece<'_>,
    read: impl Fn(Piece<'_>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    let mut values = Vec::new();
    let mut seen = BTreeSet::new();
    for item in piece.items() {
        let value = read(item)?;
        if !seen.insert(value.clone()) {
            let message = format!("{} is listed twice", quoted(item.text));
            return Err(ScriptError::new(item, message).label("already in this list"));
        }
        values.push(value);
    }
    Ok(values)
}

/// An assignor by its protocol name.
pub(super) fn assignor(piece: Piece<'_>) -> Parsed<Assignor> {
    let read = one_of(piece, "an assignor", &Assignor::ALL, |assignor| assignor.to_string());
    read.map_err(|error| match kafka::assignor(piece.text) {
        Some(name) => error.help(format!("write `{name}`")),
        None => error,
    })
}

/// An API by its Kafka name, in any case.
pub(super) fn api(piece: Piece<'_>) -> Parsed<Api> {
    let known = Api::ALL.iter().find(|api| api.name().eq_ignore_ascii_case(piece.text));
    known.copied().map_or_else(|| one_of(piece, "an API", Api::ALL, |api| api.to_string()), Ok)
}

/// `request` or `response`.
pub(super) fn side(piece: Piece<'_>) -> Parsed<Side> {
    one_of(piece, "a side", &[Side::Request, Side::Response], |side| side.to_string())
}

/// The purpose of a connection.
pub(super) fn purpose(piece: Piece<'_>) -> Parsed<Purpose> {
    let all = [Purpose::Bootstrap, Purpose::Coordinator, Purpose::Data];
    one_of(piece, "a connection", &all, |purpose| purpose.to_string())
}

/// A group state.
pub(super) fn group_state(piece: Piece<'_>) -> Parsed<GroupState> {
    one_of(piece, "a group state", &GroupState::ALL, |state| group_state_word(state).to_owned())
}

/// A member state.
pub(super) fn member_state(piece: Piece<'_>) -> Parsed<MemberState> {
    let word = |state| member_state_word(state).to_owned();
    one_of(piece, "a member state", &MemberState::ALL, word)
}

/// A group state by its Kafka name, as in responses.
pub(super) fn parse_response_state(piece: Piece<'_>) -> Parsed<GroupState> {
    one_of(piece, "a group state", &GroupState::ALL, |state| state.name().to_owned())
}

/// The fate of the uncommitted records at the end of a log.
pub(super) fn tail(piece: Piece<'_>) -> Parsed<Tail> {
    one_of(piece, "a fate of the log's tail", &[Tail::Random, Tail::Lost, Tail::Kept], |tail| {
        tail.to_string()
    })
}

/// The error with which a log refuses an append.
pub(super) fn refused_with(piece: Piece<'_>) -> Parsed<RefusedWith> {
    one_of(piece, "an error of a log", &RefusedWith::ALL, |error| error.to_string())
}

/// An error by its Kafka name; `NONE` for success.
pub(super) fn error(piece: Piece<'_>) -> Parsed<String> {
    const NEWEST: i16 = 200;
    let mut known: Vec<&str> = (-1..=NEWEST).map(error_name).collect();
    known.retain(|name| *name != OTHER_ERROR);
    known.sort_unstable();
    known.dedup();
    one_of(piece, "an error", &known, |name| name.to_owned()).map(str::to_owned)
}

/// `yes` or `no`.
pub(super) fn yes_or_no(piece: Piece<'_>) -> Parsed<bool> {
    one_of(piece, "yes or no", &[true, false], |yes| if yes { "yes" } else { "no" }.to_owned())
}

/// `commit` or `abort`.
pub(super) fn outcome(piece: Piece<'_>) -> Parsed<bool> {
    let word = |commits| if commits { "commit" } else { "abort" }.to_owned();
    one_of(piece, "an outcome of a transaction", &[true, false], word)
}

/// The keywords after `expect`, which cannot name a consumer.
pub(super) fn expect_words<'a>() -> impl Iterator<Item = &'a str> + Clone {
    let states = GroupState::ALL.into_iter().map(|state| -> &'a str { group_state_word(state) });
    states.chain(["committed", "processed", "response", "coordinator"])
}

fn looks_like_a_broker(name: &str) -> bool {
    name.strip_prefix('b')
        .is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

fn one_of<T: Copy>(
    piece: Piece<'_>,
    what: &str,
    all: &[T],
    word: impl Fn(T) -> String,
) -> Parsed<T> {
    if let Some(value) = all.iter().copied().find(|value| word(*value) == piece.text) {
        return Ok(value);
    }
    let words: Vec<String> = all.iter().copied().map(word).collect();
    Err(ScriptError::new(piece, format!("{} is not {what}", quoted(piece.text)))
        .label(format!("expected {what}"))
        .help(suggest::help(piece.text, words.iter().map(String::as_str), "expected one of")))
}
