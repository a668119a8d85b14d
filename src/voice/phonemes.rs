//! Phonemes: what a Piper voice reads instead of letters.
//!
//! Owns the spelling of a sentence in phonemes and their numbers. Promises the
//! same numbers as Piper's own phonemizer, which is what the voice was trained
//! on: IPA from espeak-ng, decomposed (NFD), each clause followed by its mark
//! (and a space inside a sentence), every symbol padded, framed by start and end.
//! Never guesses: a phoneme the voice does not know is left out, as Piper does.
//!
//! Scheme: rhasspy/piper-phonemize and OHF-Voice/piper1-gpl, `phoneme_ids`.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use super::espeak::{self, EspeakError};
use super::script::Sentence;

/// Symbols per run of the model: about 30 s of speech. Only digits and the like
/// reach it (one character can be many phonemes); it bounds the memory of a run.
const MAX_RUN: usize = 500;

/// A voice file whose table lacks what every utterance needs.
#[derive(Debug, thiserror::Error)]
#[error("the voice's phoneme table lacks the symbol {0:?}")]
pub struct IncompleteTable(char);

/// Which numbers a voice gives each phoneme.
#[derive(Clone, Debug)]
pub struct PhonemeTable {
    ids: HashMap<char, Vec<i64>>,
    pad: Vec<i64>,
    begin: Vec<i64>,
    end: Vec<i64>,
}

impl PhonemeTable {
    /// Takes the `phoneme_id_map` of a Piper voice. Entries of more than one
    /// character belong to other phonemizers and are ignored.
    ///
    /// # Errors
    /// [`IncompleteTable`] without padding `_`, start `^` or end `$`.
    pub fn new(map: HashMap<String, Vec<i64>>) -> Result<Self, IncompleteTable> {
        let ids: HashMap<char, Vec<i64>> = map
            .into_iter()
            .filter_map(|(phoneme, ids)| {
                let mut symbols = phoneme.chars();
                Some((symbols.next()?, ids)).filter(|_| symbols.next().is_none())
            })
            .collect();
        let special = |c: char| ids.get(&c).cloned().ok_or(IncompleteTable(c));
        let (pad, begin, end) = (special('_')?, special('^')?, special('$')?);
        Ok(Self { ids, pad, begin, end })
    }

    /// The numbers of `phonemes`, in runs short enough for the model, cut
    /// between words. Nothing known gives no run.
    #[must_use]
    pub fn runs(&self, phonemes: &str) -> Vec<Vec<i64>> {
        let known: Vec<char> = phonemes.chars().filter(|c| self.ids.contains_key(c)).collect();
        let mut runs = Vec::new();
        let mut rest = known.as_slice();
        while !rest.is_empty() {
            let cut = if rest.len() <= MAX_RUN {
                rest.len()
            } else {
                rest[..MAX_RUN].iter().rposition(|c| *c == ' ').map_or(MAX_RUN, |at| at + 1)
            };
            let (run, later) = rest.split_at(cut);
            if run.iter().any(|c| c.is_alphanumeric()) {
                runs.push(self.framed(run));
            }
            rest = later;
        }
        runs
    }

    fn framed(&self, phonemes: &[char]) -> Vec<i64> {
        let mut ids = self.begin.clone();
        ids.extend(&self.pad);
        for known in phonemes.iter().filter_map(|phoneme| self.ids.get(phoneme)) {
            ids.extend(known);
            ids.extend(&self.pad);
        }
        ids.extend(&self.end);
        ids
    }
}

/// The phonemes of a sentence with its punctuation, as `language` is spoken.
/// Empty when nothing in it can be spoken.
///
/// # Errors
/// [`EspeakError`].
pub fn spell(sentence: &Sentence, language: &str) -> Result<String, EspeakError> {
    let mut spelled = String::new();
    for clause in sentence.clauses() {
        // The mark is given along: the last word's stress depends on it.
        let mut text = clause.words.clone();
        text.extend(clause.mark);
        let phonemes = espeak::phonemes(&text, language)?;
        let phonemes = without_language_flags(&phonemes);
        if phonemes.is_empty() {
            continue;
        }
        if !spelled.is_empty() && !spelled.ends_with(' ') {
            spelled.push(' ');
        }
        spelled.extend(phonemes.nfd());
        spelled.extend(clause.mark);
    }
    Ok(spelled)
}

/// espeak-ng marks foreign words, "(fr)...(en-us)". Those are no phonemes.
fn without_language_flags(phonemes: &str) -> String {
    let mut depth = 0_u32;
    let mut kept = String::with_capacity(phonemes.len());
    for c in phonemes.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::script::sentences;

    fn table() -> PhonemeTable {
        let map = [('_', 0), ('^', 1), ('$', 2), (' ', 3), ('.', 10), ('a', 14), ('b', 15)];
        PhonemeTable::new(map.map(|(c, id)| (c.to_string(), vec![id])).into()).unwrap()
    }

    fn spelled(text: &str) -> Vec<String> {
        sentences(text).unwrap().iter().map(|s| spell(s, "en-us").unwrap()).collect()
    }

    #[test]
    fn ids_are_padded_and_framed_as_in_training() {
        assert_eq!(table().runs("ab."), [[1, 0, 14, 0, 15, 0, 10, 0, 2]]);
        assert_eq!(table().runs("aʘb"), [[1, 0, 14, 0, 15, 0, 2]], "unknown phonemes are left out");
        assert!(table().runs("").is_empty());
        assert!(table().runs(" .").is_empty());
    }

    #[test]
    fn endless_phonemes_are_cut_between_words() {
        let runs = table().runs(&"aab ".repeat(300));
        assert_eq!(runs.len(), 3);
        assert!(runs.iter().all(|run| run.len() <= 2 * MAX_RUN + 3 && run.ends_with(&[0, 2])));
        assert_eq!(table().runs(&"a".repeat(1_200)).len(), 3);
    }

    #[test]
    fn a_table_without_framing_is_refused() {
        let error = PhonemeTable::new([("a".to_owned(), vec![1])].into()).unwrap_err();
        assert_eq!(error.to_string(), "the voice's phoneme table lacks the symbol '_'");
    }

    #[test]
    fn marks_follow_their_clauses() {
        assert_eq!(
            spelled("The iced coffee is three forty-nine, in the cafe."),
            ["ðɪ ˈaɪst kˈɔfi ɪz θɹˈiː fˈɔːɹtinˈaɪn, ɪnðə kˈæfeɪ."]
        );
        assert_eq!(spelled("Okay? Fine!"), ["oʊkˈeɪ?", "fˈaɪn!"]);
    }

    #[test]
    fn accents_are_decomposed_and_flags_dropped() {
        assert_eq!(without_language_flags("(fr)bɔ̃(en-us) ˈa"), "bɔ̃ ˈa");
        assert!(spelled("crème brûlée")[0].starts_with("kɹˈɛm"));
    }
}
