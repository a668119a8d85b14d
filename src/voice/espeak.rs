//! espeak-ng: text to phonemes.
//!
//! Owns the only unsafe code of this folder: loading the system's espeak-ng
//! library at run time and calling three of its functions. Loading instead of
//! linking lets a kiosk without it still start and say what to install.
//!
//! Promises: one call at a time (the library keeps global state); a missing
//! library or voice is an error. Never plays sound, never reads files other than
//! espeak-ng's own.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Mutex, PoisonError};

use libloading::Library;

/// The library as a distribution installs it, and as a build from source may.
const VERSIONED: &str = "libespeak-ng.so.1";
const PLAIN: &str = "libespeak-ng.so";

// From espeak-ng's public header, speak_lib.h.
/// Give sound to the caller: the mode that never opens a sound device.
const AUDIO_OUTPUT_RETRIEVAL: c_int = 1;
/// Return an error instead of ending this program when its files are missing.
const INITIALIZE_DONT_EXIT: c_int = 0x8000;
const CHARS_UTF8: c_int = 1;
/// International Phonetic Alphabet, in UTF-8.
const PHONEMES_IPA: c_int = 0x02;
const EE_OK: c_int = 0;

type Initialize = unsafe extern "C" fn(c_int, c_int, *const c_char, c_int) -> c_int;
type SetVoiceByName = unsafe extern "C" fn(*const c_char) -> c_int;
type TextToPhonemes = unsafe extern "C" fn(*mut *const c_void, c_int, c_int) -> *const c_char;

/// Why text cannot be turned into phonemes.
#[derive(Debug, thiserror::Error)]
pub enum EspeakError {
    /// The shared library is not installed, or is not espeak-ng.
    #[error(
        "espeak-ng cannot be loaded ({0}); install espeak-ng: apt-get install libespeak-ng1 espeak-ng-data"
    )]
    Missing(String),
    /// The library is there, its language files are not.
    #[error(
        "espeak-ng finds no language files; install espeak-ng: apt-get install libespeak-ng1 espeak-ng-data"
    )]
    NoLanguages,
    /// This language is not among espeak-ng's.
    #[error(
        "espeak-ng has no language {0:?}; install espeak-ng: apt-get install libespeak-ng1 espeak-ng-data"
    )]
    NoVoice(String),
}

/// The loaded library. Its functions may only be called under [`ENGINE`]'s lock.
struct Engine {
    set_voice: SetVoiceByName,
    text_to_phonemes: TextToPhonemes,
    /// The language it was last switched to.
    language: String,
    /// Keeps the functions above valid.
    _library: Library,
}

static ENGINE: Mutex<Option<Engine>> = Mutex::new(None);

/// Checks that espeak-ng is there and knows `language` (for example `en-us`).
///
/// # Errors
/// [`EspeakError`].
pub fn check(language: &str) -> Result<(), EspeakError> {
    with_engine(|engine| engine.switch_to(language))
}

/// The phonemes of `text` as `language` is spoken, in IPA. Punctuation only
/// separates; it has no phonemes. NUL characters are dropped.
///
/// # Errors
/// [`EspeakError`].
pub fn phonemes(text: &str, language: &str) -> Result<String, EspeakError> {
    let text = c_string(text);
    with_engine(|engine| {
        engine.switch_to(language)?;
        Ok(engine.convert(&text))
    })
}

fn with_engine<T>(work: impl FnOnce(&mut Engine) -> Result<T, EspeakError>) -> Result<T, EspeakError> {
    // No code under the lock leaves the engine half-changed when it panics.
    let mut engine = ENGINE.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *engine {
        Some(engine) => work(engine),
        empty => work(empty.insert(Engine::load()?)),
    }
}

impl Engine {
    fn load() -> Result<Self, EspeakError> {
        let missing = |error: libloading::Error| EspeakError::Missing(error.to_string());
        // SAFETY: loading runs the library's initializers; espeak-ng has none
        // beyond those of the C library.
        let open = |name| unsafe { Library::new(name) };
        let library = open(VERSIONED).or_else(|error| open(PLAIN).map_err(|_| missing(error)))?;
        // SAFETY: the types above are those of the public header, which has kept
        // these three functions unchanged since espeak-ng 1.49.
        let (initialize, set_voice, text_to_phonemes) = unsafe {
            (
                *library.get::<Initialize>(c"espeak_Initialize").map_err(missing)?,
                *library.get::<SetVoiceByName>(c"espeak_SetVoiceByName").map_err(missing)?,
                *library.get::<TextToPhonemes>(c"espeak_TextToPhonemes").map_err(missing)?,
            )
        };
        // SAFETY: a null path means the place chosen when it was built.
        let rate = unsafe { initialize(AUDIO_OUTPUT_RETRIEVAL, 0, ptr::null(), INITIALIZE_DONT_EXIT) };
        if rate <= 0 {
            return Err(EspeakError::NoLanguages);
        }
        Ok(Self { set_voice, text_to_phonemes, language: String::new(), _library: library })
    }

    fn switch_to(&mut self, language: &str) -> Result<(), EspeakError> {
        if self.language != language {
            let name = c_string(language);
            // SAFETY: the library is initialized, the lock is held, and it copies
            // the name.
            if unsafe { (self.set_voice)(name.as_ptr()) } != EE_OK {
                return Err(EspeakError::NoVoice(language.to_owned()));
            }
            language.clone_into(&mut self.language);
        }
        Ok(())
    }

    /// espeak-ng converts up to one clause per call and moves the pointer on.
    fn convert(&mut self, text: &CStr) -> String {
        let mut phonemes = String::new();
        let mut rest: *const c_void = text.as_ptr().cast();
        while !rest.is_null() {
            let before = rest;
            // SAFETY: `rest` points into `text`, which is NUL-terminated and
            // outlives the loop; the library only reads it.
            let clause = unsafe { (self.text_to_phonemes)(&raw mut rest, CHARS_UTF8, PHONEMES_IPA) };
            if !clause.is_null() {
                // SAFETY: a NUL-terminated string in the library's own buffer,
                // valid until the next call, which the lock keeps away.
                let clause = unsafe { CStr::from_ptr(clause) }.to_string_lossy();
                let clause = clause.trim();
                if !phonemes.is_empty() && !clause.is_empty() {
                    phonemes.push(' ');
                }
                phonemes.push_str(clause);
            }
            if rest == before {
                break;
            }
        }
        phonemes
    }
}

fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_ipa() {
        assert_eq!(phonemes("in the cafe.", "en-us").unwrap(), "ɪnðə kˈæfeɪ");
        assert_eq!(phonemes("", "en-us").unwrap(), "");
        assert_eq!(phonemes("a\0b", "en-us").unwrap(), phonemes("ab", "en-us").unwrap());
    }

    #[test]
    fn clauses_are_joined_by_a_space() {
        let joined = phonemes("ready, steady, go", "en-us").unwrap();
        assert_eq!(joined, "ɹˈɛdi stˈɛdi ɡˈoʊ");
    }

    #[test]
    fn an_unknown_language_is_an_error_and_changes_nothing() {
        let error = check("xx-nowhere").unwrap_err();
        assert!(matches!(error, EspeakError::NoVoice(_)), "{error}");
        assert_eq!(phonemes("go", "en-us").unwrap(), "ɡˈoʊ");
    }

    #[test]
    fn many_threads_take_turns() {
        let expected = phonemes("two oat milk lattes", "en-us").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        assert_eq!(phonemes("two oat milk lattes", "en-us").unwrap(), expected);
                    }
                });
            }
        });
    }
}
