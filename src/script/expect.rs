//! Parses `expect` steps, one function per form.

use crate::protocol::TopicPartition;
use crate::sim::schedule::{Expectation, ExpectedResponse};

use super::args::Args;
use super::error::ScriptError;
use super::lexer::Piece;
use super::options::{GENERATION, GROUP, GROUPS, MEMBERS, OWNS, STATE};
use super::scope::Scope;
use super::{suggest, values};

/// `expect stable generation=4 members=2 group=g`
pub(super) fn group(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let generation = args.option(&GENERATION);
    let members = args.option(&MEMBERS);
    let group = which_group(args, scope);
    let state = args.operand("a state or a consumer").map(values::group_state);
    let state = state.and_then(|state| args.ok(state))?;
    Some(Expectation::Group { group, state, generation, members })
}

/// `expect c1 stable owns=orders-0,orders-1 generation=4`
pub(super) fn consumer(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let owns = args.placed(&OWNS);
    let generation = args.option(&GENERATION);
    if let Some((partitions, place)) = &owns {
        for (partition, place) in partitions.iter().zip(place.items()) {
            args.ok(scope.partition(place, partition));
        }
    }
    let place = args.operand("a consumer")?;
    let consumer = args.ok(values::name(place))?;
    known(args, scope, place)?;
    let state = match args.optional_operand() {
        Some(state) => Some(args.ok(values::member_state(state))?),
        None => None,
    };
    let owns = owns.map(|(partitions, _)| partitions);
    if state.is_none() && owns.is_none() && generation.is_none() {
        args.note(
            ScriptError::new(place, format!("nothing is expected of `{consumer}`"))
                .label("expected a state, `owns=` or `generation=` after it"),
        );
    }
    Some(Expectation::Consumer { consumer, state, owns, generation })
}

/// `expect committed orders-0=5 group=g`
pub(super) fn committed(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let group = which_group(args, scope);
    let (partition, offset) = claim(args, scope, -1)?;
    Some(Expectation::Committed { group, partition, offset })
}

/// `expect processed orders-0=5`
pub(super) fn processed(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let (partition, next) = claim(args, scope, 0)?;
    Some(Expectation::Processed { partition, next })
}

/// `expect response NON_EMPTY_GROUP`, `expect response orders-0=5`,
/// `expect response state=Stable members=2`
pub(super) fn response(args: &mut Args<'_>, _: &mut Scope) -> Option<Expectation> {
    let state = args.option(&STATE);
    let members = args.option(&MEMBERS);
    let groups = args.option(&GROUPS);
    let mut response = ExpectedResponse { state, members, groups, ..ExpectedResponse::default() };
    let mut word = args.optional_operand();
    if let Some(error) = word.filter(|word| !word.text.contains('=')) {
        response.error = Some(args.ok(values::error(error))?);
        word = args.optional_operand();
    }
    if let Some(claim) = word {
        let (partition, _, offset) = args.ok(values::claim(claim, -1))?;
        response.offset = Some((partition, offset));
    }
    if response == ExpectedResponse::default() && args.is_right() {
        let error = ScriptError::new(args.head(), "nothing is expected of the response");
        args.note(error.label("expected an error, NONE, PARTITION=OFFSET or an option after it"));
    }
    Some(Expectation::Response(response))
}

/// `expect coordinator b1 group=g`
pub(super) fn coordinator(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let group = which_group(args, scope);
    let place = args.operand("a broker or `none`")?;
    let broker = args.ok(values::broker_or_none(place))?;
    if let Some(broker) = broker {
        args.ok(scope.broker(place, broker))?;
    }
    Some(Expectation::Coordinator { group, broker })
}

fn which_group(args: &mut Args<'_>, scope: &mut Scope) -> Option<String> {
    let (group, place) = args.placed(&GROUP).unzip();
    args.ok(scope.group(place, args.head()));
    group
}

/// Checks that the word after `expect` is a consumer. A misspelt word can be meant as a consumer or
/// as a state.
fn known(args: &mut Args<'_>, scope: &Scope, place: Piece<'_>) -> Option<()> {
    if scope.consumer(place).is_ok() {
        return Some(());
    }
    let words = scope.consumers().chain(values::expect_words());
    let message =
        format!("`{}` is neither a consumer that has joined nor a group state", place.text);
    args.note(
        ScriptError::new(place, message)
            .label("expected a consumer or a state")
            .help(suggest::help(place.text, words, "expected one of")),
    );
    None
}

/// `orders-0=5`
fn claim(args: &mut Args<'_>, scope: &Scope, least: i64) -> Option<(TopicPartition, i64)> {
    let word = args.operand("a partition and its offset, such as orders-0=5")?;
    let (partition, place, offset) = args.ok(values::claim(word, least))?;
    args.ok(scope.partition(place, &partition))?;
    Some((partition, offset))
}
