//! The store's own program that takes orders, over local HTTP: each is posted as JSON, with its id
//! as the idempotency key. Says what came of one attempt; when to try again is the caller's.

use std::time::Duration;
use uuid::Uuid;

/// How long it may take for one order.
const WITHIN: Duration = Duration::from_secs(5);

/// Why nothing can be posted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("orders.webhook {0:?} is no address: write http://host:port/path")]
    Address(String),
    #[error("orders.webhook_token_file {file}: {source}")]
    Token { file: String, source: std::io::Error },
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Went {
    Taken,
    /// Not now.
    Again(String),
    Never(String),
}

/// Where orders are posted to.
pub struct Webhook {
    agent: ureq::Agent,
    url: String,
    token: Option<String>,
}

impl Webhook {
    /// At `url`, with the text of a file as a bearer token; `None` for an empty address. An empty
    /// file name: no token.
    ///
    /// # Errors
    /// The address is none, or the file cannot be read.
    pub fn open(url: &str, token_file: &str) -> Result<Option<Self>, WebhookError> {
        if url.is_empty() {
            return Ok(None);
        }
        let uri: Result<ureq::http::Uri, _> = url.parse();
        let is_http = |uri: &ureq::http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        if !uri.is_ok_and(|uri| is_http(&uri) && uri.host().is_some_and(|host| !host.is_empty())) {
            return Err(WebhookError::Address(url.to_owned()));
        }
        let token = (!token_file.is_empty())
            .then(|| std::fs::read_to_string(token_file))
            .transpose()
            .map_err(|source| WebhookError::Token { file: token_file.to_owned(), source })?
            .map(|token| token.trim().to_owned());
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(WITHIN))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        Ok(Some(Self { agent: config.into(), url: url.to_owned(), token }))
    }

    /// Posts an order. Who gets it twice, because the answer was lost, sees by its id that it is
    /// the same.
    #[must_use]
    pub fn post(&self, id: Uuid, body: &str) -> Went {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json")
            .header("idempotency-key", id.to_string());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        match request.send(body) {
            Ok(answer) if answer.status().is_success() => Went::Taken,
            Ok(answer) => {
                let status = answer.status();
                let why = format!("the store's program answers {status}");
                // What somebody may set right while the shopper waits.
                let passes = matches!(status.as_u16(), 401 | 403 | 404 | 408 | 425 | 429 | 500..);
                if passes { Went::Again(why) } else { Went::Never(why) }
            }
            Err(error) => Went::Again(error.to_string()),
        }
    }
}
