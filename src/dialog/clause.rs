//! Takes what was said apart: hesitations and self-corrections out, the rest into
//! clauses, each to be understood by itself. Never knows what a clause means.

use super::foreign::{english, is_foreign};
use super::words::{amount, number, words};

/// A part of what was said, in plain words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clause {
    /// Its runs of words between pauses, none of them empty.
    pub runs: Vec<Vec<String>>,
    /// It ended in a question mark.
    pub asks: bool,
}

impl Clause {
    /// Its words, the pauses left out.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.runs.concat()
    }
}

/// What ends a run of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Pause,
    Stop,
    Question,
}

#[derive(Debug, Clone)]
struct Run {
    words: Vec<String>,
    mark: Mark,
}

/// Sounds and phrases that mean nothing, wherever they stand.
const HESITATIONS: &[&[&str]] = &[
    &["what", "is", "it", "called"],
    &["what", "was", "it"],
    &["what", "do", "you", "call", "it"],
    &["how", "do", "you", "say"],
    &["you", "know", "what"],
    &["you", "know"],
    &["let", "me", "see"],
    &["let", "me", "think"],
    &["or", "something", "like", "that"],
    &["or", "something"],
    &["uh"],
    &["uhm"],
    &["um"],
    &["umm"],
    &["er"],
    &["erm"],
    &["hm"],
    &["hmm"],
    &["mm"],
    &["ah"],
    &["oh"],
];

/// Only between pauses: "it is, like, vegan".
const BETWEEN_PAUSES: &[&str] = &["like", "well", "so", "i guess", "basically"];

/// Words that take back what was said before.
const MARKERS: &[&[&str]] = &[
    &["no", "sorry"],
    &["no", "wait"],
    &["no", "actually"],
    &["no", "rather"],
    &["no", "make", "that"],
    &["no", "i", "mean"],
    &["sorry", "i", "mean"],
    &["i", "mean"],
    &["or", "rather"],
    &["scratch", "that"],
    &["hang", "on"],
    &["hold", "on"],
    &["no", "no"],
    &["make", "that"],
    &["wait"],
    &["sorry"],
    &["rather"],
    &["actually"],
    &["no"],
];

/// How a question begins that follows in the same breath: "..., and where is it".
const QUESTIONS: &[&[&str]] = &[
    &["how", "much"],
    &["how", "many"],
    &["how", "is"],
    &["where"],
    &["what", "is"],
    &["what", "are"],
    &["what", "do"],
    &["what", "does"],
    &["what", "price"],
    &["what", "aisle"],
    &["which", "aisle"],
    &["which", "is"],
    &["which", "one"],
    &["do", "you"],
    &["have", "you", "got"],
    &["does", "it"],
    &["does", "that"],
    &["do", "they"],
    &["is", "it"],
    &["is", "that"],
    &["is", "there"],
    &["are", "they"],
    &["are", "those"],
    &["can", "i"],
    &["compare"],
    &["any"],
    &["could", "there"],
    &["is", "there", "any"],
];

/// The clauses of `text`, at most [`MOST`]; empty when there are no words.
#[must_use]
pub fn clauses(text: &str) -> Vec<Clause> {
    let mut out: Vec<Clause> = Vec::new();
    for sentence in sentences(without_hesitations(runs(text))) {
        let asks = sentence.last().is_some_and(|run| run.mark == Mark::Question);
        for runs in split(repaired(sentence)) {
            if out.len() < MOST {
                out.push(Clause { runs, asks });
            } else if let Some(last) = out.last_mut() {
                last.runs.extend(runs);
            }
        }
    }
    out
}

/// More clauses than this in one turn are not taken apart.
pub const MOST: usize = 6;

/// `text` cut at its punctuation, in English words.
fn runs(text: &str) -> Vec<Run> {
    let foreign = is_foreign(&words(text));
    let mut runs = Vec::new();
    let mut run = String::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied();
        let in_number = before.is_ascii_digit() && next.is_some_and(|c| c.is_ascii_digit());
        // A slip of the finger: "p?aste".
        let in_word = before.is_alphanumeric() && next.is_some_and(char::is_alphanumeric);
        let ends_word = next.is_none_or(char::is_whitespace) || next.is_some_and(|c| !c.is_alphanumeric());
        let mark = match c {
            '?' if !in_word => Some(Mark::Question),
            '!' if !in_word => Some(Mark::Stop),
            ';' | '\n' => Some(Mark::Stop),
            '…' | '—' | '–' => Some(Mark::Pause),
            // "..." is a pause, one full stop an end.
            '.' if ends_word && (next == Some('.') || before == '.') => Some(Mark::Pause),
            '.' if ends_word => Some(Mark::Stop),
            ',' | ':' if !in_number => Some(Mark::Pause),
            '-' if before.is_whitespace() && next.is_none_or(char::is_whitespace) => Some(Mark::Pause),
            _ => None,
        };
        match mark {
            Some(mark) => {
                push(&mut runs, &run, mark, foreign);
                run.clear();
            }
            None => run.push(c),
        }
        before = c;
    }
    push(&mut runs, &run, Mark::Stop, foreign);
    runs
}

