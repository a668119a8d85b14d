//! Conversations of a file with what is right, as people write them: JSON lines, a conversation
//! each. Those of the demo store ship with the program; a retailer writes their own.
//!
//! ```json
//! {"name": "oat milk", "turns": [
//!   {"says": "Where is the oat milk?", "expect": {"any_of": ["DA-1014"], "must_say": ["aisle 4"]}},
//!   {"says": "Two of those.", "expect": {"list": [{"sku": "DA-1014", "quantity": 2}]}}]}
//! {"says": "Do you sell car tyres?", "expect": {"no": true}}
//! ```

use super::{By, Part, Play, Turn, Wanted};
use crate::domain::Sku;
use crate::domain::digest::Digest;
use crate::office::files::{self, FileError};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The demo store's, and of which catalog they are.
const SHIPPED: (&str, &str) =
    ("Aisle Demo Market", include_str!("../../../firmware-config/demo-store/turns.jsonl"));
/// Most turns of a file: what takes a minute.
const MOST: usize = 5_000;

/// Why a file of turns cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TurnsError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("line {line} of {} is no turn to replay ({why})", path.display())]
    Line { path: PathBuf, line: usize, why: String },
    #[error("{} has no turns, or more than {MOST}", .0.display())]
    Count(PathBuf),
}

/// What must come of a turn. What is left out may be as it likes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The answer, or the list, is about all of these.
    pub about: Vec<Sku>,
    /// One of these is on a card.
    pub any_of: Vec<Sku>,
    /// None of these is on a card.
    pub none_of: Vec<Sku>,
    /// Words of the reply, in any case.
    pub must_say: Vec<String>,
    /// The whole list after the turn.
    pub list: Option<Vec<ListLine>>,
    /// It is an honest no: not carried, not understood, not done here, not sold now.
    pub no: bool,
    /// For people; not judged.
    pub intent: Option<String>,
    /// For people; not judged.
    pub must_not: Vec<String>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListLine {
    pub sku: Sku,
    pub quantity: u32,
    /// As chosen, in the menu's words.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

impl Expect {
    /// The products that it names.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        let list = self.list.iter().flatten().map(|line| &line.sku);
        self.about.iter().chain(&self.any_of).chain(&self.none_of).chain(list)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    says: String,
    #[serde(default)]
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    name: Option<String>,
    /// For people.
    #[serde(default, rename = "about")]
    _about: Option<String>,
    #[serde(default)]
    turns: Vec<Said>,
    #[serde(default)]
    says: Option<String>,
    #[serde(default)]
    expect: Expect,
}

/// Conversations, and what tells them from others.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    pub plays: Vec<Play>,
    pub digest: Digest,
}

/// Reads a file.
///
/// # Errors
/// It cannot be read, or a line is none; it names the line.
pub fn read(path: &Path) -> Result<Written, TurnsError> {
    let bytes = files::read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| TurnsError::Line {
        path: path.to_owned(),
        line: 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count(),
        why: "it is no UTF-8 text".to_owned(),
    })?;
    let wrong = |(line, why)| TurnsError::Line { path: path.to_owned(), line, why };
    let plays = parse(text).map_err(wrong)?;
    let turns: usize = plays.iter().map(|play| play.turns.len()).sum();
    if turns == 0 || turns > MOST {
        return Err(TurnsError::Count(path.to_owned()));
    }
    Ok(Written { plays, digest: Digest::of(&bytes) })
}

/// Those that ship with the program for a catalog of this name.
#[must_use]
pub fn shipped(catalog: &str) -> Option<Written> {
    let (name, text) = SHIPPED;
    let plays = parse(text).ok().filter(|_| name == catalog)?;
    Some(Written { plays, digest: Digest::of(text.as_bytes()) })
}

/// The conversations, or the number of the line that is none and why.
fn parse(text: &str) -> Result<Vec<Play>, (usize, String)> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines.map(|(line, number)| play(line, number).map_err(|why| (number, why))).collect()
}

fn play(line: &str, number: usize) -> Result<Play, String> {
    let Line { name, mut turns, says, expect, .. } =
        serde_json::from_str(line).map_err(|error| error.to_string())?;
    if let Some(says) = says {
        if !turns.is_empty() {
            return Err("give either \"turns\" or \"says\"".to_owned());
        }
        turns.push(Said { says, expect });
    }
    if turns.is_empty() {
        return Err("nothing is said in it".to_owned());
    }
    let turn = |Said { says, expect }: Said| Turn {
        says,
        by: By::Words,
        part: if expect.no { Part::Honest } else { Part::Turns },
        wanted: Wanted::Written(Box::new(expect)),
    };
    let name = name.unwrap_or_else(|| format!("line {number}"));
    Ok(Play { name, turns: turns.into_iter().map(turn).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_turns_are_of_the_demo_store_alone() {
        let shipped = shipped("Aisle Demo Market").unwrap();
        assert!(shipped.plays.len() > 20, "{}", shipped.plays.len());
        assert!(super::shipped("Another shop").is_none());
        let parts: Vec<Part> =
            shipped.plays.iter().flat_map(|play| play.turns.iter().map(|turn| turn.part)).collect();
        assert!(parts.contains(&Part::Honest) && parts.contains(&Part::Turns));
    }

    #[test]
    fn a_line_is_a_conversation_or_a_single_turn() {
        let text = "\n{\"name\":\"a\",\"turns\":[{\"says\":\"milk\",\"expect\":{\"any_of\":[\"M\"]}},{\"says\":\"bye\"}]}\n\
                    {\"says\":\"tyres\",\"expect\":{\"no\":true}}\n";
        let plays = parse(text).unwrap();
        assert_eq!((plays.len(), plays[0].turns.len(), plays[1].name.as_str()), (2, 2, "line 3"));
        assert_eq!(plays[1].turns[0].part, Part::Honest);
        for (bad, why) in [
            ("{\"says\":\"x\",\"expects\":{}}", "unknown field"),
            ("{\"says\":\"x\",\"expect\":{\"any\":[]}}", "unknown field"),
            ("{\"name\":\"x\"}", "nothing is said"),
            ("{\"says\":\"x\",\"turns\":[{\"says\":\"y\"}]}", "either"),
        ] {
            let (line, text) = parse(&format!("{{\"says\":\"a\"}}\n{bad}")).unwrap_err();
            assert!(line == 2 && text.contains(why), "{text}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turns.jsonl");
        for (bytes, why) in [
            (&b"{\"says\":\"a\"}\n\xff\n"[..], "line 2"),
            (b"\n\n", "no turns"),
            (b"{\"says\":1}\n", "line 1"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let line = read(&path).unwrap_err().to_string();
            assert!(line.contains(why) && !line.contains('\n'), "{line}");
        }
        std::fs::write(&path, "{\"says\":\"a\"}\n").unwrap();
        assert_eq!(read(&path).unwrap().plays.len(), 1);
    }
}
