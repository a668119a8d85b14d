//! `aisle-stt`: the speech-to-text worker, whisper.cpp behind Wyoming events on
//! standard input and output.
//!
//! Promises: one transcript or one error for every `audio-stop` and `rehear`; the
//! fitted audio context makes short orders fast, and a doubtful result is decoded
//! again with the full one; hearing again uses the encoder's last result and so
//! takes a fraction of the time. A crash in ggml ends this program only.
//! Never writes audio or words anywhere but into its answer.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aisle::engines::events::{
    self, Alternative, AudioFormat, RehearBody, SPEECH_FORMAT, TranscribeBody, TranscriptBody, code,
};
use aisle::engines::guided::{self, Effort, Lexicon, Token, Vocabulary};
use aisle::engines::hearing::{self, Decoding};
use aisle::engines::worker::{GiveUp, Refusal, Service, run_on_stdio};
use aisle::engines::wyoming::Event;
use clap::Parser;
use whisper_rs::{FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState};

/// Longest utterance in seconds; an order or a question takes far less.
const LONGEST_S: usize = 120;
/// First bytes of a ggml model file: the magic number 0x67676d6c, little-endian.
const GGML_MAGIC: [u8; 4] = *b"lmgg";

/// Speech-to-text worker of Aisle; speaks Wyoming on standard input and output.
#[derive(Parser)]
#[command(name = "aisle-stt", version)]
struct Args {
    /// Whisper model in ggml format
    #[arg(long)]
    model: PathBuf,
    /// Threads to decode with
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(i32).range(1..=64))]
    threads: i32,
    /// Width of the beam search; 1 decodes greedily
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=8))]
    beam: i32,
    /// Language of requests that name none
    #[arg(long, default_value = "en")]
    language: String,
}

fn main() -> ExitCode {
    let args = Args::parse();
    run_on_stdio(|give_up| Whisper::load(args, give_up))
}

/// What whisper.cpp's abort callback asks; it takes a plain function only.
static GIVE_UP: OnceLock<GiveUp> = OnceLock::new();

unsafe extern "C" fn is_given_up(_: *mut std::ffi::c_void) -> bool {
    GIVE_UP.get().is_some_and(GiveUp::is_wanted)
}

/// The model, and the utterance that is coming in.
struct Whisper {
    args: Args,
    context: WhisperContext,
    state: WhisperState,
    give_up: GiveUp,
    language: Option<String>,
    /// The utterance that comes in is still going on.
    draft: bool,
    pcm: Vec<i16>,
    /// Token of the last utterance's language.
    heard_in: Token,
    /// Number of the utterance whose encoding the state holds.
    utterance: Option<u64>,
    /// Number of utterances since the worker started, from the time it did: a
    /// number from before a restart is never taken for a new one.
    count: u64,
    vocabulary: Option<Vocabulary>,
    /// The expected phrases last asked for, and their graph.
    lexicon: Option<(Vec<String>, Lexicon)>,
    /// What is wrong with the utterance; said when it ends, so that each
    /// request has one answer.
    fault: Option<Refusal>,
}

