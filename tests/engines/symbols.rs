//! The program that people install leaves libc alone, so it works with any allocator and any tool
//! that is preloaded. The example with madsim shows that the check sees what it looks for.

use std::collections::BTreeSet;

use groupsim::engine::EngineKind;
use object::{Object as _, ObjectSymbol as _};

use crate::program::program;

/// The functions of libc that madsim defines.
const REPLACED: [&str; 5] =
    ["clock_gettime", "gettimeofday", "getrandom", "sysconf", "sched_getaffinity"];

fn defined(engine: EngineKind) -> BTreeSet<String> {
    let bytes = std::fs::read(program(engine)).expect("the program was built");
    let file = object::File::parse(&*bytes).expect("a program that the linker wrote");
    let symbols = file.symbols().filter(|symbol| symbol.is_definition());
    symbols.filter_map(|symbol| Some(symbol.name().ok()?.to_owned())).collect()
}

#[test]
fn the_program_replaces_no_function_of_libc() {
    let defined = defined(EngineKind::Sim);
    assert!(defined.len() > 1_000, "the program has only {} symbols", defined.len());
    let replaced: Vec<_> = REPLACED.iter().filter(|name| defined.contains(**name)).collect();
    assert!(replaced.is_empty(), "the program defines {replaced:?}");
}

#[cfg(madsim)]
#[test]
fn the_example_with_madsim_replaces_them() {
    let defined = defined(EngineKind::Madsim);
    let kept: Vec<_> = REPLACED.iter().filter(|name| !defined.contains(**name)).collect();
    assert!(kept.is_empty(), "madsim does not define {kept:?} any more: what does it define?");
}
