//! The store's point of sale over HTTP: one sale a request, answered once it is written down, so
//! that what was answered is not lost and what was not may be sent again. Checks who asks before
//! it reads what.

use super::refusal::{Refusal, answer};
use crate::sync::till::{Receipt, Till, TillError};
use crate::sync::topics::Kind;
use crate::sync::wire::WireError;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

pub(super) fn routes(till: Arc<Till>) -> Router {
    Router::new().route("/v1/sales", post(take)).with_state(till)
}

async fn take(State(till): State<Arc<Till>>, headers: HeaderMap, body: Body) -> Result<Response, Refusal> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !authorization.is_some_and(|text| till.tokens().know(text)) {
        return Err(Refusal::Unauthorized);
    }
    if !is_json(&headers) {
        return Err(Refusal::OtherType);
    }
    let body = read(&headers, body).await?;
    let taken = spawn_blocking(move || till.take(&body, Timestamp::now())).await;
    let receipt = taken.map_err(|_| broken())?.map_err(refusal)?;
    let Receipt { id, is_new, unknown } = receipt;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(answer(status, &json!({"id": id, "new": is_new, "unknown": unknown})))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Refusal> {
    let limit = Kind::Sale.limit();
    let told = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|told| told > limit as u64) {
        return Err(Refusal::TooLarge { limit });
    }
    // It ends beyond the limit, or because the sender is gone, whom nobody answers.
    let read = timeout(BODY_WITHIN, to_bytes(body, limit)).await.map_err(|_| Refusal::TooSlow)?;
    read.map_err(|_| Refusal::TooLarge { limit })
}

fn refusal(error: TillError) -> Refusal {
    let why = error.to_string();
    match error {
        TillError::Unfit(WireError::TooLarge { limit, .. }) => Refusal::TooLarge { limit },
        TillError::Unfit(_) | TillError::Early { .. } | TillError::Late { .. } => Refusal::Malformed(why),
        TillError::Another(_) => Refusal::Conflict(why),
        TillError::Store(source) => {
            tracing::error!(error = %source, "a sale is not taken");
            Refusal::Unavailable(why)
        }
    }
}

fn broken() -> Refusal {
    tracing::error!("a sale is not taken: its work broke off");
    Refusal::Unavailable("the sale cannot be written down now: tell it again".into())
}
