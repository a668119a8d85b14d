//! Scripted conversations: each turn's intent, what its answer is about and says, and
//! the whole list after it.

use crate::program::{Aisle, lines, quantile, share};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Files of conversations, and who wrote them.
const FILES: [(&str, &str); 7] = [
    ("tests/dialog/conversations.jsonl", "first"),
    ("tests/dialog/conversations-b.jsonl", "second"),
    ("tests/dialog/conversations-c.jsonl", "third"),
    ("tests/dialog/conversations-d.jsonl", "fourth"),
    ("tests/dialog/conversations-e.jsonl", "fifth"),
    ("tests/dialog/conversations-f.jsonl", "sixth"),
    ("tests/dialog/conversations-g.jsonl", "seventh"),
];

/// Intents that name the same thing where a reasonable person could say either.
const ALIKE: [&[&str]; 4] = [
    &["find", "narrow", "recommend"],
    &["add", "order"],
    &["price", "review"],
    &["call_person", "call_staff"],
];

#[derive(Default)]
pub struct Score {
    turns: usize,
    turns_right: usize,
    intents_right: usize,
    intents_alike: usize,
    conversations: usize,
    conversations_right: usize,
    /// Wanted intent to (wanted, heard, both).
    intents: BTreeMap<String, [usize; 3]>,
    times: BTreeMap<String, Vec<f64>>,
    wrong: Vec<String>,
}

/// Plays all conversations.
pub fn run(aisle: &mut Aisle) -> Vec<(String, Score)> {
    let mut scores = Vec::new();
    for (file, name) in FILES {
        let mut score = Score::default();
        for (index, conversation) in lines(file).iter().enumerate() {
            score.play(aisle, conversation, &format!("{name}-{index}"));
        }
        scores.push((name.to_owned(), score));
    }
    scores
}

impl Score {
    fn play(&mut self, aisle: &mut Aisle, conversation: &Value, session: &str) {
        let mut all_right = true;
        for turn in conversation["turns"].as_array().expect("turns") {
            let answer = aisle.ask(&json!({"id": session, "session": session, "text": turn["says"]}));
            let expect = &turn["expect"];
            let faults = faults(expect, &answer);
            let wanted = expect["intent"].as_str().unwrap_or_default();
            let wanted = if wanted == "call_person" { "call_staff" } else { wanted };
            let heard = answer["intent"].as_str().unwrap_or_default();
            self.turns += 1;
            self.turns_right += usize::from(faults.is_empty());
            self.intents_right += usize::from(wanted == heard);
            self.intents_alike += usize::from(
                wanted == heard || ALIKE.iter().any(|set| set.contains(&wanted) && set.contains(&heard)),
            );
            self.intents.entry(wanted.to_owned()).or_default()[0] += 1;
            self.intents.entry(heard.to_owned()).or_default()[1] += 1;
            self.intents.entry(heard.to_owned()).or_default()[2] += usize::from(wanted == heard);
            if !faults.is_empty() {
                all_right = false;
                self.wrong.push(format!(
                    "{} {}: {faults:?} {} -> {} {}",
                    conversation["name"], turn["says"], answer["tool"], answer["reply"], answer["order"]
                ));
            }
            let tier = answer["tier"].as_str().unwrap_or_default().to_owned();
            if let Some(time) = answer["timings_ms"]["reply"].as_f64() {
                self.times.entry(tier).or_default().push(time);
            }
        }
        self.conversations += 1;
        self.conversations_right += usize::from(all_right);
    }

