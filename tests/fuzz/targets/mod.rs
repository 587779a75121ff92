//! The fuzz targets: everything that decodes bytes of a client.
//!
//! There are two runners of the one list, [`TARGETS`]: `tests/fuzz.rs` runs each target for a
//! second or two in `cargo test`; the crate in this folder runs one for any time, guided by
//! coverage. A target panics when something is wrong; its runner also limits the memory that it
//! allocates.

mod broker;
mod payloads;
mod served;
mod wire;

/// A function that must handle any bytes.
pub struct Target {
    /// Its name, used by both runners.
    pub name: &'static str,
    /// Panics when something is wrong.
    pub run: fn(&[u8]),
    /// Valid inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// The number of inputs of a bounded run.
    pub cases: usize,
    /// The bytes that it may allocate in any case, and per byte of input.
    fixed: usize,
    each: usize,
}

impl Target {
    /// The bytes that it may allocate for this input, including those that it frees again.
    pub fn bound(&self, input: &[u8]) -> usize {
        self.fixed + self.each * input.len()
    }
}

/// All targets.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "subscription",
        run: payloads::subscription,
        seeds: payloads::subscriptions,
        cases: 20_000,
        each: 200,
        fixed: 64 << 10,
    },
    Target {
        name: "assignment",
        run: payloads::assignment,
        seeds: payloads::assignments,
        cases: 20_000,
        each: 200,
        fixed: 64 << 10,
    },
    Target {
        name: "user_data",
        run: payloads::user_data,
        seeds: payloads::all_user_data,
        cases: 20_000,
        each: 200,
        fixed: 64 << 10,
    },
    Target {
        name: "records",
        run: payloads::records,
        seeds: payloads::batches,
        cases: 20_000,
        each: 100,
        fixed: 64 << 10,
    },
    Target {
        name: "framing",
        run: wire::framing,
        seeds: wire::streams,
        cases: 20_000,
        each: 10,
        fixed: 64 << 10,
    },
    Target {
        name: "request",
        run: wire::request,
        seeds: wire::requests,
        cases: 20_000,
        each: 600,
        fixed: 64 << 10,
    },
    Target {
        name: "response",
        run: wire::response,
        seeds: wire::responses,
        cases: 20_000,
        each: 600,
        fixed: 64 << 10,
    },
    Target {
        name: "group",
        run: broker::group,
        seeds: broker::groups,
        cases: 1_000,
        each: 100_000,
        fixed: 4 << 20,
    },
    Target {
        name: "broker",
        run: broker::frames,
        seeds: broker::conversations,
        cases: 1_000,
        each: 100_000,
        fixed: 4 << 20,
    },
];

/// Splits an input into parts. Each is preceded by its length in two bytes; the last may be
/// shorter.
fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        bytes = rest;
        Some(part)
    })
}

/// Joins parts so that [`parts`] splits them again.
fn joined<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let length = u16::try_from(part.len()).expect("a short part");
        bytes.extend(length.to_be_bytes());
        bytes.extend(part);
    }
    bytes
}
