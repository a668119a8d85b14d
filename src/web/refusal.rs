//! Why a request is not done, as its sender is told: a status, a code that stays, one line that
//! says what to do. Never holds what was sent, and no place of this machine.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// When it is worth trying again, in seconds.
const AGAIN: HeaderValue = HeaderValue::from_static("5");

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    NowhereKnown,
    OtherMethod,
    Unauthorized,
    OtherType,
    TooLarge {
        limit: usize,
    },
    TooSlow,
    Malformed(String),
    Conflict(String),
    /// The same may be sent again.
    Unavailable(String),
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        match self {
            Self::NowhereKnown => {
                (StatusCode::NOT_FOUND, "not_found", "there is nothing here: POST to /v1/sales".into())
            }
            Self::OtherMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only POST is taken here".into())
            }
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the token is missing or wrong: send the header Authorization: Bearer TOKEN".into(),
            ),
            Self::OtherType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the header Content-Type: application/json".into(),
            ),
            Self::TooLarge { limit } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the body may have {limit} bytes: send less at once"),
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the body did not come in time: send it again".into(),
            ),
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, "malformed", why.clone()),
            Self::Conflict(why) => (StatusCode::CONFLICT, "conflict", why.clone()),
            Self::Unavailable(why) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", why.clone()),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = self.parts();
        let mut response = answer(status, &json!({"error": {"code": code, "message": message}}));
        let headers = response.headers_mut();
        match self {
            Self::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::Unavailable(_) => drop(headers.insert(RETRY_AFTER, AGAIN)),
            _ => {}
        }
        response
    }
}

/// An answer of JSON, a line.
pub(super) fn answer(status: StatusCode, body: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(CONTENT_TYPE, kind)], format!("{body}\n")).into_response()
}
