//! Owns the judgement of what Whisper wrote: how much audio context an
//! utterance needs, whether a result deserves a second decoding, which of two
//! is better, and which texts are inventions.
//!
//! Promises: pure and total over any text and any samples. Never changes words.

/// Samples a second that Whisper hears.
pub const RATE: usize = 16_000;
/// Encoder positions of the full 30 s window.
pub const FULL_CONTEXT: i32 = 1500;
/// Encoder positions a second of audio (the encoder halves 100 mel frames).
const POSITIONS_PER_SECOND: f64 = 50.0;
/// Positions of silence after the utterance. With few of them a sentence is decoded over
/// and over, which [`once`] mends. Of 223 recorded orders, decoded greedily, as many come
/// out right with 160 as with 256, and a sixth sooner.
const MARGIN: f64 = 160.0;
/// Fewest positions. Of 80 spoken digits, 54 came out right with 400 positions,
/// 21 with 210, 7 with 114, and 51 with 600.
const FEWEST: f64 = 400.0;
/// A longer utterance is a sentence, of which fewer positions are enough.
const SENTENCE: usize = 2 * RATE;
const FEWEST_OF_SENTENCE: f64 = 300.0;
/// Positions of silence after a draft, which may be decoded over and over for once: the
/// next one follows soon.
const DRAFT_MARGIN: f64 = 100.0;
/// Fewest positions of a draft.
const FEWEST_OF_DRAFT: f64 = 200.0;
/// Shorter utterances are padded with silence to this many samples: one second.
pub const SHORTEST: usize = RATE;
/// A window of 100 ms for the energy check.
const WINDOW: usize = RATE / 10;
/// Loudest 100 ms above which somebody may have spoken: -40 dB of full scale.
const AUDIBLE_RMS: f32 = 0.01;
/// Loudest 100 ms below which nobody can have spoken: -66 dB of full scale.
const SILENT_RMS: f32 = 0.0005;
/// Probability of silence above which a text is believed to be an invention if
/// it looks like one (openai/whisper, `transcribe.py`).
const NO_SPEECH: f32 = 0.6;
/// Mean log-probability below which a text was not understood but made up. Of
/// 223 recorded orders the worst had -1.0; of 50 stretches of shop and kitchen
/// noise all but the loops had less than -1.2.
const MADE_UP: f32 = -1.1;
/// The same for texts of up to three tokens, which are unlikely by themselves:
/// spoken digits that came out right went down to -1.8.
const MADE_UP_SHORT: f32 = -1.9;
/// The same for any text where silence is likelier than not; no recorded order
/// had both.
const UNSURE: f32 = -0.7;
/// Most tokens of a short text.
const SHORT: u16 = 3;
/// Mean log-probability below which the full context is tried: with the loops,
/// 7 of 223 recorded orders; a higher value costs more and gains nothing.
const RETRY_LOGPROB: f32 = -0.5;

/// One decoding of an utterance.
#[derive(Clone, Default, PartialEq)]
pub struct Decoding {
    /// What was heard.
    pub text: String,
    /// Mean natural logarithm of the tokens' probabilities, at most 0.
    pub mean_logprob: f32,
    /// Mean probability of the tokens, 0 to 1.
    pub confidence: f32,
    /// Probability that nobody spoke, 0 to 1.
    pub no_speech: f32,
    /// Number of the text's tokens.
    pub tokens: u16,
    /// Whether decoding ended because the token limit was reached.
    pub cut: bool,
}

/// Encoder positions for an utterance of `samples`: 50 a second and a margin,
/// rounded up to a multiple of 8, 400 to 1500.
#[must_use]
pub fn audio_context(samples: usize) -> i32 {
    let fewest = if samples < SENTENCE { FEWEST } else { FEWEST_OF_SENTENCE };
    positions(samples, MARGIN, fewest)
}

/// Encoder positions for a draft of `samples`: 50 a second and a smaller margin, 200 to 1500.
#[must_use]
pub fn draft_context(samples: usize) -> i32 {
    positions(samples, DRAFT_MARGIN, FEWEST_OF_DRAFT)
}

fn positions(samples: usize, margin: f64, fewest: f64) -> i32 {
    let positions = samples as f64 / RATE as f64 * POSITIONS_PER_SECOND + margin;
    let rounded = (positions.max(fewest) / 8.0).ceil() * 8.0;
    rounded.min(f64::from(FULL_CONTEXT)) as i32
}

/// Most tokens that an utterance of `samples` can hold: fast English is about 5
/// words or 7 tokens a second. Ends decoding loops early.
#[must_use]
pub fn token_limit(samples: usize) -> i32 {
    i32::try_from(24 + samples * 10 / RATE).unwrap_or(i32::MAX)
}

/// Samples as Whisper takes them: -1 to 1, padded to a second.
#[must_use]
pub fn to_floats(pcm: &[i16]) -> Vec<f32> {
    let mut floats: Vec<f32> = pcm.iter().map(|&s| f32::from(s) / 32_768.0).collect();
    if floats.len() < SHORTEST {
        floats.resize(SHORTEST, 0.0);
    }
    floats
}

