//! The options of requests, `NAME=VALUE`, and the check of their values before anything is sent.
//!
//! Every request takes every option and uses those that it has a field for in its version, so that
//! a script can send one request in many versions. References (`$a.m`) are resolved when the
//! request is sent.

use crate::script::{Piece, ScriptError, help};

/// The kind of an option's value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Number(i64, i64),
    Flag,
    Hex,
    /// Texts separated by `;`; `@` alone is the empty list.
    List,
    /// `TOPIC:PARTITION=OFFSET;…`
    Places,
    /// `MEMBER/INSTANCE;…`
    Members,
    /// `MEMBER=TOPIC:P,P+TOPIC:P;…`
    Plan,
    /// `NAME:TOPIC+TOPIC;NAME:hex=…`
    Protocols,
    /// Set by any value.
    Set,
}

const I16: Kind = Kind::Number(i16::MIN as i64, i16::MAX as i64);
const I32: Kind = Kind::Number(i32::MIN as i64, i32::MAX as i64);
const I64: Kind = Kind::Number(i64::MIN, i64::MAX);

/// Every option.
pub(super) const OPTIONS: &[(&str, Kind)] = &[
    ("assign", Kind::Plan),
    ("assignor", Kind::Text),
    ("authops", Kind::Flag),
    ("client", Kind::Text),
    ("commit", Kind::Flag),
    ("epoch", I32),
    ("flex", Kind::Set),
    ("full", Kind::Text),
    ("gen", I32),
    ("group", Kind::Text),
    ("groups", Kind::List),
    ("hex", Kind::Hex),
    ("instance", Kind::Text),
    ("keys", Kind::List),
    ("member", Kind::Text),
    ("members", Kind::Members),
    ("meta", Kind::Text),
    ("metalen", Kind::Number(0, 1 << 20)),
    ("offset", I64),
    ("owned", Kind::Text),
    ("partition", I32),
    ("partitions", I32),
    ("parts", Kind::Places),
    ("pepoch", I16),
    ("pid", I64),
    ("protocol", Kind::Text),
    ("protocols", Kind::Protocols),
    ("reason", Kind::Text),
    ("rebalance", I32),
    ("regex", Kind::Text),
    ("retention", I64),
    ("session", I32),
    ("software", Kind::Text),
    ("stable", Kind::Flag),
    ("states", Kind::Text),
    ("sv", Kind::Number(0, 3)),
    ("sversion", Kind::Text),
    ("timeout", I32),
    ("topic", Kind::Text),
    ("topics", Kind::Text),
    ("txn", Kind::Text),
    ("type", Kind::Text),
    ("types", Kind::Text),
];

/// The values that a client remembers, as in `$CLIENT.NAME`: member id, generation or epoch,
/// producer id, producer epoch.
const REMEMBERED: [&str; 4] = ["m", "g", "pid", "pepoch"];

/// The name and value of an option, if both are valid.
pub(super) fn read<'a>(word: Piece<'a>) -> Result<(&'a str, &'a str), ScriptError> {
    let Some((name, value)) = word.split_once("=") else {
        return Err(ScriptError::new(word, "not an option").label("expected NAME=VALUE"));
    };
    let Some((_, kind)) = OPTIONS.iter().find(|(known, _)| *known == name.text) else {
        let known = OPTIONS.iter().map(|(known, _)| *known);
        let help = help(name.text, known, "options");
        return Err(ScriptError::new(name, "no such option").help(help));
    };
    check(*kind, value)?;
    Ok((name.text, value.text))
}

/// The most bytes that a text may be padded to: more than any string of the protocol can have.
const LONGEST: usize = 1 << 20;

/// Checks that no part of the value is padded beyond what can be sent.
fn padded(value: Piece<'_>) -> Result<(), ScriptError> {
    let size = |item: &str| item.rsplit_once('~').and_then(|(_, size)| size.parse::<usize>().ok());
    let mut parts = value.text.split([';', '+', ':', '=', ',', '/']);
    match parts.any(|part| size(part).is_some_and(|size| size > LONGEST)) {
        false => Ok(()),
        true => Err(ScriptError::new(value, "longer than anything that can be sent")
            .label(format!("expected TEXT~SIZE with at most {LONGEST} bytes"))),
    }
}

/// The topics of `range:t+u`.
fn topics(offer: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let topics = offer.split_once(":").map_or(offer.part(0, 0), |(_, topics)| topics);
    let mut start = topics.start;
    topics.text.split('+').map(move |text| {
        let piece = Piece { text, start };
        start += text.len() + 1;
        piece
    })
}