impl Whisper {
    fn load(args: Args, give_up: GiveUp) -> Result<Self, Refusal> {
        // Without one of its log features this hook drops whisper.cpp's logs.
        whisper_rs::install_logging_hooks();
        check_file(&args.model)?;
        check_language(&args.language)?;
        let damaged = |_| {
            Refusal::new(
                code::MODEL,
                format!(
                    "cannot load {}: it is damaged or no Whisper model; run `aisle models verify`",
                    args.model.display()
                ),
            )
        };
        let mut settings = WhisperContextParameters::new();
        // Flash attention made a fitted context loop three times as often.
        settings.use_gpu(false).flash_attn(false);
        let context = WhisperContext::new_with_params(&args.model, settings).map_err(damaged)?;
        let state = context.create_state().map_err(damaged)?;
        let _ = GIVE_UP.set(give_up.clone());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            args,
            context,
            state,
            give_up,
            language: None,
            draft: false,
            pcm: Vec::new(),
            heard_in: 0,
            utterance: None,
            count: u64::try_from(since.as_millis()).unwrap_or_default(),
            vocabulary: None,
            lexicon: None,
            fault: None,
        })
    }

    fn begin(&mut self) {
        self.pcm.clear();
        self.fault = None;
    }

    fn take_chunk(&mut self, event: &Event) {
        if self.fault.is_some() {
            return;
        }
        match event.body::<AudioFormat>() {
            Ok(SPEECH_FORMAT) => {}
            Ok(format) => {
                self.fault = Some(Refusal::new(
                    code::AUDIO_FORMAT,
                    format!(
                        "audio of {} Hz, {} bytes, {} channels; send 16000 Hz, 2 bytes, 1 channel",
                        format.rate, format.width, format.channels
                    ),
                ));
                return;
            }
            Err(error) => {
                self.fault = Some(error.into());
                return;
            }
        }
        let (samples, odd) = event.payload.as_chunks::<2>();
        if !odd.is_empty() {
            self.fault = Some(Refusal::new(code::AUDIO_FORMAT, "an audio chunk ends inside a sample"));
        } else if self.pcm.len() + samples.len() > LONGEST_S * hearing::RATE {
            self.fault =
                Some(Refusal::new(code::TOO_LONG, format!("the utterance is longer than {LONGEST_S} s")));
        } else {
            self.pcm.extend(samples.iter().map(|&bytes| i16::from_le_bytes(bytes)));
        }
    }

    fn transcribe(&mut self) -> Result<Event, Refusal> {
        let pcm = std::mem::take(&mut self.pcm);
        let draft = std::mem::take(&mut self.draft);
        self.utterance = None;
        let language = self.language.take().unwrap_or_else(|| self.args.language.clone());
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let language_id = check_language(&language)?;
        self.heard_in = self.context.token_lang(language_id);
        let started = Instant::now();
        let mut body = TranscriptBody { language: Some(language.clone()), ..TranscriptBody::default() };
        let audio = hearing::to_floats(&pcm);
        if hearing::is_silent(&audio) {
            body.no_speech = Some(1.0);
        } else if draft {
            let heard = self.decode(&audio, &language, Pass::Draft)?;
            body.audio_ctx = u32::try_from(hearing::draft_context(audio.len())).ok();
            body.confidence = Some(heard.confidence);
            body.mean_logprob = Some(heard.mean_logprob);
            if !hearing::is_invention(&heard) && !hearing::repeats(&heard.text) {
                body.text = heard.text;
            }
        } else {
            let fitted = hearing::audio_context(audio.len());
            let mut used = fitted;
            let mut heard = self.decode(&audio, &language, Pass::Fitted)?;
            let audible = hearing::is_audible(&audio);
            if fitted < hearing::FULL_CONTEXT && hearing::is_doubtful(&heard, audible) {
                heard = hearing::better(heard, self.decode(&audio, &language, Pass::Full)?);
                body.retried = true;
                used = hearing::FULL_CONTEXT;
            }
            body.audio_ctx = u32::try_from(used).ok();
            body.confidence = Some(heard.confidence);
            body.no_speech = Some(heard.no_speech);
            body.mean_logprob = Some(heard.mean_logprob);
            self.count += 1;
            self.utterance = Some(self.count);
            body.utterance = self.utterance;
            if !hearing::is_invention(&heard) {
                body.text = heard.text;
            }
        }
        body.decode_ms = u64::try_from(started.elapsed().as_millis()).ok();
        Ok(Event::with_body(events::TRANSCRIPT, &body)?)
    }

    /// Decodes the last utterance again, among expected phrases only.
    fn rehear(&mut self, body: RehearBody) -> Result<Event, Refusal> {
        let started = Instant::now();
        if self.utterance != Some(body.utterance) {
            return Err(Refusal::new(code::REQUEST, "that utterance is no longer the last one"));
        }
        let head = self.head(&body.prompt)?;
        if self.lexicon.as_ref().is_none_or(|(phrases, _)| *phrases != body.phrases) {
            let lexicon = Lexicon::new(&body.phrases);
            self.lexicon = Some((body.phrases, lexicon));
        }
        let context = &self.context;
        let vocabulary = self.vocabulary.get_or_insert_with(|| {
            let bytes = |token| Some((context.token_to_bytes(token).ok()?.to_vec(), token));
            Vocabulary::new((0..context.token_eot()).filter_map(bytes), context.token_eot())
        });
        let lexicon = self.lexicon.as_ref().map(|(_, lexicon)| lexicon);
        let paths = match lexicon {
            Some(lexicon) => {
                let mut decoder = Decoder {
                    state: &mut self.state,
                    head,
                    seen: Vec::new(),
                    end: context.token_eot(),
                    threads: usize::try_from(self.args.threads).unwrap_or(1),
                    give_up: &self.give_up,
                };
                guided::search(lexicon, vocabulary, &mut decoder, &EFFORT)?
            }
            None => Vec::new(),
        };
        let mut answer = TranscriptBody { utterance: self.utterance, ..TranscriptBody::default() };
        for path in paths.iter().take(ALTERNATIVES) {
            let mut text = Vec::new();
            for token in &path.tokens {
                text.extend_from_slice(context.token_to_bytes(*token).map_err(failed)?);
            }
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            answer.alternatives.push(Alternative { text, mean_logprob: path.mean_logprob() });
        }
        if let Some(best) = answer.alternatives.first() {
            answer.text.clone_from(&best.text);
            answer.mean_logprob = Some(best.mean_logprob);
        }
        answer.decode_ms = u64::try_from(started.elapsed().as_millis()).ok();
        Ok(Event::with_body(events::TRANSCRIPT, &answer)?)
    }

    /// The tokens before a text: what was said before, then the task.
    fn head(&self, prompt: &str) -> Result<Vec<Token>, Refusal> {
        let unusable = |_| Refusal::new(code::REQUEST, "the prompt cannot be read");
        let mut head = Vec::new();
        if !prompt.trim().is_empty() {
            // One byte is one token at most.
            let said =
                self.context.tokenize(&format!(" {}", prompt.trim()), prompt.len() + 8).map_err(unusable)?;
            head.push(self.context.token_prev());
            head.extend(said.iter().skip(said.len().saturating_sub(LONGEST_PROMPT)));
        }
        let transcribe =
            self.context.is_multilingual().then(|| [self.heard_in, self.context.token_transcribe()]);
        head.push(self.context.token_sot());
        head.extend(transcribe.into_iter().flatten());
        head.push(self.context.token_not());
        Ok(head)
    }

    fn decode(&mut self, audio: &[f32], language: &str, pass: Pass) -> Result<Decoding, Refusal> {
        let limit = hearing::token_limit(audio.len());
        let (context, beam_size) = match pass {
            Pass::Draft => (hearing::draft_context(audio.len()), 1),
            Pass::Fitted => (hearing::audio_context(audio.len()), self.args.beam),
            Pass::Full => (hearing::FULL_CONTEXT, 1),
        };
        let strategy = if beam_size > 1 {
            SamplingStrategy::BeamSearch { beam_size, patience: -1.0 }
        } else {
            SamplingStrategy::Greedy { best_of: 1 }
        };
        let mut settings = FullParams::new(strategy);
        settings.set_n_threads(self.args.threads);
        settings.set_language(Some(language));
        settings.set_audio_ctx(context);
        settings.set_max_tokens(limit);
        settings.set_no_timestamps(true);
        settings.set_single_segment(true);
        settings.set_no_context(true);
        settings.set_suppress_blank(true);
        settings.set_suppress_nst(true);
        settings.set_print_progress(false);
        settings.set_print_realtime(false);
        settings.set_print_special(false);
        settings.set_print_timestamps(false);
        // One pass at temperature 0; the second try and the silence rule are ours.
        settings.set_temperature_inc(0.0);
        settings.set_no_speech_thold(f32::INFINITY);
        // SAFETY: the callback ignores its argument and only reads an atomic.
        unsafe { settings.set_abort_callback(Some(is_given_up)) };

        let result = self.state.full(settings, audio);
        if self.give_up.is_wanted() {
            return Err(Refusal::cancelled());
        }
        result.map_err(failed)?;
        let mut decoding = self.collect(limit)?;
        if !matches!(pass, Pass::Draft) {
            decoding.no_speech = self.no_speech()?;
        }
        Ok(decoding)
    }

    fn collect(&self, limit: i32) -> Result<Decoding, Refusal> {
        let end_of_text = self.context.token_eot();
        let mut decoding = Decoding::default();
        let (mut probability, mut logprob) = (0.0, 0.0);
        for segment in self.state.as_iter() {
            let bytes = segment.to_bytes().map_err(failed)?;
            decoding.text.push_str(&String::from_utf8_lossy(bytes));
            for index in 0..segment.n_tokens() {
                let Some(token) = segment.get_token(index) else {
                    continue;
                };
                let token = token.token_data();
                if token.id < end_of_text {
                    decoding.tokens = decoding.tokens.saturating_add(1);
                    probability += token.p;
                    logprob += token.plog;
                }
            }
        }
        if decoding.tokens > 0 {
            let count = f32::from(decoding.tokens);
            decoding.confidence = (probability / count).clamp(0.0, 1.0);
            decoding.mean_logprob = logprob / count;
        }
        decoding.cut = i32::from(decoding.tokens) >= limit;
        decoding.text = decoding.text.trim().to_owned();
        if let Some(sentence) = hearing::once(&decoding.text) {
            decoding.text = sentence.to_owned();
            decoding.cut = false;
        }
        Ok(decoding)
    }

    /// Probability that nobody spoke: that of the no-speech token right after
    /// the start token, as in openai/whisper. whisper.cpp reports the one after
    /// the whole prompt, which is always next to nothing.
    fn no_speech(&mut self) -> Result<f32, Refusal> {
        let threads = usize::try_from(self.args.threads).unwrap_or(1);
        self.state.decode(&[self.context.token_sot()], 0, threads).map_err(failed)?;
        let logits = self.state.get_logits().map_err(failed)?;
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|logit| (logit - highest).exp()).sum();
        let token = usize::try_from(self.context.token_nosp()).unwrap_or(usize::MAX);
        let own = logits.get(token).map_or(0.0, |logit| (logit - highest).exp());
        Ok(if sum > 0.0 { own / sum } else { 0.0 })
    }
}