/// Whether there is nothing at all in the audio, so that decoding can be spared.
#[must_use]
pub fn is_silent(audio: &[f32]) -> bool {
    loudest(audio) < SILENT_RMS
}

/// Whether any 100 ms is loud enough that somebody may have spoken.
#[must_use]
pub fn is_audible(audio: &[f32]) -> bool {
    loudest(audio) > AUDIBLE_RMS
}

/// Root mean square of the loudest 100 ms.
fn loudest(audio: &[f32]) -> f32 {
    let rms = |window: &[f32]| (window.iter().map(|s| s * s).sum::<f32>() / window.len() as f32).sqrt();
    audio.chunks(WINDOW).map(rms).fold(0.0, f32::max)
}

/// Whether a decoding with the fitted context deserves one with the full
/// context. One that is an invention by its unlikeliness does not, or noise
/// would cost the most time; nor does a short one, for which the full context
/// is no better (spoken digits).
#[must_use]
pub fn is_doubtful(decoding: &Decoding, audible: bool) -> bool {
    if decoding.text.trim().is_empty() {
        return audible && decoding.no_speech <= NO_SPEECH;
    }
    decoding.cut
        || repeats(&decoding.text)
        || decoding.tokens > SHORT && decoding.mean_logprob < RETRY_LOGPROB && !is_invention(decoding)
}

/// The better of two decodings of the same audio: one that does not repeat
/// itself, then one that says something, then the likelier.
#[must_use]
pub fn better(first: Decoding, second: Decoding) -> Decoding {
    let rank = |d: &Decoding| (!(d.cut || repeats(&d.text)), !d.text.trim().is_empty());
    let second_wins = match rank(&first).cmp(&rank(&second)) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Greater => false,
        std::cmp::Ordering::Equal => second.mean_logprob > first.mean_logprob,
    };
    if second_wins { second } else { first }
}

/// The sentence that a text holds over and over from its first word to its
/// last, the last time perhaps cut: what Whisper makes of one sentence when the
/// context ends soon after it. `None` for all other texts. A sentence here has
/// three words or more; shorter loops are noise.
#[must_use]
pub fn once(text: &str) -> Option<&str> {
    let mut ends = Vec::new();
    let mut spoken = Vec::new();
    let mut at = 0;
    for piece in text.split_inclusive(char::is_whitespace) {
        at += piece.len();
        let mut inside = words(piece);
        if inside.len() == 1 {
            spoken.append(&mut inside);
            ends.push(at);
        } else if !inside.is_empty() {
            spoken.push(inside.join(" "));
            ends.push(at);
        }
    }
    if spoken.iter().all(|word| Some(word) == spoken.first()) {
        return None;
    }
    let period = (LOOPED..=spoken.len() / 2)
        .find(|n| spoken.iter().zip(spoken.iter().skip(*n)).all(|(a, b)| a == b))?;
    Some(text.get(..*ends.get(period - 1)?)?.trim())
}

/// Fewest words of a sentence that [`once`] takes out of its loop.
const LOOPED: usize = 3;

/// Whether a text says the same thing over and over: a phrase of four or more
/// words twice in a row, one of two or three words three times, a word four times.
#[must_use]
pub fn repeats(text: &str) -> bool {
    let words = words(text);
    (1..=words.len() / 2).any(|period| {
        let again = match period {
            1 => 3,
            2 | 3 => 2 * period,
            _ => period,
        };
        let mut run = 0;
        words.iter().zip(words.iter().skip(period)).any(|(a, b)| {
            run = if a == b { run + 1 } else { 0 };
            run >= again
        })
    })
}

/// Whether a decoding is one of Whisper's inventions on silence or noise, so
/// that nothing was said: a sound in brackets, a loop, a text too unlikely to
/// have been spoken, or a sentence that subtitles end with while speech is
/// unlikely.
#[must_use]
pub fn is_invention(decoding: &Decoding) -> bool {
    let spoken = words(&without_brackets(&decoding.text));
    let made_up = if decoding.tokens > SHORT { MADE_UP } else { MADE_UP_SHORT };
    let unlikely_speech = decoding.no_speech > NO_SPEECH
        && (decoding.mean_logprob < UNSURE || SUBTITLE_ENDINGS.contains(&spoken.join(" ").as_str()));
    spoken.is_empty() || decoding.cut || decoding.mean_logprob < made_up || unlikely_speech
}

/// What Whisper writes most often when nobody speaks.
const SUBTITLE_ENDINGS: [&str; 14] = [
    "bye",
    "bye bye",
    "okay",
    "please subscribe",
    "so",
    "thank you",
    "thank you bye",
    "thank you for watching",
    "thank you so much",
    "thank you very much",
    "thanks",
    "thanks for watching",
    "the end",
    "you",
];

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(str::to_lowercase)
        .collect()
}