/// Checks the length of a topic name. Topic names are part of a payload of the consumer protocol,
/// whose strings are shorter than those of newer requests.
fn embedded(value: Piece<'_>) -> Result<(), ScriptError> {
    const LONGEST: usize = i16::MAX as usize;
    let size = match value.text.rsplit_once('~') {
        Some((head, size)) => size.parse().map_or(value.text.len(), |size| head.len().max(size)),
        None => value.text.len(),
    };
    match size <= LONGEST {
        true => Ok(()),
        false => Err(ScriptError::new(value, "longer than what a member can subscribe to")
            .label(format!("expected at most {LONGEST} bytes"))),
    }
}

fn check(kind: Kind, value: Piece<'_>) -> Result<(), ScriptError> {
    padded(value)?;
    match kind {
        Kind::Text => refers(value),
        Kind::Number(from, to) => number(value, from, to),
        Kind::Flag if ["true", "false"].contains(&value.text) => Ok(()),
        Kind::Flag => {
            Err(ScriptError::new(value, "neither yes nor no").label("expected true or false"))
        }
        Kind::Hex => hex(value),
        Kind::List => items(value).try_for_each(refers),
        Kind::Members => items(value).try_for_each(|item| match item.split_once("/") {
            Some((member, _)) => refers(member),
            None => refers(item),
        }),
        Kind::Plan => items(value).try_for_each(|item| match item.split_once("=") {
            Some((member, owned)) => refers(member).and_then(|()| owned_partitions(owned)),
            None => refers(item),
        }),
        Kind::Places => items(value).try_for_each(place),
        Kind::Protocols => items(value).try_for_each(|item| match item.split_once(":hex=") {
            Some((_, metadata)) => hex(metadata),
            None => topics(item).try_for_each(embedded),
        }),
        Kind::Set => Ok(()),
    }
}

/// The parts that semicolons separate.
fn items(value: Piece<'_>) -> impl Iterator<Item = Piece<'_>> {
    let mut start = value.start;
    value.text.split(';').map(move |text| {
        let piece = Piece { text, start };
        start += text.len() + 1;
        piece
    })
}

fn number(value: Piece<'_>, from: i64, to: i64) -> Result<(), ScriptError> {
    if value.text.starts_with('$') {
        return refers(value);
    }
    let text = value.text.strip_prefix('@').unwrap_or(value.text);
    match text.parse::<i64>() {
        Ok(number) if (from..=to).contains(&number) => Ok(()),
        _ => Err(ScriptError::new(value, "not a number that fits")
            .label(format!("expected a whole number from {from} to {to}"))),
    }
}

fn hex(value: Piece<'_>) -> Result<(), ScriptError> {
    let digits = value.text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits && value.text.len().is_multiple_of(2) {
        true => Ok(()),
        false => Err(ScriptError::new(value, "not bytes in hexadecimal")
            .label("expected an even count of digits, like 00ff")),
    }
}

fn refers(value: Piece<'_>) -> Result<(), ScriptError> {
    let Some(name) = value.text.strip_prefix('$') else { return Ok(()) };
    let known = name.split_once('.').is_some_and(|(_, what)| REMEMBERED.contains(&what));
    match known {
        true => Ok(()),
        false => Err(ScriptError::new(value, "refers to no value that a client receives")
            .label("expected $CLIENT.m, .g, .pid or .pepoch")),
    }
}

fn place(value: Piece<'_>) -> Result<(), ScriptError> {
    let (place, offset) = match value.split_once("=") {
        Some((place, offset)) => (place, Some(offset)),
        None => (value, None),
    };
    if let Some((_, partition)) = place.split_once(":")
        && !partition.text.is_empty()
    {
        number(partition, i32::MIN.into(), i32::MAX.into())?;
    }
    offset.map_or(Ok(()), |offset| number(offset, i64::MIN, i64::MAX))
}

/// `t:0,1+u:2` or `hex:00ff`
fn owned_partitions(value: Piece<'_>) -> Result<(), ScriptError> {
    if let Some(digits) = value.text.strip_prefix("hex:") {
        return hex(value.part(value.text.len() - digits.len(), value.text.len()));
    }
    let mut start = value.start;
    for text in value.text.split('+') {
        let topic = Piece { text, start };
        start += text.len() + 1;
        embedded(topic.split_once(":").map_or(topic, |(name, _)| name))?;
        if let Some((_, partitions)) = topic.split_once(":") {
            let numbers = partitions.items().filter(|partition| !partition.text.is_empty());
            numbers
                .into_iter()
                .try_for_each(|partition| number(partition, i32::MIN.into(), i32::MAX.into()))?;
        }
    }
    Ok(())
}