/// Effort of hearing again: 60 steps take 0.3 s on two cores.
const EFFORT: Effort = Effort { steps: 60, longest: 60, gap: 4.0, floor: -12.0, end: -3.0 };
/// Most texts told of a second hearing.
const ALTERNATIVES: usize = 8;
/// Most tokens of a prompt.
const LONGEST_PROMPT: usize = 100;

/// Whisper's decoder over the encoder's last result, as the search asks it.
struct Decoder<'a> {
    state: &'a mut WhisperState,
    head: Vec<Token>,
    /// All tokens that the key/value cache holds.
    seen: Vec<Token>,
    end: Token,
    threads: usize,
    give_up: &'a GiveUp,
}

impl guided::Model for Decoder<'_> {
    type Error = Refusal;

    fn next(&mut self, tokens: &[Token]) -> Result<Vec<f32>, Refusal> {
        if self.give_up.is_wanted() {
            return Err(Refusal::cancelled());
        }
        let all = [&self.head[..], tokens].concat();
        let (before, last) = all.split_at(all.len() - 1);
        let shared = before.iter().zip(&self.seen).take_while(|(a, b)| a == b).count();
        // whisper.cpp gives the logits of a single token only.
        if let Some(missing) = before.get(shared..).filter(|missing| !missing.is_empty()) {
            self.state.decode(missing, shared, self.threads).map_err(failed)?;
        }
        self.state.decode(last, before.len(), self.threads).map_err(failed)?;
        self.seen = all;
        let logits = self.state.get_logits().map_err(failed)?;
        let texts = usize::try_from(self.end).ok().and_then(|end| logits.get(..=end)).unwrap_or(logits);
        let highest = texts.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let whole = highest + texts.iter().map(|logit| (logit - highest).exp()).sum::<f32>().ln();
        Ok(texts.iter().map(|logit| logit - whole).collect())
    }
}

