//! Google Merchant Center feeds as XML: RSS 2.0 and Atom, read element by
//! element. Entities of a document type are never expanded, nesting and the
//! size of an element are bounded, a file that ends early is refused.

use super::foreign::{Context, Products};
use super::google::{self, Item, Unknown};
use super::source::{Meter, Source, Text};
use super::words;
use crate::domain::Product;
use crate::store::FeedError;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::io::{BufRead, Read};
use std::path::PathBuf;

/// Deepest nesting of elements.
const MAX_DEPTH: usize = 32;
/// Largest text or tag, in bytes.
const MAX_PART_BYTES: usize = 1 << 20;
/// Largest product, in bytes of its texts.
const MAX_ITEM_BYTES: usize = 2 << 20;

/// A reader that counts lines and hands out only so many bytes between two
/// calls of [`Bounded::renew`].
struct Bounded {
    text: Text,
    line: u64,
    left: usize,
}

impl Bounded {
    fn renew(&mut self) {
        self.left = MAX_PART_BYTES;
    }
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let chunk = self.fill_buf()?;
        let count = chunk.len().min(into.len());
        for (to, from) in into.iter_mut().zip(chunk) {
            *to = *from;
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Bounded {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.left == 0 {
            let limit = MAX_PART_BYTES >> 10;
            return Err(std::io::Error::other(format!("a text or tag is larger than {limit} KiB")));
        }
        let chunk = self.text.fill_buf()?;
        Ok(chunk.get(..self.left).unwrap_or(chunk))
    }

    fn consume(&mut self, count: usize) {
        if let Ok(chunk) = self.text.fill_buf() {
            let part = chunk.get(..count).unwrap_or_default();
            self.line += part.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.left = self.left.saturating_sub(count);
        self.text.consume(count);
    }
}

pub(super) struct GoogleXml {
    path: PathBuf,
    meter: Meter,
    reader: Reader<Bounded>,
    buffer: Vec<u8>,
    /// Names of the open elements, the outermost first.
    open: Vec<String>,
    title: String,
    made: String,
    unknown: Unknown,
}

/// The item being read.
#[derive(Default)]
struct Current {
    line: u64,
    /// Depth of its element.
    depth: usize,
    /// Attributes with a prefix (`g:id`) go before plain ones (Atom's own `id`).
    prefixed: Item,
    plain: Item,
    bytes: usize,
}

impl Current {
    fn begin(&mut self, full: &str) {
        // Elements without text count, too.
        self.bytes += full.len() + size_of::<(String, String)>();
        if self.bytes > MAX_ITEM_BYTES {
            return;
        }
        let name = full.rsplit(':').next().unwrap_or(full).to_ascii_lowercase();
        let list = if full.contains(':') { &mut self.prefixed } else { &mut self.plain };
        list.push((name, String::new()));
    }

    /// Adds text to the attribute that was begun under `full`.
    fn add(&mut self, full: &str, text: &str) {
        self.bytes += text.len();
        if self.bytes > MAX_ITEM_BYTES {
            return;
        }
        let list = if full.contains(':') { &mut self.prefixed } else { &mut self.plain };
        if let Some((_, value)) = list.last_mut() {
            value.push_str(text);
        }
    }

    /// A nested element has begun: `section:name:value`, as in a table.
    fn part(&mut self, full: &str) {
        self.bytes += 1;
        if self.bytes > MAX_ITEM_BYTES {
            return;
        }
        let list = if full.contains(':') { &mut self.prefixed } else { &mut self.plain };
        if let Some((_, value)) = list.last_mut() {
            let trimmed = value.trim().len();
            if trimmed > 0 {
                value.push(':');
            } else {
                value.clear();
            }
        }
    }
}

impl GoogleXml {
    pub(super) fn new(source: Source) -> Self {
        let (path, text, meter) = source.read();
        let mut reader = Reader::from_reader(Bounded { text, line: 1, left: MAX_PART_BYTES });
        reader.config_mut().expand_empty_elements = true;
        reader.config_mut().allow_dangling_amp = true;
        let (title, made) = (String::new(), String::new());
        let (buffer, open, unknown) = (Vec::new(), Vec::new(), Unknown::default());
        Self { path, meter, reader, buffer, open, title, made, unknown }
    }

    fn line(&self) -> u64 {
        self.reader.get_ref().line
    }

    fn broken(&self, reason: impl Into<String>) -> FeedError {
        FeedError::Broken { path: self.path.clone(), line: self.line(), reason: reason.into() }
    }

    /// Reads on to the end of the next item; `None` at the end of the feed.
    fn item(&mut self) -> Result<Option<Current>, FeedError> {
        let mut current: Option<Current> = None;
        loop {
            self.buffer.clear();
            self.reader.get_mut().renew();
            let before = self.line();
            let mut buffer = std::mem::take(&mut self.buffer);
            let event = self.reader.read_event_into(&mut buffer);
            let text = match event {
                Err(error) => {
                    return Err(self.broken(match error {
                        quick_xml::Error::Io(error) => error.to_string(),
                        error => format!("not well-formed XML: {error}"),
                    }));
                }
                Ok(Event::Start(start)) => {
                    let full = start.name().as_ref().to_owned();
                    if self.open.len() >= MAX_DEPTH {
                        return Err(self.broken(format!("elements are nested deeper than {MAX_DEPTH}")));
                    }
                    let depth = self.open.len();
                    match &mut current {
                        None if (depth == 2 && full == "item") || (depth == 1 && full == "entry") => {
                            current = Some(Current { line: before, depth, ..Current::default() });
                        }
                        None => {}
                        Some(item) if depth == item.depth + 1 => item.begin(&full),
                        Some(item) => {
                            if let Some(parent) = self.open.get(item.depth + 1) {
                                item.part(parent);
                            }
                        }
                    }
                    self.open.push(full);
                    None
                }
                Ok(Event::End(_)) => {
                    self.open.pop();
                    if current.as_ref().is_some_and(|item| item.depth == self.open.len()) {
                        self.buffer = buffer;
                        return Ok(current);
                    }
                    None
                }
                Ok(Event::Text(text)) => Some(text.to_string()),
                Ok(Event::CData(text)) => Some(text.to_string()),
                Ok(Event::GeneralRef(name)) => Some(match name.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string(),
                    _ => match &*name {
                        "amp" => "&".to_owned(),
                        "lt" => "<".to_owned(),
                        "gt" => ">".to_owned(),
                        "quot" => "\"".to_owned(),
                        "apos" => "'".to_owned(),
                        // Named as in HTML, or declared in a document type: the
                        // first are decoded with the rest of the markup.
                        name => format!("&{name};"),
                    },
                }),
                Ok(Event::Eof) if self.open.is_empty() => return Ok(None),
                Ok(Event::Eof) => {
                    let name = self.open.last().cloned().unwrap_or_default();
                    return Err(self.broken(format!("the file is cut off within <{name}>")));
                }
                Ok(_) => None,
            };
            self.buffer = buffer;
            if let Some(text) = text {
                self.take_text(current.as_mut(), &text);
            }
        }
    }

    fn take_text(&mut self, current: Option<&mut Current>, text: &str) {
        let open: Vec<&str> = self.open.iter().map(String::as_str).collect();
        match (current, open.as_slice()) {
            (Some(item), _) => {
                if let Some(attribute) = self.open.get(item.depth + 1) {
                    item.add(attribute, text);
                }
            }
            (None, ["rss", "channel", "title"] | ["feed", "title"]) if self.title.len() < 500 => {
                self.title.push_str(text);
            }
            (None, ["rss", "channel", "lastBuildDate" | "pubDate"] | ["feed", "updated"])
                if self.made.len() < 100 =>
            {
                self.made.push_str(text);
            }
            _ => {}
        }
    }
}

impl Products for GoogleXml {
    fn next(&mut self, context: &mut Context) -> Result<Option<Result<Product, String>>, FeedError> {
        let Some(current) = self.item()? else {
            return Ok(None);
        };
        context.line = current.line;
        if current.bytes > MAX_ITEM_BYTES {
            return Ok(Some(Err(format!("a product larger than {} KiB", MAX_ITEM_BYTES >> 10))));
        }
        let mut item = current.prefixed;
        item.extend(current.plain);
        if item.iter().any(|(_, text)| text.contains(char::REPLACEMENT_CHARACTER)) {
            return Ok(Some(Err("not text in the encoding that the file declares (or UTF-8)".to_owned())));
        }
        item.iter().for_each(|(name, _)| self.unknown.see(name));
        Ok(Some(google::product(&item, context)))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn name(&self) -> Option<String> {
        Some(self.title.trim().to_owned())
    }

    fn made(&self) -> Option<String> {
        words::moment(&self.made)
    }

    fn notes(&self) -> Vec<String> {
        self.unknown.note().into_iter().collect()
    }
}
