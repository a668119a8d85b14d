//! Owns decoding among given phrases: which of all the texts that they make the
//! model takes for likeliest.
//!
//! Promises: pure but for the model that it is handed; bounded by the number of
//! steps allowed. Probabilities are the model's own, never scaled up to the
//! phrases, so that the result can be compared with what was heard freely.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Range;

/// A piece of text as the model writes it.
pub type Token = i32;

/// What is asked of the model.
pub trait Model {
    type Error;
    /// Natural logarithms of the probabilities of what follows `tokens`, by token.
    ///
    /// # Errors
    /// The model fails.
    fn next(&mut self, tokens: &[Token]) -> Result<Vec<f32>, Self::Error>;
}

/// The model's tokens in the order of their bytes.
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    tokens: Vec<(Vec<u8>, Token)>,
    end: Token,
}

impl Vocabulary {
    /// `tokens` are those of text with their bytes; `end` ends a text.
    #[must_use]
    pub fn new(tokens: impl IntoIterator<Item = (Vec<u8>, Token)>, end: Token) -> Self {
        let mut tokens: Vec<_> = tokens.into_iter().filter(|(bytes, _)| !bytes.is_empty()).collect();
        tokens.sort();
        Self { tokens, end }
    }
}

/// Phrases that may follow one another in any order, as a graph over bytes: each
/// phrase begins with a space, each word with a small or a capital letter, and a
/// hyphen may stand for a space inside of a phrase.
#[derive(Debug, Clone)]
pub struct Lexicon {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    next: BTreeMap<u8, usize>,
    /// Whether a phrase ends here.
    ends: bool,
}

/// Where in the graph a text may be: phrases share beginnings, so several places.
type Places = Vec<usize>;

const ROOT: usize = 0;
/// Behind a punctuation mark.
const MARK: usize = 1;
/// Punctuation that may follow a phrase.
const MARKS: [u8; 4] = *b",.?!";

impl Lexicon {
    /// The graph of `phrases`, which are words with single spaces between them.
    pub fn new<S: AsRef<str>>(phrases: impl IntoIterator<Item = S>) -> Self {
        let mut nodes = vec![Node::default(), Node { ends: true, ..Node::default() }];
        for phrase in phrases {
            let mut at = ROOT;
            let text = format!(" {}", phrase.as_ref());
            let mut before = b' ';
            for (index, byte) in text.bytes().enumerate() {
                let fresh = nodes.len();
                let Some(node) = nodes.get_mut(at) else { break };
                let next = *node.next.entry(byte).or_insert(fresh);
                if before == b' ' {
                    node.next.entry(byte.to_ascii_uppercase()).or_insert(next);
                }
                if byte == b' ' && index > 0 {
                    node.next.entry(b'-').or_insert(next);
                }
                if next == fresh {
                    nodes.push(Node::default());
                }
                (at, before) = (next, byte);
            }
            if let Some(node) = nodes.get_mut(at).filter(|_| text.len() > 1) {
                node.ends = true;
            }
        }
        Self { nodes }
    }

    fn ends(&self, places: &[usize]) -> bool {
        places.iter().any(|at| self.nodes.get(*at).is_some_and(|node| node.ends))
    }

    /// The bytes that may follow at `places`, and where they lead.
    fn bytes(&self, places: &[usize]) -> BTreeMap<u8, Places> {
        let mut found: BTreeMap<u8, Places> = BTreeMap::new();
        let mut lead = |byte: u8, next: usize| {
            let places = found.entry(byte).or_default();
            if !places.contains(&next) {
                places.push(next);
            }
        };
        let ends = self.ends(places);
        for at in places.iter().chain(ends.then_some(&ROOT)) {
            for (byte, next) in self.nodes.get(*at).into_iter().flat_map(|node| &node.next) {
                lead(*byte, *next);
            }
        }
        if ends {
            MARKS.iter().for_each(|mark| lead(*mark, MARK));
        }
        found
    }

    /// The tokens that may follow at `places`, and where they lead.
    fn tokens(&self, vocabulary: &Vocabulary, places: &[usize]) -> Vec<Choice> {
        let mut choices = Vec::new();
        self.descend(vocabulary, 0..vocabulary.tokens.len(), 0, places, &mut choices);
        choices
    }

    /// Adds the tokens of `range`, which share their first `depth` bytes.
    fn descend(
        &self,
        vocabulary: &Vocabulary,
        range: Range<usize>,
        depth: usize,
        places: &[usize],
        choices: &mut Vec<Choice>,
    ) {
        let Some(tokens) = vocabulary.tokens.get(range.clone()) else { return };
        if depth > 0 {
            let whole = tokens.iter().take_while(|(bytes, _)| bytes.len() == depth);
            choices.extend(whole.map(|(_, token)| Choice { token: *token, places: places.to_vec() }));
        }
        let byte_of = |entry: &(Vec<u8>, Token)| entry.0.get(depth).copied();
        for (byte, places) in self.bytes(places) {
            let first = tokens.partition_point(|entry| byte_of(entry) < Some(byte));
            let count =
                tokens.get(first..).map_or(0, |rest| rest.partition_point(|e| byte_of(e) == Some(byte)));
            if count > 0 {
                let begin = range.start + first;
                self.descend(vocabulary, begin..begin + count, depth + 1, &places, choices);
            }
        }
    }
}

