//! The places where mutants of a file are planted: the pieces of its syntax tree that they change.
//!
//! A [`Site`] is one piece with all of the mutants that change it there. Sites are nested like the
//! syntax, the outer ones first.
//!
//! This module does *not* decide what compiles. It leaves out only mutants that cannot be planted
//! this way although `cargo mutants`, which changes the text itself, could: see
//! [`Sites::left_out`].
//!
//! Read next: `plant.rs`.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result};
use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, FieldValue, ReturnType, Signature, Type, UnOp};

use crate::list::{Genre, Mutant, Place};

/// How often a piece of code may occur in the planted file. Operands are repeated for each mutant
/// of their operator.
const COPIES: usize = 64;

/// A piece of a file that mutants change.
pub struct Site {
    /// The bytes of the file that change; empty where code is inserted.
    pub at: Range<usize>,
    /// How the site changes.
    pub kind: Kind,
}

/// The changes of a site. Numbers are those of mutants.
pub enum Kind {
    /// `&&` becomes `||`, or `||` `&&`.
    Logic { left: Range<usize>, right: Range<usize>, is_and: bool, number: u32 },
    /// An operator becomes others.
    Operator { left: Range<usize>, right: Range<usize>, is: String, others: Vec<(u32, String)> },
    /// The operator before the operand is deleted.
    Unary { operator: String, operand: Range<usize>, number: u32 },
    /// The guard of an arm always holds, or never. An arm that never matches is equivalent to a
    /// deleted one.
    Guard { guard: Option<Range<usize>>, always: Option<u32>, never: Vec<u32> },
    /// The function does nothing but return a value.
    Body { values: Vec<(u32, String)> },
    /// The function does nothing but return another iterator. Its type is an `impl Trait`.
    Iterator { body: Range<usize>, values: Vec<(u32, String)> },
    /// The function is not `const`: there are mutants in it, and a `const fn` cannot read a switch.
    Const,
    /// The field takes its value from the base.
    Field { name: String, value: Range<usize>, base: Range<usize>, number: u32 },
}

/// The sites of a file.
#[derive(Default)]
pub struct Sites {
    /// In the order of the text, the outer ones before those inside.
    pub sites: Vec<Site>,
    /// The mutants that cannot be planted, with the reason.
    pub left_out: Vec<(u32, &'static str)>,
}

/// Finds the sites of the mutants of one file.
///
/// # Errors
///
/// When it is not Rust.
pub fn sites(text: &str, mutants: &[&Mutant]) -> Result<Sites> {
    let file = syn::parse_file(text).context("not Rust")?;
    let mut wanted: BTreeMap<(Genre, Place), Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        wanted.entry((mutant.genre, mutant.span.start)).or_default().push(mutant);
    }
    let mut finder =
        Finder { text, wanted, copies: 1, is_constant: false, found: Sites::default() };
    finder.visit_file(&file);
    let Finder { wanted, mut found, .. } = finder;
    let unmet = wanted.into_values().flatten().map(|mutant| (mutant.number, "no such syntax"));
    found.left_out.extend(unmet);
    Ok(found)
}

struct Finder<'a> {
    text: &'a str,
    /// The mutants whose syntax has not been found yet.
    wanted: BTreeMap<(Genre, Place), Vec<&'a Mutant>>,
    /// How often the code that is visited will occur.
    copies: usize,
    /// Whether the code that is visited is the value of a constant.
    is_constant: bool,
    found: Sites,
}

