//! How near a heard phrase is to a written one, by spelling and by sound.
//! Never knows what the phrases mean.

use rphonetic::DoubleMetaphone;

/// A phrase ready for comparison: its letters without spaces, and its double
/// metaphone codes (L. Philips, 2000), primary and alternate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sounded {
    pub letters: String,
    codes: [String; 2],
}

/// Longest metaphone code: enough for the longest menu phrase.
const CODE_LENGTH: usize = 24;

impl Sounded {
    #[must_use]
    pub fn new<S: AsRef<str>>(words: &[S]) -> Self {
        let letters: String = words.iter().map(AsRef::as_ref).collect();
        let ascii: String = letters.chars().filter(char::is_ascii_alphabetic).collect();
        let ascii = drop_silent_r(&ascii);
        let codes = if ascii.is_empty() {
            [String::new(), String::new()]
        } else {
            let result = DoubleMetaphone::new(Some(CODE_LENGTH)).double_metaphone(&ascii);
            [result.primary(), result.alternate()]
        };
        Self { letters, codes }
    }

    /// Distance in 0 (same) to 1 (nothing alike): the mean of the normalised
    /// Damerau-Levenshtein distances of letters and of the nearest sound codes.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        if self.letters == other.letters {
            return 0.0;
        }
        let far = |a: &str, b: &str| 1.0 - strsim::normalized_damerau_levenshtein(a, b);
        let sound = self.codes.iter().flat_map(|a| other.codes.iter().map(move |b| far(a, b)));
        f64::midpoint(far(&self.letters, &other.letters), sound.fold(1.0, f64::min))
    }
}

/// Drops each r that no vowel follows: half of all speakers of English do not
/// say it, and Whisper adds it ("mocker" for "mocha").
fn drop_silent_r(letters: &str) -> String {
    let vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut kept = String::with_capacity(letters.len());
    let mut chars = letters.chars().peekable();
    while let Some(c) = chars.next() {
        let silent =
            c == 'r' && !kept.is_empty() && !chars.peek().is_some_and(|next| vowel(*next) || *next == 'r');
        if !silent {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mishearings_are_near_and_other_words_far() {
        let near = [("cap a chino", "cappuccino"), ("late", "latte"), ("ice coffee", "iced coffee")];
        let far = [("tomato", "latte"), ("please", "espresso"), ("bread", "iced mocha")];
        let distance = |(a, b): (&str, &str)| {
            let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
            Sounded::new(&split(a)).distance(&Sounded::new(&split(b)))
        };
        let worst_near = near.map(distance).into_iter().fold(0.0, f64::max);
        let best_far = far.map(distance).into_iter().fold(1.0, f64::min);
        assert!(worst_near < 0.3 && best_far > 0.55, "{worst_near} {best_far}");
    }
}