#[derive(Debug, Clone)]
struct Choice {
    token: Token,
    places: Places,
}

/// One text made of phrases.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub tokens: Vec<Token>,
    /// Sum over the tokens and the end.
    pub logprob: f32,
}

impl Path {
    /// Mean over the tokens and the end.
    #[must_use]
    pub fn mean_logprob(&self) -> f32 {
        self.logprob / (self.tokens.len() + 1) as f32
    }
}

/// How far a search goes.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Most times that the model is asked.
    pub steps: usize,
    /// Longest text in tokens.
    pub longest: usize,
    /// A choice so much less likely than the best at its place is never tried.
    pub gap: f32,
    /// Where all choices are less likely than this, the text is given up.
    pub floor: f32,
    /// A text ends only where its end is at least so likely, as a logarithm:
    /// otherwise the shortest texts, which say least, would be likeliest.
    pub end: f32,
}

/// A beginning that is still to be continued.
#[derive(Debug, Clone)]
struct Start {
    tokens: Vec<Token>,
    places: Places,
    logprob: f32,
    /// How much less likely than the best choices its choices were.
    deficit: f32,
}

impl PartialEq for Start {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Start {}
impl PartialOrd for Start {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Start {
    /// The smallest deficit is the greatest; of equals the longest, which shares
    /// most with what the model has just seen.
    fn cmp(&self, other: &Self) -> Ordering {
        other.deficit.total_cmp(&self.deficit).then(self.tokens.len().cmp(&other.tokens.len()))
    }
}

/// The texts found, the likeliest first: the one that takes the best choice each
/// time, then those that deviate from it, the least unlikely first, each given
/// up as soon as it is less likely than the best whole text.
///
/// # Errors
/// The model fails.
pub fn search<M: Model>(
    lexicon: &Lexicon,
    vocabulary: &Vocabulary,
    model: &mut M,
    effort: &Effort,
) -> Result<Vec<Path>, M::Error> {
    let start = Start { tokens: Vec::new(), places: vec![ROOT], logprob: 0.0, deficit: 0.0 };
    let mut waiting = BinaryHeap::from([start]);
    let mut known: HashMap<Places, Vec<Choice>> = HashMap::new();
    let mut found: Vec<Path> = Vec::new();
    let mut highest = f32::NEG_INFINITY;
    let mut steps = 0;
    while let Some(mut text) = waiting.pop() {
        while text.logprob > highest && steps < effort.steps && text.tokens.len() < effort.longest {
            steps += 1;
            let logprobs = model.next(&text.tokens)?;
            let logprob = |token: Token| {
                let at = usize::try_from(token).unwrap_or(usize::MAX);
                logprobs.get(at).copied().unwrap_or(f32::NEG_INFINITY)
            };
            let end = logprob(vocabulary.end);
            if end >= effort.end && lexicon.ends(&text.places) {
                let logprob = text.logprob + end;
                highest = highest.max(logprob);
                found.push(Path { tokens: text.tokens.clone(), logprob });
            }
            let choices =
                known.entry(text.places.clone()).or_insert_with(|| lexicon.tokens(vocabulary, &text.places));
            let Some(best) = choices.iter().max_by(|a, b| logprob(a.token).total_cmp(&logprob(b.token)))
            else {
                break;
            };
            if logprob(best.token) < effort.floor {
                break;
            }
            for other in choices.iter().filter(|choice| choice.token != best.token) {
                let behind = logprob(best.token) - logprob(other.token);
                if behind < effort.gap && other.places != best.places {
                    waiting.push(Start {
                        tokens: [&text.tokens[..], &[other.token]].concat(),
                        places: other.places.clone(),
                        logprob: text.logprob + logprob(other.token),
                        deficit: text.deficit + behind,
                    });
                }
            }
            text.logprob += logprob(best.token);
            text.tokens.push(best.token);
            text.places = best.places.clone();
        }
    }
    found.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    const END: Token = 0;

    /// A model that knows whole texts and their probabilities; what follows a
    /// beginning is as likely as the texts that go on so, and all else is not.
    struct Texts<'a> {
        vocabulary: &'a [&'a str],
        texts: Vec<(&'a str, f32)>,
        steps: usize,
    }

    impl Model for Texts<'_> {
        type Error = Infallible;

