//! Owns everything between the shop assistant and its two inference engines,
//! speech to text (`aisle-stt`) and the language model (`aisle-llm`).
//!
//! Each engine runs in a worker of its own (see `bin/`), because each links its
//! own copy of ggml, and because a crash, a hang or a leak in one must never
//! take the shop's screen down. This library therefore never names the engine
//! crates; it only speaks Wyoming with the workers.
//!
//! ```text
//! Speech, LanguageModel   what the rest of Aisle calls
//!   Engine (supervisor)   starts, watches, restarts; queue, deadlines, state
//!     link                child with pipes, Unix socket or TCP
//!       wyoming, events   frames and their fields
//! ------------------------ process boundary ------------------------
//!   worker                reads events, answers, ends with its parent
//!     bin/stt, bin/llm    the engines; `hearing`, `guided` and `prefix` are their pure parts
//! ```
//!
//! Promises: no call waits longer than its deadline; a dead or hung worker is
//! an [`EngineError`], never a panic; what a shopper says is never logged.

pub mod completion;
pub mod events;
pub mod guided;
pub mod hearing;
mod keeper;
pub mod link;
pub mod prefix;
pub mod speech;
pub mod supervisor;
pub mod worker;
pub mod wyoming;

use std::time::Duration;

use thiserror::Error;

pub use completion::{Completion, CompletionRequest, LanguageModel, Primed, Segment};
pub use link::Address;
pub use speech::{Speech, Transcript};
pub use supervisor::{Engine, EngineConfig, EngineState, EngineStatus};

/// Why an engine gave no answer. `engine` is the name it was configured with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The last attempt to start or reach the engine failed; it is tried again
    /// with growing pauses.
    #[error("{engine} is not available: {reason}")]
    Unavailable {
        /// Engine name.
        engine: String,
        /// One line, from the worker itself where it gave one.
        reason: String,
    },
    /// The engine ended while it worked on this request; it is restarted.
    #[error("{engine} ended in the middle of a request ({reason}); it is being restarted")]
    Died {
        /// Engine name.
        engine: String,
        /// How it ended.
        reason: String,
    },
    /// The deadline passed. If the engine was working on this request it was
    /// killed and is restarted.
    #[error("{engine} did not answer within {} ms", .after.as_millis())]
    Timeout {
        /// Engine name.
        engine: String,
        /// The deadline that passed.
        after: Duration,
    },
    /// The queue is full.
    #[error("{engine} has {waiting} requests waiting already; try again later")]
    Busy {
        /// Engine name.
        engine: String,
        /// Length of the queue.
        waiting: usize,
    },
    /// The engine answered with an error event.
    #[error("{engine} refused the request: {text} ({code})")]
    Refused {
        /// Engine name.
        engine: String,
        /// Stable code, see [`events::code`].
        code: String,
        /// One line.
        text: String,
    },
    /// The request cannot be put on the wire, or the answer lacks its fields.
    #[error("{engine} could not be understood: {reason}")]
    Protocol {
        /// Engine name.
        engine: String,
        /// One line.
        reason: String,
    },
    /// The engine's handle was told to end.
    #[error("{engine} has been stopped")]
    Stopped {
        /// Engine name.
        engine: String,
    },
}
