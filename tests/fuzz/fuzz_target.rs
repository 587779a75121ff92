//! Every binary of this crate: libFuzzer runs the target that has the binary's name.
#![no_main]

#[path = "targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let name = env!("CARGO_BIN_NAME");
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").run)(bytes);
});
