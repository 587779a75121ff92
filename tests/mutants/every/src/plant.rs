//! A file with its mutants planted, each behind its switch.
//!
//! | changes | as it is planted |
//! |---|---|
//! | a function's value | `if on(N) { return VALUE; }` before its body |
//! | an iterator | the same, with an iterator that is either of both around them |
//! | `&&`, `\|\|` | the left operand decides whether the right one is evaluated; the switch inverts
//! the decision |
//! | other operators | `if on(N) { L - R } else { L + R }` |
//! | a unary operator | `if on(N) { X } else { !X }` |
//! | a guard, an arm | `!on(N) && (on(M) \|\| (GUARD))` |
//! | a field | `field: if on(N) { (BASE).field } else { VALUE }` |
//!
//! Planted code stands between comments that name its mutants, so that a compile error can be
//! assigned to one of them: see `charge.rs`. It changes the tree and not the text as `cargo
//! mutants` does, so `a && b && c` with its first `&&` replaced is `(a || b) && c` here and `a ||
//! (b && c)` there.

use std::fmt::Write as _;
use std::ops::Range;

use crate::site::{Kind, Site};

/// The text with all sites planted.
pub fn planted(text: &str, sites: &[Site]) -> String {
    Planter { text, sites }.render(0..text.len(), 0)
}

/// Begins a piece that belongs to these mutants.
pub const OPEN: &str = "/*<";
/// Ends the piece that began last.
pub const CLOSE: &str = "/*>*/";

struct Planter<'a> {
    text: &'a str,
    sites: &'a [Site],
}

impl Planter<'_> {
    /// A piece of the text with the sites in it, starting at site `from`: a site may be as long as
    /// the one that contains it.
    fn render(&self, range: Range<usize>, from: usize) -> String {
        let (mut out, mut done) = (String::new(), range.start);
        for (index, site) in self.sites.iter().enumerate().skip(from) {
            if site.at.start >= range.end {
                break;
            }
            if site.at.start < done || site.at.end > range.end {
                continue;
            }
            out.push_str(&self.text[done..site.at.start]);
            out.push_str(&self.site(site, index + 1));
            done = site.at.end;
        }
        out.push_str(&self.text[done..range.end]);
        out
    }

    /// A site; `inner` is the index of the first site that may be inside it.
    fn site(&self, site: &Site, inner: usize) -> String {
        let part = |range: &Range<usize>| self.render(range.clone(), inner);
        match &site.kind {
            Kind::Logic { left, right, is_and, number } => {
                let (left, right) = (part(left), part(right));
                logic(&left, &right, *is_and, *number)
            }
            Kind::Operator { left, right, is, others } => {
                operator(&part(left), &part(right), is, others)
            }
            Kind::Unary { operator, operand, number } => {
                let operand = part(operand);
                let switched = format!(
                    "(if {} {{ ({operand}) }} else {{ {operator}{operand} }})",
                    on(*number)
                );
                mark(&[*number], &switched)
            }
            Kind::Guard { guard, always, never } => {
                guarded(guard.as_ref().map(part), *always, never)
            }
            Kind::Body { values } => body(values),
            Kind::Iterator { body, values } => iterator(&part(body), values),
            Kind::Const => String::new(),
            Kind::Field { name, value, base, number } => {
                let (value, base) = (part(value), part(base));
                let switched =
                    format!("if {} {{ ({base}).{name} }} else {{ {value} }}", on(*number));
                format!("{name}: {}", mark(&[*number], &switched))
            }
        }
    }
}

/// The deciding variable is named after the mutant, because the right operand may use any name of
/// the surrounding code.
fn logic(left: &str, right: &str, is_and: bool, number: u32) -> String {
    let decides = format!("every_{number}");
    let goes_on = if is_and { decides.clone() } else { format!("!{decides}") };
    let switched = format!("if {goes_on} ^ {} {{ ({right}) }} else {{ {decides} }}", on(number));
    mark(&[number], &format!("({{ let {decides}: bool = {left}; {switched} }})"))
}

fn operator(left: &str, right: &str, is: &str, others: &[(u32, String)]) -> String {
    let mut out = String::from("(");
    for (number, other) in others {
        let instead = mark(&[*number], &format!("({left}) {other} ({right})"));
        let _ = write!(out, "if {} {{ {instead} }} else ", on(*number));
    }
    let _ = write!(out, "{{ ({left}) {is} ({right}) }})");
    let numbers: Vec<u32> = others.iter().map(|(number, _)| *number).collect();
    mark(&numbers, &out)
}

fn guarded(guard: Option<String>, always: Option<u32>, never: &[u32]) -> String {
    let mut parts: Vec<String> = never.iter().map(|number| format!("!{}", on(*number))).collect();
    let begin = if guard.is_none() { " if " } else { "" };
    match (guard, always) {
        (Some(guard), Some(number)) => parts.push(format!("({} || ({guard}))", on(number))),
        (Some(guard), None) => parts.push(format!("({guard})")),
        (None, _) => {}
    }
    let numbers: Vec<u32> = never.iter().copied().chain(always).collect();
    format!("{begin}{}", mark(&numbers, &parts.join(" && ")))
}

fn body(values: &[(u32, String)]) -> String {
    let planted = values.iter().map(|(number, value)| {
        let returns = format!("if {} {{ return {value}; }}", on(*number));
        format!(" {}", mark(&[*number], &returns))
    });
    planted.collect()
}

/// All values have one type: this value, or that value, or the value of the body.
fn iterator(body: &str, values: &[(u32, String)]) -> String {
    let (mut out, mut last) = (String::new(), format!("{{ {body} }}"));
    for (place, (number, value)) in values.iter().enumerate() {
        let (others, end) = ("crate::every::Or::Other(".repeat(place), ")".repeat(place));
        let value = format!("{others}crate::every::Or::This({value}){end}");
        let returns = format!("if {} {{ return {value}; }} ", on(*number));
        out.push_str(&mark(&[*number], &returns));
        last = format!("crate::every::Or::Other({last})");
    }
    let numbers: Vec<u32> = values.iter().map(|(number, _)| *number).collect();
    mark(&numbers, &format!("{out}{last}"))
}

fn on(number: u32) -> String {
    format!("crate::every::on({number})")
}

fn mark(numbers: &[u32], text: &str) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!("{OPEN}{}*/{text}{CLOSE}", numbers.join(" "))
}
