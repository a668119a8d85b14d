//! `aisle-llm`: the language-model worker, llama.cpp behind Wyoming events on
//! standard input and output.
//!
//! Promises: a prompt that begins like an earlier one pays only for the rest;
//! text in untrusted segments never becomes a control token; an answer under a
//! grammar obeys it or ends early because `max_tokens` was reached, and says so.
//! Never writes prompts or answers anywhere but into its answer event.

use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aisle::engines::events::{
    self, CompleteBody, CompletionBody, PrimeBody, PrimedBody, PromptSegment, code,
};
use aisle::engines::prefix::{Plan, PrefixCache, Token};
use aisle::engines::worker::{GiveUp, Refusal, Service, run_on_stdio};
use aisle::engines::wyoming::Event;
use clap::Parser;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::LlamaContextParams;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

/// Sequences kept in the key/value cache, so that several fixed prompts stay.
const SLOTS: usize = 4;
/// Prompt tokens processed between two looks at whether to give up.
const STEP: usize = 128;
/// Models below this many bytes generate on one thread: a token takes 7 to 10 ms
/// then, of which waiting for another thread costs more than it brings.
const SMALL: u64 = 400_000_000;
/// Likeliest tokens that the grammar is asked about before all of them are.
const SHORTLIST: usize = 64;

/// Language-model worker of Aisle; speaks Wyoming events on standard input and output.
#[derive(Parser)]
#[command(name = "aisle-llm", version)]
struct Args {
    /// Model in GGUF format
    #[arg(long)]
    model: PathBuf,
    /// Threads to compute with
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=64))]
    threads: i32,
    /// Tokens that all cached prompts and the answer may hold together
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(256..=131_072))]
    context: u32,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run_on_stdio(|give_up| Llama::load(&args, give_up))
}

/// The model, its cache, and the batch that is reused.
struct Llama {
    name: String,
    model: &'static LlamaModel,
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    cache: PrefixCache,
    capacity: usize,
    give_up: GiveUp,
}

/// A prompt whose last token has been processed.
struct Ready {
    slot: usize,
    prompt: usize,
    cached: usize,
}