fn push(runs: &mut Vec<Run>, text: &str, mark: Mark, foreign: bool) {
    let mut words = english(&words(text), foreign);
    // A common slip: "were is the milk".
    if words.first().is_some_and(|word| word == "were")
        && words.get(1).is_some_and(|word| matches!(word.as_str(), "is" | "are" | "can" | "do"))
    {
        "where".clone_into(&mut words[0]);
    }
    match runs.last_mut() {
        // "... no!" after a pause, "?!": the stronger mark counts.
        Some(last) if words.is_empty() => {
            if last.mark == Mark::Pause {
                last.mark = mark;
            }
        }
        _ if words.is_empty() => {}
        _ => runs.push(Run { words, mark }),
    }
}

fn without_hesitations(runs: Vec<Run>) -> Vec<Run> {
    let mut out: Vec<Run> = Vec::new();
    let mut hesitated = false;
    for mut run in runs {
        let paused = out.last().is_some_and(|last| last.mark == Mark::Pause);
        if paused && run.mark == Mark::Pause && BETWEEN_PAUSES.contains(&run.words.join(" ").as_str()) {
            continue;
        }
        let mut kept = Vec::with_capacity(run.words.len());
        let hesitates = HESITATIONS.iter().any(|said| starts(&run.words, said));
        let mut at = 0;
        while at < run.words.len() {
            // "3.5 mm" is a measure.
            let is_unit = at > 0 && run.words[at - 1].starts_with(|c: char| c.is_ascii_digit());
            let hesitation = HESITATIONS.iter().find(|said| !is_unit && starts(&run.words[at..], said));
            // "What is it called" may be the question itself.
            let whole = run.mark == Mark::Question && at == 0 && out.is_empty();
            match hesitation {
                Some(said) if !(whole && said.len() == run.words.len()) => at += said.len(),
                _ => {
                    kept.push(run.words[at].clone());
                    at += 1;
                }
            }
        }
        run.words = kept;
        match out.last_mut() {
            None if run.words.is_empty() => {}
            Some(last) if run.words.is_empty() => {
                if last.mark == Mark::Pause {
                    last.mark = run.mark;
                    hesitated = true;
                }
                continue;
            }
            // "One of those, er, croissants": the pause was a hesitation.
            Some(last)
                if (hesitates || hesitated)
                    && last.mark == Mark::Pause
                    && last.words.last().is_some_and(|w| awaits_more(w)) =>
            {
                last.words.append(&mut run.words);
                last.mark = run.mark;
            }
            _ => out.push(run),
        }
        hesitated = false;
    }
    out
}

/// True for a word that no phrase ends with.
fn awaits_more(word: &str) -> bool {
    matches!(
        word,
        "a" | "an"
            | "the"
            | "of"
            | "those"
            | "these"
            | "and"
            | "with"
            | "some"
            | "for"
            | "your"
            | "my"
            | "need"
            | "want"
            | "is"
            | "are"
    )
}

fn starts(words: &[String], said: &[&str]) -> bool {
    words.len() >= said.len() && words.iter().zip(said).all(|(a, b)| a == b)
}

/// Runs gathered up to each full stop; a sentence that takes something back belongs
/// to the one before: "baking soda. No! Baking powder."
fn sentences(runs: Vec<Run>) -> Vec<Vec<Run>> {
    let mut out: Vec<Vec<Run>> = Vec::new();
    let mut open = false;
    for run in runs {
        let continues = open || (out.last().is_some_and(|s| takes_back_fragment(s, &run)));
        open = run.mark == Mark::Pause || is_marker(&run.words);
        match out.last_mut() {
            Some(sentence) if continues => sentence.push(run),
            _ => out.push(vec![run]),
        }
    }
    out
}

/// True for "no", "sorry", "no wait" alone.
fn is_marker(words: &[String]) -> bool {
    MARKERS.iter().any(|said| said.len() == words.len() && starts(words, said))
}

/// True where `run` takes back the end of a sentence that is no question.
fn takes_back_fragment(sentence: &[Run], run: &Run) -> bool {
    sentence.last().is_some_and(|last| last.mark == Mark::Stop && last.words.len() > 1)
        && is_marker(&run.words)
        && run.words != ["wait"]
}

