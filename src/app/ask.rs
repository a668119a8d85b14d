//! Turns as JSON lines: reads requests, answers each with one object, and goes
//! on after a bad one. Used by `aisle ask --batch` and by the turn socket.

use super::assistant::{Assistant, Input, Request};
use crate::voice::wav;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Longest request line, in bytes.
pub const MAX_LINE: usize = 64 * 1024;

/// Why a line is not a request. The code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    #[error("the line has more than {MAX_LINE} bytes")]
    TooLong,
    #[error("the line is not UTF-8")]
    Encoding,
    #[error("the line is not a JSON object of the expected keys: {0}")]
    Json(String),
    #[error("give either \"text\" or \"wav\"")]
    Input,
}

impl LineProblem {
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "line_too_long",
            Self::Encoding => "not_utf8",
            Self::Json(_) => "bad_json",
            Self::Input => "bad_request",
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: Option<Value>,
    text: Option<String>,
    wav: Option<PathBuf>,
    session: Option<String>,
}

/// The object that answers a bad line; `line` may still tell its id.
#[must_use]
pub fn refusal(line: &[u8], code: &str, message: &str) -> Value {
    let id =
        serde_json::from_slice::<Value>(line).ok().and_then(|mut value| value.get_mut("id").map(Value::take));
    json!({"id": id, "error": {"code": code, "message": message}})
}

/// Parses a line as far as JSON goes.
///
/// # Errors
/// It is too long, not UTF-8, or not the object that is expected.
pub fn parse<T: serde::de::DeserializeOwned>(line: &[u8]) -> Result<T, LineProblem> {
    if line.len() > MAX_LINE {
        return Err(LineProblem::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| LineProblem::Encoding)?;
    serde_json::from_str(text).map_err(|error| LineProblem::Json(about(&error)))
}

/// What is wrong, without the input: it may be a shopper's words.
fn about(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "bad syntax",
        _ => "a key is missing, unknown, or of the wrong type",
    };
    format!("{kind} at column {}", error.column())
}

/// Answers one line; `say` is the folder for spoken replies, `name` the file's
/// name there without its ending.
pub async fn answer(assistant: &Assistant, line: &[u8], say: Option<&Path>, name: &str) -> Value {
    let parsed = parse::<Line>(line).and_then(|line| {
        let input = match (line.text, line.wav) {
            (Some(text), None) => Input::Text(text),
            (None, Some(wav)) => Input::Recording(wav),
            _ => return Err(LineProblem::Input),
        };
        Ok(Request { id: line.id, input, session: line.session, speak: say.is_some(), stays: false })
    });
    let request = match parsed {
        Ok(request) => request,
        Err(problem) => return refusal(line, problem.code(), &problem.to_string()),
    };
    let (report, utterance) = match assistant.turn(&request, |_, _| {}).await {
        Ok(done) => done,
        Err(error) => return refusal(line, "bad_input", &error.to_string()),
    };
    if let Some(meter) = assistant.meter() {
        meter.turn(&report.timings_ms);
    }
    if let (Some(folder), Some(utterance)) = (say, utterance) {
        let path = folder.join(format!("{name}.wav"));
        if let Err(error) = wav::write(&path, &utterance.samples, utterance.rate) {
            return refusal(line, "cannot_write", &error.to_string());
        }
    }
    serde_json::to_value(report).unwrap_or_else(|error| refusal(line, "internal", &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_told_apart() {
        let code = |line: &[u8]| parse::<Line>(line).map(|_| "").unwrap_or_else(|problem| problem.code());
        assert_eq!(code(b"{\"id\":\"1\",\"text\":\"milk\"}"), "");
        assert_eq!(code(b"{\"text\": tomato secrets}"), "bad_json");
        assert_eq!(code(b"\xff\xfe"), "not_utf8");
        assert_eq!(code(&vec![b' '; MAX_LINE + 1]), "line_too_long");
    }

    #[test]
    fn a_refusal_keeps_the_id_and_not_the_words() {
        let line = br#"{"id":7,"text":5,"session":"my secret"}"#;
        let problem = parse::<Line>(line).map(|_| ()).unwrap_err();
        let value = refusal(line, problem.code(), &problem.to_string());
        assert_eq!(value["id"], 7);
        assert!(!value.to_string().contains("secret"));
    }
}