impl Llama {
    fn load(args: &Args, give_up: GiveUp) -> Result<Self, Refusal> {
        let (mut backend, model) = load_model(&args.model)?;
        backend.void_logs();
        // The context borrows the model; both live as long as the worker.
        let model: &'static LlamaModel = Box::leak(Box::new(model));
        let context_size = args.context.min(model.n_ctx_train());
        let capacity = context_size as usize;
        let settings = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(context_size))
            .with_n_batch(STEP as u32)
            .with_n_ubatch(STEP as u32)
            .with_n_seq_max(SLOTS as u32)
            .with_kv_unified(true)
            .with_n_threads(if model.size() < SMALL { 1 } else { args.threads })
            .with_n_threads_batch(args.threads)
            .with_no_perf(true);
        let context = model.new_context(&backend, settings).map_err(|error| {
            Refusal::new(code::MODEL, format!("no memory for a context of {context_size} tokens: {error}"))
        })?;
        // Dropping the backend would shut llama.cpp down under the model.
        std::mem::forget(backend);
        let name = args.model.file_stem().unwrap_or_default();
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            model,
            context,
            batch: LlamaBatch::new(STEP, 1),
            cache: PrefixCache::new(SLOTS, capacity),
            capacity,
            give_up,
        })
    }

    fn prime(&mut self, body: &PrimeBody) -> Result<Event, Refusal> {
        let started = Instant::now();
        let prompt = self.tokenize(&body.prompt);
        let ready = self.process(&prompt, 0)?;
        self.cache.mark_primed(ready.slot);
        Ok(Event::with_body(
            events::PRIMED,
            &PrimedBody {
                prompt_tokens: count(ready.prompt),
                cached_tokens: count(ready.cached),
                decode_ms: millis(started),
            },
        )?)
    }

    fn complete(&mut self, body: &CompleteBody) -> Result<Event, Refusal> {
        let started = Instant::now();
        if body.max_tokens == 0 || !(0.0..=10.0).contains(&body.temperature) {
            return Err(Refusal::new(
                code::REQUEST,
                "max_tokens must be at least 1 and temperature between 0 and 10",
            ));
        }
        let mut choice = Choice::new(self.model, body)?;
        let prompt = self.tokenize(&body.prompt);
        let ready = self.process(&prompt, body.max_tokens as usize)?;

        let vocab = self.model.vocab();
        let mut bytes = Vec::new();
        let mut generated = 0;
        let mut finished = false;
        let mut last = self.batch.n_tokens() - 1;
        while generated < body.max_tokens {
            if self.give_up.is_wanted() {
                return Err(Refusal::cancelled());
            }
            let token = choice.next(self.context.get_logits_ith(last))?;
            if vocab.is_eog(token) || vocab.is_control(token) {
                finished = true;
                break;
            }
            choice.accept(token);
            vocab.token_to_piece_into(token, &mut bytes, false, None);
            generated += 1;
            if generated < body.max_tokens {
                self.decode(ready.slot, &[token.0], true)?;
                last = 0;
            }
        }
        Ok(Event::with_body(
            events::COMPLETION,
            &CompletionBody {
                text: whole_characters(bytes),
                prompt_tokens: count(ready.prompt),
                cached_tokens: count(ready.cached),
                generated_tokens: generated,
                finished,
                decode_ms: millis(started),
            },
        )?)
    }

    /// Tokens of a prompt. Only trusted segments are searched for control tokens.
    fn tokenize(&self, prompt: &[PromptSegment]) -> Vec<Token> {
        let vocab = self.model.vocab();
        let mut tokens = Vec::new();
        if vocab.should_add_bos() {
            tokens.push(vocab.bos().0);
        }
        for segment in prompt {
            let piece = vocab.tokenize(segment.text.as_bytes(), false, segment.trusted);
            tokens.extend(piece.into_iter().map(|token| token.0));
        }
        tokens
    }

    /// Brings the cache to hold `prompt`, reusing what it can.
    fn process(&mut self, prompt: &[Token], room: usize) -> Result<Ready, Refusal> {
        let plan = self.cache.plan(prompt, room).ok_or_else(|| {
            Refusal::new(
                code::TOO_LONG,
                format!(
                    "the prompt has {} tokens and the answer may have {room}; \
                     the context holds 1 to {}",
                    prompt.len(),
                    self.capacity
                ),
            )
        })?;
        let kept = match self.arrange(&plan) {
            Ok(()) => plan.keep,
            // Some architectures cannot drop the end of a sequence: start afresh.
            Err(_) => 0,
        };
        let plan = Plan { keep: kept, ..plan };
        if kept == 0 {
            self.clear(plan.slot)?;
        }
        self.cache.carry_out(&plan, prompt);
        let rest = prompt.get(kept..).unwrap_or_default();
        let steps = rest.chunks(STEP).count();
        for (index, tokens) in rest.chunks(STEP).enumerate() {
            if self.give_up.is_wanted() {
                return Err(Refusal::cancelled());
            }
            self.decode(plan.slot, tokens, index + 1 == steps)?;
        }
        Ok(Ready { slot: plan.slot, prompt: prompt.len(), cached: kept })
    }

    fn arrange(&mut self, plan: &Plan) -> Result<(), Refusal> {
        let (slot, keep) = (seq(plan.slot), count(plan.keep));
        if let Some(source) = plan.copy_from {
            self.clear(plan.slot)?;
            self.context
                .copy_kv_cache_seq(seq(source), slot, Some(0), Some(keep))
                .map_err(|error| engine(&error))?;
        }
        for &index in &plan.evict {
            self.clear(index)?;
        }
        self.context.kv_cache_seq_rm(slot, Some(keep), None).map_err(|error| engine(&error))
    }

    fn clear(&mut self, slot: usize) -> Result<(), Refusal> {
        self.context.kv_cache_seq_rm(seq(slot), None, None).map_err(|error| engine(&error))
    }

    /// Processes up to [`STEP`] tokens at the end of a slot; `predict` asks for
    /// the logits after the last one.
    fn decode(&mut self, slot: usize, tokens: &[Token], predict: bool) -> Result<(), Refusal> {
        self.batch.clear();
        let start = self.cache.len(slot);
        for (index, &token) in tokens.iter().enumerate() {
            let position = i32::try_from(start + index).unwrap_or(i32::MAX);
            let wanted = predict && index + 1 == tokens.len();
            self.batch
                .add(LlamaToken(token), position, &[seq(slot)], wanted)
                .map_err(|error| engine(&error))?;
        }
        if let Err(error) = self.context.decode(&mut self.batch) {
            // What the slot holds now is unknown.
            self.cache.forget(slot);
            self.clear(slot)?;
            return Err(engine(&error));
        }
        self.cache.extend(slot, tokens);
        Ok(())
    }
}

impl Service for Llama {
    fn info(&self) -> Event {
        events::info("handle", "aisle-llm", &self.name, &[])
    }

    fn handle(&mut self, event: Event) -> Result<Option<Event>, Refusal> {
        match event.kind.as_str() {
            events::PRIME => self.prime(&event.body()?).map(Some),
            events::COMPLETE => self.complete(&event.body()?).map(Some),
            _ => Ok(None),
        }
    }
}

/// How the next token is chosen. A grammar over the whole vocabulary costs more
/// than the model itself here, so the model's own choice is checked first, then
/// its likeliest few, and only then every token. The outcome is the same, since
/// the likeliest allowed token is the same however it is found.
struct Choice {
    grammar: Option<LlamaSampler>,
    /// Draws by probability; `None` takes the likeliest.
    draw: Option<LlamaSampler>,
}

impl Choice {
    fn new(model: &LlamaModel, body: &CompleteBody) -> Result<Self, Refusal> {
        let grammar = body
            .grammar
            .as_deref()
            .map(|text| LlamaSampler::grammar(model, text, "root"))
            .transpose()
            .map_err(|_| Refusal::new(code::GRAMMAR, "the grammar is no GBNF with a `root` rule"))?;
        let draw = (body.temperature > 0.0).then(|| {
            LlamaSampler::chain([LlamaSampler::temp(body.temperature), LlamaSampler::dist(body.seed)], true)
        });
        Ok(Self { grammar, draw })
    }

