//! Tests of what is planted, and of the mutant that a compile error is assigned to.

use crate::charge::owners;
use crate::list::{Genre, Mutant, Place, Span};
use crate::plant::planted;
use crate::site::{Sites, sites};

/// A mutant whose span starts at the first occurrence of `at`.
fn mutant(text: &str, number: u32, genre: Genre, at: &str, replacement: &str) -> Mutant {
    let before = &text[..text.find(at).expect("it is there")];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    let (name, file) = (number.to_string(), "src/client/mod.rs".to_owned());
    let span = Span { start: Place { line, column } };
    Mutant { number, name, file, genre, replacement: replacement.to_owned(), span }
}

fn found(text: &str, mutants: &[Mutant]) -> Sites {
    sites(text, &mutants.iter().collect::<Vec<_>>()).expect("it is Rust")
}

/// The planted body, without the comments.
fn becomes(body: &str, mutants: &[(Genre, &str, &str)]) -> String {
    let text = format!("fn f() -> X {{{body}}}");
    let mutant = |(number, (genre, at, put)): (u32, &(Genre, &str, &str))| {
        mutant(&text, number, *genre, at, put)
    };
    let mutants: Vec<Mutant> = (1..).zip(mutants).map(mutant).collect();
    let found = found(&text, &mutants);
    assert_eq!(found.left_out, []);
    let mut out = planted(&text, &found.sites);
    while let Some((begin, rest)) = out.split_once("/*") {
        out = format!("{begin}{}", rest.split_once("*/").expect("a whole comment").1);
    }
    let body = out.strip_prefix("fn f() -> X {").and_then(|rest| rest.strip_suffix('}'));
    body.expect("only the body changes").replace("crate::every::", "")
}

#[test]
fn operators() {
    let minus = [(Genre::BinaryOperator, "+", "-"), (Genre::BinaryOperator, "+", "*")];
    assert_eq!(
        becomes("a + b", &minus),
        "(if on(1) { (a) - (b) } else if on(2) { (a) * (b) } else { (a) + (b) })"
    );
    let or = [(Genre::BinaryOperator, "&&", "||")];
    assert_eq!(
        becomes("a && b", &or),
        "({ let every_1: bool = a; if every_1 ^ on(1) { (b) } else { every_1 } })"
    );
    let not = [(Genre::UnaryOperator, "!", "")];
    assert_eq!(becomes("!a", &not), "(if on(1) { (a) } else { !a })");
}

#[test]
fn code_inside_an_operand_is_planted_in_every_copy() {
    let both = [(Genre::BinaryOperator, "==", "!="), (Genre::BinaryOperator, "+", "-")];
    let sum = "(if on(2) { (a) - (b) } else { (a) + (b) })";
    assert_eq!(
        becomes("a + b == c", &both),
        format!("(if on(1) {{ ({sum}) != (c) }} else {{ ({sum}) == (c) }})")
    );
}

#[test]
fn arms() {
    let body = "match a { B if c => 1, D => 2, _ => 3 }";
    let mutants = [
        (Genre::MatchArmGuard, "c =>", "true"),
        (Genre::MatchArmGuard, "c =>", "false"),
        (Genre::MatchArm, "D =>", ""),
    ];
    assert_eq!(
        becomes(body, &mutants),
        "match a { B if !on(2) && (on(1) || (c)) => 1, D if !on(3) => 2, _ => 3 }"
    );
}

#[test]
fn values_and_fields() {
    let body = "Y { a, b: 2, ..y() }";
    let mutants = [(Genre::FnValue, "Y", "Default::default()"), (Genre::StructField, "b: 2", "")];
    assert_eq!(
        becomes(body, &mutants),
        " if on(1) { return Default::default(); }Y { a, b: if on(2) { (y()).b } else { 2 }, ..y() }"
    );
}

#[test]
fn a_planted_iterator_has_one_type() {
    let text = "fn f() -> impl Iterator<Item = u8> { a() }";
    let mutants = [mutant(text, 1, Genre::FnValue, "a()", "::std::iter::empty()")];
    let planted = planted(text, &found(text, &mutants).sites);
    assert!(planted.contains("return crate::every::Or::This(::std::iter::empty());"), "{planted}");
    assert!(planted.contains("crate::every::Or::Other({  a()  })"), "{planted}");
}

#[test]
fn mutants_that_cannot_have_a_switch_are_left_out() {
    let lets = "fn f() { if let Some(a) = b && c {} }";
    let constant = "const A: i64 = -1;";
    for (text, genre, at) in
        [(lets, Genre::BinaryOperator, "&&"), (constant, Genre::UnaryOperator, "-")]
    {
        let found = found(text, &[mutant(text, 7, genre, at, "")]);
        assert!(found.sites.is_empty());
        assert_eq!(found.left_out.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [7]);
    }
}

#[test]
fn an_error_is_charged_to_the_innermost_piece() {
    let text = "fn f() -> X { a + b == c }";
    let mutants = [
        mutant(text, 1, Genre::BinaryOperator, "==", "!="),
        mutant(text, 2, Genre::BinaryOperator, "+", "-"),
    ];
    let planted = planted(text, &found(text, &mutants).sites);
    let at = |what: &str| planted.find(what).expect("it is planted");
    assert!(owners(&planted, at("fn f")).is_empty());
    assert_eq!(owners(&planted, at("!=")), [1]);
    assert_eq!(owners(&planted, at("(a) - (b)")), [2]);
    assert_eq!(owners(&planted, at("(c)")), [1]);
}
