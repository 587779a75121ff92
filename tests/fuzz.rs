//! A bounded run of the fuzz targets in `tests/fuzz/`, with a limit on the memory that each input
//! allocates.
//!
//! Each target runs on its seed inputs, on truncated and changed seed inputs, and on random bytes.
//! The changes are typical causes of decoder bugs: other bytes, and impossible lengths and counts,
//! overwritten or inserted. `tests/fuzz/README.md` describes how to fuzz for longer.

use std::alloc::System;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;

use groupsim::rng::Rng;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "fuzz/targets/mod.rs"]
mod targets;

use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Encodings of lengths and counts that no input can have: of two, four and eight bytes, and as
/// plain and zigzag varints; and the smallest valid ones, with which decoding continues.
const LENGTHS: [&[u8]; 15] = [
    &[0x7f, 0xff],
    &[0xff, 0xff],
    &[0x80, 0x00],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0x10, 0x00, 0x00, 0x00],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xfe, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x00],
    &[0x00, 0x00, 0x00, 0x01],
];

/// A target, and the file that holds its last input, even after an abort.
struct Trial<'t> {
    target: &'t Target,
    path: PathBuf,
    file: File,
}

impl<'t> Trial<'t> {
    fn of(target: &'t Target) -> Trial<'t> {
        let name = format!("fuzz-{}", target.name);
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let file = File::create(&path).expect("the folder for test files can be written");
        Trial { target, path, file }
    }

    fn run(&mut self, input: &[u8]) -> Result<(), String> {
        let kept = self.file.rewind().and_then(|()| self.file.set_len(0));
        kept.and_then(|()| self.file.write_all(input)).expect("a file can be written");
        let region = Region::new(ALLOCATOR);
        let outcome = std::panic::catch_unwind(|| (self.target.run)(input));
        let allocated = region.change().bytes_allocated;
        let bound = self.target.bound(input);
        let what = match outcome {
            Ok(()) if allocated <= bound => return Ok(()),
            Ok(()) => format!("allocated {allocated} bytes, at most {bound} are allowed"),
            Err(_) => "panicked".to_owned(),
        };
        let Trial { target, path, .. } = self;
        Err(format!("{} {what}: on the {} bytes in {}", target.name, input.len(), path.display()))
    }
}

/// The input with one change.
fn changed(rng: &mut Rng, input: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let at = rng.below(input.len() as u64 + 1) as usize;
    let (before, after) = input.split_at(at);
    match rng.below(8) {
        0 => before.to_vec(),
        1 => [before, after.get(1..).unwrap_or_default()].concat(),
        2 => [before, &[rng.bits() as u8], after].concat(),
        3 | 4 => {
            let length = *rng.pick(&LENGTHS);
            [before, length, after.get(length.len()..).unwrap_or_default()].concat()
        }
        5 => [before, *rng.pick(&LENGTHS), after].concat(),
        6 => {
            let other = rng.pick(others);
            let from = rng.below(other.len() as u64 + 1) as usize;
            [before, &other[from..]].concat()
        }
        _ => [before, &[rng.bits() as u8], after.get(1..).unwrap_or_default()].concat(),
    }
}

/// Runs a target on all its inputs; returns the first failure.
fn fuzz(target: &Target) -> Result<(), String> {
    let (seeds, mut trial) = ((target.seeds)(), Trial::of(target));
    let mut rng = Rng::stream(11, target.name);
    for seed in &seeds {
        trial.run(seed)?;
    }
    for _ in 0..target.cases {
        let mut input = match rng.below(16) {
            0 => (0..rng.below(100)).map(|_| rng.bits() as u8).collect(),
            1 => (0..rng.below(100)).map(|_| rng.below(3) as u8).collect(),
            _ => rng.pick(&seeds).clone(),
        };
        for _ in 0..rng.within(1..=4) {
            input = changed(&mut rng, &input, &seeds);
        }
        trial.run(&input)?;
    }
    Ok(())
}

/// A single test, because the allocator counts the bytes of all threads.
#[test]
fn no_input_panics_or_allocates_too_much() {
    let failures: Vec<String> = TARGETS.iter().filter_map(|target| fuzz(target).err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Writes the seed inputs to the corpus folders of `cargo fuzz`.
#[test]
#[ignore = "writes to tests/fuzz/corpus"]
fn corpus() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for target in &TARGETS {
        let folder = root.join(target.name);
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a file");
        }
    }
}