/// A sentence as one run of words with its pauses, what was taken back left out.
fn repaired(sentence: Vec<Run>) -> Vec<Vec<String>> {
    let mut said: Vec<Vec<String>> = Vec::new();
    // A marker was heard; the next run is the correction.
    let mut correcting = false;
    for run in sentence {
        let mut rest = run.words;
        if !said.is_empty()
            && let Some(marker) = MARKERS.iter().find(|marker| leads(&rest, marker))
        {
            rest.drain(..marker.len());
            correcting = true;
        }
        if let Some((before, marker)) = inner_marker(&rest) {
            let mut after = rest.split_off(before);
            after.drain(..marker);
            if correcting {
                take_back(&mut said, &mut rest);
            }
            said.push(rest);
            rest = after;
            correcting = true;
        }
        if rest.is_empty() {
            continue;
        }
        if correcting {
            let small =
                rest.iter().take_while(|word| matches!(word.as_str(), "only" | "just" | "rather")).count();
            rest.drain(..small);
            take_back(&mut said, &mut rest);
            correcting = false;
        }
        said.push(rest);
    }
    said.retain(|words| !words.is_empty());
    said
}

/// True where `rest` begins with a marker that is meant as one: "no" stands alone
/// or before what a correction starts with, "no sugar" is none.
fn leads(rest: &[String], marker: &[&str]) -> bool {
    if !starts(rest, marker) {
        return false;
    }
    if marker != ["no"] && marker != ["sorry"] && marker != ["rather"] {
        return true;
    }
    rest.get(marker.len()).is_none_or(|next| is_determiner(next) || matches!(next.as_str(), "not" | "make"))
}

/// A marker of two words or more inside a run, where no pause was written: its place
/// and length.
fn inner_marker(words: &[String]) -> Option<(usize, usize)> {
    (1..words.len()).find_map(|at| {
        let marker =
            MARKERS.iter().find(|m| m.len() > 1 && starts(&words[at..], m) && **m != ["make", "that"])?;
        (at + marker.len() < words.len()).then_some((at, marker.len()))
    })
}

fn is_determiner(word: &str) -> bool {
    matches!(word, "the" | "that" | "this" | "some" | "my") || number(word).is_some()
}

/// Drops from `said` what `correction` says anew: from the last word that is alike
/// to its first one. Where nothing is alike both stay, and the last one counts.
fn take_back(said: &mut Vec<Vec<String>>, correction: &mut Vec<String>) {
    let Some(first) = correction.first().cloned() else { return };
    if amount(correction, 0).is_some_and(|(_, used)| used == correction.len()) && renumber(said, correction) {
        return;
    }
    let alike = |word: &String| *word == first || (is_determiner(word) && is_determiner(&first));
    for at in (0..said.len()).rev() {
        if let Some(from) = said[at].iter().rposition(alike) {
            said[at].truncate(from);
            said.truncate(at + 1);
            return;
        }
    }
    // "Can you put, uh, whole wheat, no, multigrain": the last thing said goes.
    if said.len() > 1 && said.last().is_some_and(|run| run.len() <= 3) {
        said.pop();
        return;
    }
    // "One yellow mustard, no, Dijon": what was named after the number goes.
    if correction.len() <= 3
        && let Some(run) = said.last_mut()
        && let Some(at) =
            run.iter().rposition(|word| awaits_more(word) || is_verb(word) || is_determiner(word))
    {
        run.truncate(at + 1);
    }
}

/// True for a word that what is wanted follows.
fn is_verb(word: &str) -> bool {
    matches!(
        word,
        "add" | "put" | "get" | "take" | "want" | "need" | "find" | "buy" | "order" | "have" | "me" | "like"
    )
}

/// Puts another number in the place of the last one: "two packs of ham, no, one".
fn renumber(said: &mut [Vec<String>], correction: &mut Vec<String>) -> bool {
    for run in said.iter_mut().rev() {
        let Some(at) = (0..run.len()).rev().find(|at| {
            !matches!(run[*at].as_str(), "a" | "an" | "another")
                && amount(run, *at).is_some_and(|(_, used)| used > 0)
        }) else {
            continue;
        };
        let of = usize::from(run.get(at + 1).is_some_and(|word| word == "of"));
        let number: Vec<String> = std::mem::take(correction);
        let many = number != ["one"] && number != ["1"];
        run.splice(at..=at, number);
        if let Some(measure) = run.get_mut(at + 1 + of)
            && many
            && measure == "pack"
        {
            measure.push('s');
        }
        return true;
    }
    false
}

