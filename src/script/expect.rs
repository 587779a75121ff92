//! The `expect` lines, one function per form.

use crate::protocol::TopicPartition;
use crate::sim::schedule::Expectation;

use super::args::Args;
use super::error::ScriptError;
use super::lexer::Piece;
use super::options::{GENERATION, GROUP, MEMBERS, OWNS};
use super::scope::Scope;
use super::{suggest, values};

/// `expect stable generation=4 members=2 group=g`
pub(super) fn group(args: &mut Args<'_>, scope: &mut Scope) -> Option<Expectation> {
    let generation = args.option(&GENERATION);
    let members = args.option(&MEMBERS);
    let group = which_group(args, scope);
    let state = args.operand("a state, a consumer or a claim").map(values::group_state);
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

fn which_group(args: &mut Args<'_>, scope: &mut Scope) -> Option<String> {
    let (group, place) = args.placed(&GROUP).unzip();
    args.ok(scope.group(place, args.head()));
    group
}

/// The word after `expect` may be a slip in a consumer's name as well as in a state.
fn known(args: &mut Args<'_>, scope: &Scope, place: Piece<'_>) -> Option<()> {
    if scope.consumer(place).is_ok() {
        return Some(());
    }
    let words = scope.consumers().chain(values::expect_words());
    let message =
        format!("`{}` is neither a consumer that has joined nor a group state", place.text);
    args.note(
        ScriptError::new(place, message)
            .label("expected a consumer or a claim")
            .help(suggest::help(place.text, words, "expected one of")),
    );
    None
}

/// `orders-0=5`
fn claim(args: &mut Args<'_>, scope: &Scope, least: i64) -> Option<(TopicPartition, i64)> {
    let word = args.operand("a claim, like orders-0=5")?;
    let Some((place, offset)) = word.split_once("=") else {
        let error = ScriptError::new(word, "a claim without an offset");
        args.note(error.label("expected PARTITION=OFFSET, like orders-0=5"));
        return None;
    };
    let partition = args.ok(values::partition(place));
    let offset = args.ok(values::whole(offset, least, i64::MAX));
    let partition = partition?;
    args.ok(scope.partition(place, &partition))?;
    Some((partition, offset?))
}
