//! Conformance: sends the raw requests of a script to a broker, and compares its responses with
//! those of a real Apache Kafka 4.4.0 to the same script.
//!
//! A script lists requests, their connections, and when to await responses. It contains no
//! consumers and no expectations. The expected responses are recorded: the same script was run on a
//! real Kafka, and its responses were stored in a normal form in which nothing depends on the run
//! (member ids are named after the client that received them, `a.1`). A broker conforms to a
//! script if its transcript equals the recording. `tests/conformance/README.md` describes the
//! language.
//!
//! A script runs on a [`Broker`]: the cluster of this crate in [virtual time](VirtualBroker), where
//! waits cost nothing and every run is the same, or any broker [over TCP](TcpBroker). Both exchange
//! Kafka's bytes.
//!
//! What this module does not do: check invariants. Scripts do things that no healthy client does.
//! [`crate::engine::probe`] and [`crate::engine::serve`] check invariants.
//!
//! | file | what it does |
//! |---|---|
//! | `script`, `options` | the language: lines, options, and mistakes in them |
//! | `apis` | the requests that a script can send, and their versions |
//! | `session` | the values that the clients have received so far, and references to them |
//! | `request`, `response` | builds the request of a line; the normal form of responses |
//! | `broker` | the brokers that scripts run on |
//! | `replay` | runs a script |
//! | `transcript`, `recording` | responses as text; the text of a real Kafka, with its variants |
//! | `compare`, `diff` | finds the differences; shows them as text |
//! | `deviations` | the intended differences of this crate's brokers |
//! | `verdict` | which differences are explained |
//! | `suite` | the scripts and recordings that come with the crate |
//!
//! Read next: `replay`.

mod apis;
mod broker;
mod compare;
mod deviations;
mod diff;
mod options;
mod recording;
mod replay;
mod request;
mod response;
mod script;
mod session;
mod suite;
mod transcript;
mod verdict;

pub use apis::ScriptApi;
pub use broker::{Broker, ConnectionId, Received, TcpBroker, VirtualBroker, is_ready};
pub use compare::{Comparison, Difference, Late, TOLERANCE, compare};
pub use deviations::{DEVIATIONS, Deviating, Deviation, NOT_SERVED};
pub use diff::{difference, late};
pub use recording::{Recording, RecordingError};
pub use replay::replay;
pub use script::{Action, Request, RequestKind, Script, ScriptStep, Settings, load, parse};
pub use suite::{Case, embedded, from_file};
pub use transcript::{Answer, Entry, Transcript, TranscriptItem};
pub use verdict::Verdict;