    pub fn report(&self) -> Value {
        let intents: BTreeMap<&str, Value> = self
            .intents
            .iter()
            .map(|(intent, [wanted, heard, both])| {
                let rates = json!({"turns": wanted, "precision": share(*both, *heard), "recall": share(*both, *wanted)});
                (intent.as_str(), rates)
            })
            .collect();
        let times: BTreeMap<&str, Value> = self
            .times
            .iter()
            .map(|(tier, times)| {
                (
                    tier.as_str(),
                    json!({"turns": times.len(), "p50": quantile(times, 0.5), "p95": quantile(times, 0.95)}),
                )
            })
            .collect();
        json!({
            "turns": self.turns, "turns_right": share(self.turns_right, self.turns),
            "intents_right": share(self.intents_right, self.turns),
            "intents_alike": share(self.intents_alike, self.turns),
            "conversations": self.conversations,
            "conversations_right": share(self.conversations_right, self.conversations),
            "intents": intents, "reply_ms": times,
        })
    }

    pub fn print(&self, name: &str) {
        println!(
            "\n{name}: turns right {:.1} % of {}, intents {:.1} % (alike {:.1} %), whole conversations {} of {}",
            100.0 * share(self.turns_right, self.turns),
            self.turns,
            100.0 * share(self.intents_right, self.turns),
            100.0 * share(self.intents_alike, self.turns),
            self.conversations_right,
            self.conversations
        );
        for (tier, times) in &self.times {
            println!(
                "  reply, {tier:<6} p50 {:>7.1} ms   p95 {:>7.1} ms   ({} turns)",
                quantile(times, 0.5),
                quantile(times, 0.95),
                times.len()
            );
        }
        if std::env::var_os("AISLE_EVAL_SHOW").is_some() {
            for wrong in &self.wrong {
                println!("  wrong: {wrong}");
            }
        }
    }

    /// Precision and recall of each intent.
    pub fn print_intents(scores: &[(String, Self)]) {
        let mut all: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
        for (intent, counts) in scores.iter().flat_map(|(_, score)| &score.intents) {
            let sum = all.entry(intent).or_default();
            for (sum, count) in sum.iter_mut().zip(counts) {
                *sum += count;
            }
        }
        println!("\nintent         turns  precision  recall");
        for (intent, [wanted, heard, both]) in all {
            println!(
                "{intent:<14} {wanted:>5}  {:>8.1} %  {:>4.1} %",
                100.0 * share(both, heard),
                100.0 * share(both, wanted)
            );
        }
    }
}

/// What of an answer is not as expected.
fn faults(expect: &Value, answer: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let texts = |value: &Value, key: &str| -> Vec<String> {
        let list = value.as_array().into_iter().flatten();
        list.filter_map(|entry| if key.is_empty() { entry.as_str() } else { entry[key].as_str() })
            .map(str::to_owned)
            .collect()
    };
    let cards = texts(&answer["cards"], "sku");
    let mut seen = cards.clone();
    seen.extend(texts(&answer["facts"], "sku"));
    seen.extend(texts(&answer["order"], "sku"));
    for sku in texts(&expect["about"], "") {
        if !seen.contains(&sku) {
            faults.push(format!("not about {sku}"));
        }
    }
    let any = texts(&expect["any_of"], "");
    if !any.is_empty() && !any.iter().any(|sku| cards.contains(sku)) {
        faults.push(format!("none of {any:?}"));
    }
    let reply = answer["reply"].as_str().unwrap_or_default().to_lowercase();
    for words in texts(&expect["must_say"], "") {
        if !reply.contains(&words.to_lowercase()) {
            faults.push(format!("does not say {words:?}"));
        }
    }
    if expect["list"].is_array() && list(&expect["list"]) != list(&answer["order"]) {
        faults.push("another list".to_owned());
    }
    faults
}

/// The lines of a list, in no order: a list is the same however it is written.
pub fn list(lines: &Value) -> Vec<String> {
    let mut all: Vec<String> = lines
        .as_array()
        .into_iter()
        .flatten()
        .map(|line| {
            let options: BTreeMap<String, &Value> = line["options"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(group, words)| (group.clone(), words))
                .collect();
            format!("{} {} {options:?}", line["sku"], line["quantity"])
        })
        .collect();
    all.sort();
    all
}