        fn next(&mut self, tokens: &[Token]) -> Result<Vec<f32>, Infallible> {
            self.steps += 1;
            let said: String = tokens.iter().map(|t| self.vocabulary[*t as usize]).collect();
            let share = |begin: &str| -> f32 {
                self.texts.iter().filter(|(text, _)| text.starts_with(begin)).map(|(_, p)| p).sum()
            };
            let whole = share(&said).max(1e-9);
            let ends: f32 = self.texts.iter().filter(|(text, _)| *text == said).map(|(_, p)| p).sum();
            let follow = self.vocabulary.iter().skip(1).map(|token| share(&format!("{said}{token}")));
            Ok(std::iter::once(ends).chain(follow).map(|p| (p / whole).max(1e-9).ln()).collect())
        }
    }

    const TOKENS: [&str; 12] = ["", " dark", " ro", "ast", "se", " Mo", " m", "o", "cha", "-", ".", " of"];
    const EFFORT: Effort = Effort { steps: 100, longest: 20, gap: 4.0, floor: -8.0, end: -3.0 };

    fn vocabulary() -> Vocabulary {
        let bytes = |(at, text): (usize, &&str)| (text.as_bytes().to_vec(), at as Token);
        Vocabulary::new(TOKENS.iter().enumerate().skip(1).map(bytes), END)
    }

    fn heard(phrases: &[&str], texts: &[(&'static str, f32)], effort: &Effort) -> (Vec<String>, usize) {
        let mut model = Texts { vocabulary: &TOKENS, texts: texts.to_vec(), steps: 0 };
        let Ok(paths) = search(&Lexicon::new(phrases), &vocabulary(), &mut model, effort);
        let say = |path: &Path| path.tokens.iter().map(|t| TOKENS[*t as usize]).collect();
        (paths.iter().map(say).collect(), model.steps)
    }

    #[test]
    fn what_is_no_phrase_gives_way_to_what_is() {
        let texts = [(" dark rose mocha", 0.9), (" dark roast mocha.", 0.1)];
        let (heard, steps) = heard(&["dark roast", "mocha"], &texts, &EFFORT);
        assert_eq!(heard.first().map(String::as_str), Some(" dark roast mocha."));
        assert!(steps < 20, "{steps}");
    }

    #[test]
    fn the_likelier_text_is_found_behind_the_less_likely_token() {
        // The first token is likelier as " m", the whole as " Mo".
        let texts = [(" mocha of", 0.3), (" mose", 0.3), (" Mocha", 0.4)];
        let (heard, _) = heard(&["mocha", "of"], &texts, &EFFORT);
        assert_eq!(heard, [" Mocha", " mocha of"]);
    }

    #[test]
    fn words_take_capitals_and_hyphens_and_end_where_phrases_do() {
        let heard = |text| heard(&["dark roast"], &[(text, 1.0)], &EFFORT).0;
        assert_eq!(heard(" dark roast."), [" dark roast."]);
        assert_eq!(heard(" dark ro"), [""; 0], "a phrase is said whole");
        let lexicon = Lexicon::new(["a dark roast"]);
        let ends = |text: &str| {
            let step = |places: Places, byte| lexicon.bytes(&places).remove(&byte).unwrap_or_default();
            lexicon.ends(&text.bytes().fold(vec![ROOT], step))
        };
        assert!(ends(" A Dark-roast") && ends(" a dark roast, a dark roast?"));
        assert!(!ends(" a dark") && !ends(" a dark rOast") && !ends("a dark roast"));
    }

    #[test]
    fn an_unlikely_end_is_none() {
        let texts = [(" dark", 0.01), (" dark mocha", 0.99)];
        assert_eq!(heard(&["dark", "mocha"], &texts, &EFFORT).0, [" dark mocha"]);
        assert_eq!(heard(&["dark"], &texts, &EFFORT).0, [""; 0]);
        assert_eq!(heard(&[], &texts, &EFFORT), (Vec::new(), 1));
    }

    proptest! {
        #[test]
        fn any_phrases_and_model_end_in_time(
            phrases in prop::collection::vec("[a-z ]{0,12}", 0..8),
            steps in 0_usize..40,
            logprobs in prop::collection::vec(-9.0_f32..0.0, 12),
        ) {
            struct Fixed(Vec<f32>, usize);
            impl Model for Fixed {
                type Error = Infallible;
                fn next(&mut self, _: &[Token]) -> Result<Vec<f32>, Infallible> {
                    self.1 += 1;
                    Ok(self.0.clone())
                }
            }
            let mut model = Fixed(logprobs, 0);
            let effort = Effort { steps, ..EFFORT };
            let Ok(paths) = search(&Lexicon::new(&phrases), &vocabulary(), &mut model, &effort);
            prop_assert!(model.1 <= steps);
            prop_assert!(paths.windows(2).all(|pair| pair[0].logprob >= pair[1].logprob));
        }
    }
}