/// The text without whole `[...]`, `(...)` and `*...*`.
fn without_brackets(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['[', '(', '*']) {
        let (before, bracketed) = rest.split_at(at);
        kept.push_str(before);
        let close = match bracketed.as_bytes().first() {
            Some(b'[') => ']',
            Some(b'(') => ')',
            _ => '*',
        };
        // The three brackets are one byte long, so 1 is a character boundary.
        let inside = bracketed.get(1..).unwrap_or_default();
        rest = inside.split_once(close).map_or(inside, |(_, after)| after);
    }
    kept + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(text: &str, mean_logprob: f32, no_speech: f32) -> Decoding {
        let tokens = words(text).len() as u16;
        Decoding {
            text: text.into(),
            mean_logprob,
            confidence: mean_logprob.exp(),
            no_speech,
            tokens,
            cut: false,
        }
    }

    #[test]
    fn a_looped_sentence_is_said_once() {
        let looped = "2 small lattes. 2 small lattes. 2 small";
        assert_eq!(once(looped), Some("2 small lattes."));
        assert_eq!(
            once("Give me a 16-ounce mocha. Give me a 16-ounce mocha."),
            Some("Give me a 16-ounce mocha.")
        );
        for other in [
            "",
            "no no no no no no",
            "one latte and one mocha",
            "a latte, a latte",
            "two lattes and two mochas",
        ] {
            assert_eq!(once(other), None, "{other}");
        }
    }

    #[test]
    fn the_context_fits_the_utterance() {
        assert_eq!(audio_context(RATE), 400);
        assert_eq!(audio_context(RATE * 3), 312);
        assert_eq!(audio_context(RATE * 6), 464);
        assert_eq!(audio_context(RATE * 60), FULL_CONTEXT);
        assert_eq!(draft_context(RATE * 6), 400);
        assert_eq!((draft_context(RATE), draft_context(RATE * 60)), (200, FULL_CONTEXT));
    }

    #[test]
    fn a_sentence_decoded_twice_is_noticed_and_an_order_is_not() {
        for text in [
            "May I have a coffee? May I have a coffee?",
            "I'd like a large latte. I'd like a large latte. I'd like",
            "sugar sugar sugar sugar",
            "and milk and milk and milk",
        ] {
            assert!(repeats(text), "{text}");
        }
        for text in [
            "",
            "no no no",
            "Can I get a small mocha with a little bit of cream and a little bit of sugar?",
            "a large latte with milk and a large mocha with milk",
            "two, two, three",
        ] {
            assert!(!repeats(text), "{text}");
        }
    }

    #[test]
    fn inventions_are_silence_and_thanks_are_thanks() {
        assert!(is_invention(&heard("[BLANK_AUDIO]", -0.2, 0.1)));
        assert!(is_invention(&heard("(upbeat music)", -0.2, 0.1)));
        assert!(is_invention(&heard(" ♪♪ ", -0.2, 0.1)));
        assert!(is_invention(&heard("Thank you.", -0.3, 0.8)));
        assert!(is_invention(&heard("I'm going to add the butter", -1.4, 0.3)));
        assert!(is_invention(&heard("The", -3.0, 0.5)));
        assert!(!is_invention(&heard("six", -1.4, 0.3)));
        let loops = Decoding { cut: true, ..heard("no no no no", -0.1, 0.4) };
        assert!(is_invention(&loops) && is_doubtful(&loops, true));
        assert!(!is_invention(&heard("Thank you.", -0.3, 0.1)));
        assert!(!is_invention(&heard("one latte (large)", -0.3, 0.8)));
        assert!(!is_invention(&heard("(one latte", -0.3, 0.8)));
    }

    #[test]
    fn the_decoding_without_a_loop_wins_though_loops_look_likelier() {
        let twice = heard("one latte please now one latte please now", -0.05, 0.0);
        let once = heard("one latte please now", -0.3, 0.0);
        assert!(is_doubtful(&twice, true));
        assert_eq!(better(twice, once.clone()).text, once.text);
        assert_eq!(better(once.clone(), heard("", 0.0, 0.9)).text, once.text);
        let likelier = heard("one lotta please", -0.2, 0.0);
        assert_eq!(better(once, likelier.clone()).text, likelier.text);
    }

    #[test]
    fn silence_is_not_audible_and_speech_level_is() {
        assert!(!is_audible(&to_floats(&[40; 16_000])));
        assert!(is_silent(&to_floats(&[])) && is_silent(&to_floats(&[9; 16_000])));
        assert!(!is_silent(&to_floats(&[40; 16_000])));
        assert!(is_audible(&to_floats(&[2000; 3_000])));
        assert_eq!(to_floats(&[1; 10]).len(), SHORTEST);
    }

    proptest! {
        #[test]
        fn any_text_is_judged(text in ".{0,200}", logprob in -9.0_f32..0.0, silent in 0.0_f32..1.0) {
            let decoding = heard(&text, logprob, silent);
            let _ = (is_invention(&decoding), is_doubtful(&decoding, true));
            let _ = better(decoding.clone(), decoding);
        }

        #[test]
        fn a_phrase_said_twice_repeats(phrase in prop::collection::vec("[a-z]{1,6}", 4..12)) {
            let once = phrase.join(" ");
            let twice = format!("{once}. {once}");
            prop_assert!(repeats(&twice));
        }
    }
}
