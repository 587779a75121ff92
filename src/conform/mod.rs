//! Conformance: raw requests from a script, sent to a broker, and its answers held against what a
//! real Apache Kafka 4.4.0 answered to the same script.
//!
//! A script says what is sent on which connection and when an answer is waited for; it knows
//! nothing of consumers or of what is right. What is right was recorded: the same script against a
//! real Kafka, answers in a normal form in which nothing depends on the run (member ids are named
//! after who received them, `a.1`). So a broker conforms, script by script, if its transcript is
//! the recording. The language is described in `tests/conformance/README.md`, beside the scripts.
//!
//! One [`Broker`] carries a script's bytes: the cluster of this crate in [virtual
//! time](VirtualBroker), where a wait costs nothing and a run is the same every time, or any broker
//! [over TCP](TcpBroker). Either way what goes in and comes out are Kafka's bytes.
//!
//! What it deliberately does not do: judge. No invariant sees these runs, and scripts do what no
//! healthy client does. [`crate::engine::probe`] and [`crate::engine::serve`] judge.
//!
//! | file | what it does |
//! |---|---|
//! | `script`, `options` | the language: lines, words, and what is wrong with them |
//! | `apis` | the requests that a script can send, and their versions |
//! | `session` | what a script has been told so far, and how values refer to it |
//! | `request`, `answer` | a line of a script into a request; a response into the normal form |
//! | `broker` | what a script runs on |
//! | `replay` | a script carried out |
//! | `transcript`, `recording` | answers as text; the text of a real Kafka, with its variants |
//! | `compare`, `diff` | where they differ, and how a person reads it |
//! | `deviations` | where this crate's brokers differ on purpose |
//! | `verdict` | what of the differences is explained |
//! | `suite` | the scripts and recordings that come with the crate |
//!
//! Read next: `replay`.

mod answer;
mod apis;
mod broker;
mod compare;
mod deviations;
mod diff;
mod options;
mod recording;
mod replay;
mod request;
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
pub use script::{Action, Request, Script, Settings, Step, What, load, parse};
pub use suite::{Case, embedded, from_file};
pub use transcript::{Answer, Entry, Said, Transcript};
pub use verdict::Verdict;