impl Finder<'_> {
    /// The mutants of a genre that begin here: their numbers, and their replacements.
    fn take(&mut self, genre: Genre, at: impl Spanned) -> Vec<(u32, String)> {
        let LineColumn { line, column } = at.span().start();
        let place = Place { line, column: column + 1 };
        let mutants = self.wanted.remove(&(genre, place)).unwrap_or_default();
        let mutants: Vec<(u32, String)> =
            mutants.iter().map(|mutant| (mutant.number, mutant.replacement.clone())).collect();
        if self.is_constant {
            self.leave_out(mutants, "a constant has no switches");
            return Vec::new();
        }
        mutants
    }

    fn put(&mut self, at: Range<usize>, kind: Kind) {
        self.found.sites.push(Site { at, kind });
    }

    fn leave_out(&mut self, mutants: Vec<(u32, String)>, why: &'static str) {
        self.found.left_out.extend(mutants.into_iter().map(|(number, _)| (number, why)));
    }

    /// Visits code that will occur this many times.
    fn repeated(&mut self, times: usize, inside: impl FnOnce(&mut Self)) {
        self.copies *= times;
        inside(self);
        self.copies /= times;
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let Some(first) = block.stmts.first() else { return };
        if let Some(word) = signature.constness.filter(|_| self.is_wanted_in(block)) {
            self.put(bytes(&word), Kind::Const);
        }
        let values = self.take(Genre::FnValue, first);
        if values.is_empty() {
            return;
        }
        let braces = block.brace_token.span;
        let body = braces.open().byte_range().end..braces.close().byte_range().start;
        match hidden_types(&signature.output) {
            0 => self.put(body.start..body.start, Kind::Body { values }),
            1 => self.put(body.clone(), Kind::Iterator { body, values }),
            _ => self.leave_out(values, "its type is hidden twice"),
        }
    }

    /// Whether a mutant is in this block.
    fn is_wanted_in(&self, block: &Block) -> bool {
        let lines = block.span().start().line..=block.span().end().line;
        self.wanted.keys().any(|(_, place)| lines.contains(&place.line))
    }

    fn constant(&mut self, inside: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.is_constant, true);
        inside(self);
        self.is_constant = around;
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(|finder| visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(|finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        let others = self.take(Genre::BinaryOperator, expr.op);
        let [at, left, right] = [bytes(expr), bytes(&expr.left), bytes(&expr.right)];
        let mut times = 1;
        match expr.op {
            _ if others.is_empty() => {}
            BinOp::And(_) | BinOp::Or(_) if expr_lets(&expr.left) || expr_lets(&expr.right) => {
                self.leave_out(others, "a chain of lets has no ||");
            }
            BinOp::And(_) | BinOp::Or(_) => {
                let is_and = matches!(expr.op, BinOp::And(_));
                for (number, _) in others {
                    self.put(
                        at.clone(),
                        Kind::Logic { left: left.clone(), right: right.clone(), is_and, number },
                    );
                }
            }
            _ if self.copies * (others.len() + 1) > COPIES => self.leave_out(others, "too deep"),
            operator => {
                times = others.len() + 1;
                let is = self.text[bytes(&operator)].to_owned();
                self.put(at, Kind::Operator { left, right, is, others });
            }
        }
        self.repeated(times, |finder| visit::visit_expr_binary(finder, expr));
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let deleted = match expr.op {
            UnOp::Deref(_) => Vec::new(),
            operator => self.take(Genre::UnaryOperator, operator),
        };
        let Some((number, _)) = deleted.first().cloned() else {
            return visit::visit_expr_unary(self, expr);
        };
        if self.copies * 2 > COPIES {
            self.leave_out(deleted, "too deep");
            return visit::visit_expr_unary(self, expr);
        }
        let operator = self.text[bytes(&expr.op)].to_owned();
        self.put(bytes(expr), Kind::Unary { operator, operand: bytes(&expr.expr), number });
        self.repeated(2, |finder| visit::visit_expr_unary(finder, expr));
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        let deleted = self.take(Genre::MatchArm, arm);
        let guard = arm.guard.as_ref().map(|(_, guard)| guard);
        let replaced =
            guard.map(|guard| self.take(Genre::MatchArmGuard, guard)).unwrap_or_default();
        let (always, never): (Vec<_>, Vec<_>) =
            replaced.into_iter().partition(|(_, replacement)| replacement == "true");
        let never: Vec<u32> = never.into_iter().chain(deleted).map(|(number, _)| number).collect();
        let always = always.first().map(|(number, _)| *number);
        if always.is_some() || !never.is_empty() {
            let end = bytes(&arm.pat).end;
            let guard = guard.map(bytes);
            self.put(guard.clone().unwrap_or(end..end), Kind::Guard { guard, always, never });
        }
        visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expr: &'ast syn::ExprStruct) {
        for field in &expr.fields {
            let deleted = self.take(Genre::StructField, field);
            match (deleted.first(), &expr.rest) {
                (Some((number, _)), Some(base)) => self.field(field, base, *number),
                _ => self.leave_out(deleted, "no base to take the field from"),
            }
            self.visit_field_value(field);
        }
        if let Some(base) = &expr.rest {
            self.visit_expr(base);
        }
    }
}

impl Finder<'_> {
    fn field(&mut self, field: &FieldValue, base: &Expr, number: u32) {
        let name = self.text[bytes(&field.member)].to_owned();
        let kind = Kind::Field { name, value: bytes(&field.expr), base: bytes(base), number };
        self.put(bytes(field), kind);
    }
}

/// Whether a chain has a `let` in it.
fn expr_lets(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(chain) if matches!(chain.op, BinOp::And(_)) => {
            expr_lets(&chain.left) || expr_lets(&chain.right)
        }
        _ => false,
    }
}

/// The number of `impl Trait` types in the type of a function's value.
fn hidden_types(output: &ReturnType) -> usize {
    struct Hidden(usize);
    impl Visit<'_> for Hidden {
        fn visit_type(&mut self, of: &Type) {
            self.0 += usize::from(matches!(of, Type::ImplTrait(_)));
            visit::visit_type(self, of);
        }
    }
    let mut hidden = Hidden(0);
    hidden.visit_return_type(output);
    hidden.0
}

fn bytes(of: &impl Spanned) -> Range<usize> {
    of.span().byte_range()
}