    fn next(&mut self, logits: &[f32]) -> Result<LlamaToken, Refusal> {
        let Self { grammar, draw } = self;
        let first = match draw {
            Some(draw) => drawn(draw, every(logits)),
            None => likeliest(logits),
        };
        let first = first.ok_or_else(|| Refusal::new(code::ENGINE, "the model predicts no finite value"))?;
        let Some(grammar) = grammar else {
            return Ok(first);
        };
        if allows(grammar, first) {
            return Ok(first);
        }
        let found = match draw {
            Some(draw) => {
                let mut all = every(logits);
                all.apply_sampler(grammar);
                all.data.retain(|candidate| candidate.logit().is_finite());
                drawn(draw, all)
            }
            None => allowed(grammar, shortlist(logits)).or_else(|| allowed(grammar, every(logits))),
        };
        found.ok_or_else(|| Refusal::new(code::GRAMMAR, "the grammar admits no further token"))
    }

    fn accept(&mut self, token: LlamaToken) {
        if let Some(grammar) = &mut self.grammar {
            grammar.accept(token);
        }
    }
}

fn candidate(id: usize, logit: f32) -> LlamaTokenData {
    LlamaTokenData::new(LlamaToken(i32::try_from(id).unwrap_or(i32::MAX)), logit, 0.0)
}

fn every(logits: &[f32]) -> LlamaTokenDataArray {
    let all = logits.iter().enumerate().map(|(id, &logit)| candidate(id, logit));
    LlamaTokenDataArray::from_iter(all, false)
}

fn shortlist(logits: &[f32]) -> LlamaTokenDataArray {
    let mut all = every(logits).data;
    if all.len() > SHORTLIST {
        all.select_nth_unstable_by(SHORTLIST, |a, b| b.logit().total_cmp(&a.logit()));
        all.truncate(SHORTLIST);
    }
    LlamaTokenDataArray::new(all, false)
}

fn likeliest(logits: &[f32]) -> Option<LlamaToken> {
    best(&every(logits).data)
}

/// The token with the highest finite logit; the first of equals.
fn best(candidates: &[LlamaTokenData]) -> Option<LlamaToken> {
    candidates
        .iter()
        .filter(|candidate| candidate.logit().is_finite())
        .min_by(|a, b| b.logit().total_cmp(&a.logit()).then(a.id().0.cmp(&b.id().0)))
        .map(LlamaTokenData::id)
}

fn drawn(draw: &mut LlamaSampler, mut candidates: LlamaTokenDataArray) -> Option<LlamaToken> {
    if candidates.data.is_empty() {
        return None;
    }
    candidates.apply_sampler(draw);
    candidates.selected_token()
}

fn allows(grammar: &mut LlamaSampler, token: LlamaToken) -> bool {
    let one = LlamaTokenDataArray::new(vec![LlamaTokenData::new(token, 0.0, 0.0)], false);
    allowed(grammar, one).is_some()
}

/// The likeliest candidate that the grammar admits.
fn allowed(grammar: &mut LlamaSampler, mut candidates: LlamaTokenDataArray) -> Option<LlamaToken> {
    candidates.apply_sampler(grammar);
    best(&candidates.data)
}

/// Loads the model; on failure says why in llama.cpp's own words.
fn load_model(path: &Path) -> Result<(LlamaBackend, LlamaModel), Refusal> {
    let refuse = |why: &str| {
        Refusal::new(code::MODEL, format!("cannot load {}: {why}; run `aisle models verify`", path.display()))
    };
    let mut magic = [0; 4];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .map_err(|error| refuse(&error.to_string()))?;
    if &magic != b"GGUF" {
        return Err(refuse("it is no GGUF model"));
    }
    let log = LoadLog::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::ERROR)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .with_level(false)
        .with_target(false)
        .without_time()
        .finish();
    llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default());
    tracing::subscriber::with_default(subscriber, || {
        let backend = LlamaBackend::init().map_err(|error| refuse(&error.to_string()))?;
        match LlamaModel::load_from_file(&backend, path, &LlamaModelParams::default()) {
            Ok(model) => Ok((backend, model)),
            Err(error) => {
                let why = log.first_line().unwrap_or_else(|| error.to_string());
                Err(refuse(&why))
            }
        }
    })
}

/// Collects what llama.cpp says at error level while it loads.
#[derive(Clone, Default)]
struct LoadLog(Arc<Mutex<Vec<u8>>>);

impl LoadLog {
    fn first_line(&self) -> Option<String> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&log);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        // The log's own field for the place in the source follows the message.
        Some(line.split(" module=").next().unwrap_or(line).to_owned())
    }
}

impl Write for LoadLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The text of the bytes, without a character that the token limit cut in two.
fn whole_characters(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.utf8_error().error_len().is_none() => {
            let whole = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned()
        }
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn engine(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(code::ENGINE, format!("llama.cpp failed: {error}"))
}

fn seq(slot: usize) -> i32 {
    i32::try_from(slot).unwrap_or(i32::MAX)
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