/// How an utterance is decoded: first with a context that fits it and as wide a
/// search as is set, then, if that is doubtful, with the full context and greedily. A draft
/// is decoded once, greedily, with a context that is a little tight.
#[derive(Clone, Copy)]
enum Pass {
    Draft,
    Fitted,
    Full,
}

fn failed(error: whisper_rs::WhisperError) -> Refusal {
    Refusal::new(code::ENGINE, format!("decoding failed: {error}"))
}

impl Service for Whisper {
    fn info(&self) -> Event {
        let model = self.args.model.file_stem().unwrap_or_default();
        let languages: Vec<&str> = if self.context.is_multilingual() {
            (0..=whisper_rs::get_lang_max_id()).filter_map(whisper_rs::get_lang_str).collect()
        } else {
            vec!["en"]
        };
        events::info("asr", "aisle-stt", &model.to_string_lossy(), &languages)
    }

    fn handle(&mut self, event: Event) -> Result<Option<Event>, Refusal> {
        match event.kind.as_str() {
            events::TRANSCRIBE => {
                self.begin();
                TranscribeBody { language: self.language, draft: self.draft, .. } = event.body()?;
                Ok(None)
            }
            events::AUDIO_START => {
                self.begin();
                Ok(None)
            }
            events::AUDIO_CHUNK => {
                self.take_chunk(&event);
                Ok(None)
            }
            events::AUDIO_STOP => self.transcribe().map(Some),
            events::REHEAR => self.rehear(event.body()?).map(Some),
            _ => Ok(None),
        }
    }
}

fn check_file(path: &Path) -> Result<(), Refusal> {
    let refuse = |why: &str| {
        Refusal::new(code::MODEL, format!("cannot load {}: {why}; run `aisle models fetch`", path.display()))
    };
    let mut magic = [0; 4];
    std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut magic))
        .map_err(|error| refuse(&error.to_string()))?;
    if magic == GGML_MAGIC { Ok(()) } else { Err(refuse("it is no ggml model")) }
}

fn check_language(language: &str) -> Result<i32, Refusal> {
    // The C function takes any text without a zero byte; codes are letters only.
    let plausible = !language.is_empty() && language.bytes().all(|b| b.is_ascii_lowercase());
    let id = if plausible { whisper_rs::get_lang_id(language) } else { None };
    id.ok_or_else(|| {
        Refusal::new(code::REQUEST, "the language is none that Whisper knows; write a code such as `en`")
    })
}