/// The runs of a sentence, cut where a question follows.
fn split(said: Vec<Vec<String>>) -> Vec<Vec<Vec<String>>> {
    let mut out: Vec<Vec<Vec<String>>> = Vec::new();
    let mut current: Vec<Vec<String>> = Vec::new();
    for run in said {
        let lead =
            usize::from(run.first().is_some_and(|w| matches!(w.as_str(), "and" | "but" | "then" | "so")));
        let asks = QUESTIONS.iter().any(|question| starts(&run[lead..], question));
        if asks && !current.is_empty() {
            out.push(std::mem::take(&mut current));
        }
        // "How much is it and where is it": two questions without a pause.
        let mut parts = cut_at_and(run).into_iter();
        extend(&mut current, parts.next().unwrap_or_default());
        for part in parts {
            out.push(std::mem::take(&mut current));
            extend(&mut current, part);
        }
    }
    out.push(current);
    out.retain(|runs| !runs.is_empty());
    out
}

/// Adds a run; "the, the powder" says one "the".
fn extend(runs: &mut Vec<Vec<String>>, run: Vec<String>) {
    if let (Some(last), Some(first)) = (runs.last_mut(), run.first())
        && last.last() == Some(first)
        && is_determiner(first)
    {
        last.pop();
    }
    runs.retain(|run| !run.is_empty());
    if run.is_empty() {
        return;
    }
    // What is said twice in one breath, often in two languages, is meant once.
    match runs.last_mut() {
        Some(last) if last.ends_with(&run) => {}
        Some(last) if restates(&run, last) => *last = run,
        _ => runs.push(run),
    }
}

/// True for "trash bags for the kitchen" after "and trash bags".
fn restates(run: &[String], last: &[String]) -> bool {
    let lead = usize::from(last.first().is_some_and(|word| word == "and"));
    last.len() > lead + 1 && run.starts_with(&last[lead..])
}

fn cut_at_and(mut words: Vec<String>) -> Vec<Vec<String>> {
    const SECOND: &[&[&str]] = &[
        &["where", "is"],
        &["where", "are"],
        &["where", "would"],
        &["where", "do"],
        &["where", "can"],
        &["how", "much"],
        &["how", "many"],
        &["what", "aisle"],
        &["which", "aisle"],
        &["what", "does", "it"],
        &["what", "do", "they"],
        &["is", "it"],
        &["do", "you", "have"],
        &["add"],
        &["put"],
        &["remove"],
        &["delete"],
    ];
    let cut = (1..words.len())
        .find(|at| words[*at] == "and" && SECOND.iter().any(|question| starts(&words[at + 1..], question)));
    let Some(cut) = cut else { return vec![words] };
    let rest = words.split_off(cut);
    let mut out = vec![words];
    out.extend(cut_at_and(rest[1..].to_vec()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<String> {
        clauses(text).into_iter().map(|clause| clause.words().join(" ")).collect()
    }

    #[test]
    fn what_was_taken_back_is_gone() {
        for (text, meant) in [
            ("Um, can I get a, uh, a large, no, a medium latte please?", "can i get a medium latte please"),
            (
                "I need large eggs, the six, no, sorry, the eighteen pack.",
                "i need large eggs the eighteen pack",
            ),
            ("your store-brand spaghetti, one pack, no, two", "your store brand spaghetti two packs"),
            ("two packs of smoked ham, no, one", "one packs of smoked ham"),
            (
                "can you put, uh, whole wheat, no, sorry, multigrain bread on my list",
                "can you put multigrain bread on my list",
            ),
            ("what was it, baking soda... no! Baking powder.", "baking powder"),
            (
                "I'll take, uh, two feta, no, one feta and two halloumi.",
                "i will take one feta and two halloumi",
            ),
            ("También un aguacate... no, mejor tres avocados.", "also three avocados"),
            ("a small latte no sorry a large latte", "a large latte"),
            ("two lemons I mean three lemons", "three lemons"),
            ("a coffee, no sugar", "a coffee no sugar"),
            ("an iced mocha, triple shot, no, double", "an iced mocha double"),
        ] {
            assert_eq!(read(text), [meant], "{text}");
        }
    }

    #[test]
    fn questions_in_one_breath_are_told_apart() {
        for (text, meant) in [
            ("Two packs. What aisle?", &["two packs", "what aisle"][..]),
            (
                "And the Oatly Barista, do you have that in, and how much is it?",
                &["and the oatly barista", "do you have that in", "and how much is it"],
            ),
            ("How much, and where would it be?", &["how much", "and where would it be"]),
            ("how much is it and where is it", &["how much is it", "where is it"]),
            ("I have 1.5 l of milk, ok", &["i have 1.5 l of milk ok"]),
            ("No, sorry, soy. I said soy.", &["no soy", "i said soy"]),
            ("is it, like, vegetarian?", &["is it vegetarian"]),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "([a-z,.!?… ]|no |sorry |and |how much |a ){0,60}") {
            let clauses = clauses(&text);
            prop_assert!(clauses.len() <= MOST && clauses.iter().all(|clause| !clause.words().is_empty()));
        }
    }
}
