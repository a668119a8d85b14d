//! Choosing a call where the rules are unsure, through the language-model worker. It writes no
//! reply, and whether its choice makes sense is the turn's to say.

use super::folders::worker;
use crate::dialog::prompt::{self, Prompts};
use crate::engines::{
    Address, CompletionRequest, Engine, EngineConfig, EngineError, EngineState, LanguageModel, Segment,
};
use crate::models::{ModelDir, ModelError};
use crate::settings::Llm;
use std::ffi::OsString;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the fixed part of the prompt may take to be read, ahead of the first turn.
const WARM_WITHIN: Duration = Duration::from_secs(60);

/// What choosing needs.
pub struct Mind {
    model: LanguageModel,
    /// The fixed part that was read ahead of its turns.
    primed: Mutex<String>,
    deadline: Duration,
}

/// Why choosing cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MindError {
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Mind {
    /// Starts the worker's handle; the worker itself loads when first needed or told to
    /// [`Mind::warm`].
    ///
    /// # Errors
    /// The model is missing or damaged.
    pub fn open(models: &ModelDir, settings: &Llm) -> Result<Self, MindError> {
        let model = models.ready(&settings.model)?;
        let args: [OsString; 4] =
            ["--model".into(), model.into(), "--threads".into(), settings.threads.to_string().into()];
        let config = EngineConfig::new("aisle-llm", Address::worker(worker("aisle-llm"), args));
        let deadline = Duration::from_secs_f64(settings.deadline_seconds);
        Ok(Self { model: LanguageModel::new(Engine::new(config)?), primed: Mutex::default(), deadline })
    }

    /// The worker, for health checks.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        self.model.engine()
    }

    /// Loads the model and reads the prompt's fixed part, unless that is the latest one read.
    ///
    /// # Errors
    /// The worker does not start or fails.
    pub async fn warm(&self, prompts: &Prompts) -> Result<(), EngineError> {
        let head = prompts.head();
        let mut primed = self.primed.lock().await;
        // A worker that was started anew has read nothing.
        if *primed == head && self.engine().state() == EngineState::Ready {
            return Ok(());
        }
        self.model.prime(vec![Segment::trusted(head)], WARM_WITHIN).await?;
        head.clone_into(&mut primed);
        Ok(())
    }

    /// The call that the model chooses for `prompt`, as it writes it: under a grammar, and the
    /// same for the same prompt.
    ///
    /// # Errors
    /// The worker fails or is not done within the settings' deadline.
    pub async fn choose(&self, prompt: Vec<prompt::Segment>) -> Result<String, EngineError> {
        let segment = |segment: prompt::Segment| {
            if segment.trusted { Segment::trusted(segment.text) } else { Segment::untrusted(segment.text) }
        };
        let request = CompletionRequest {
            prompt: prompt.into_iter().map(segment).collect(),
            grammar: Some(prompt::GRAMMAR.to_owned()),
            max_tokens: prompt::MAX_TOKENS,
            temperature: 0.0,
            seed: 0,
            deadline: self.deadline,
        };
        Ok(self.model.complete(request).await?.text)
    }
}
