//! Owns the Wyoming wire format: one JSON header line, then optional JSON bytes
//! that are merged into the header's data, then an optional binary payload.
//!
//! Promises: one sans-I/O [`Decoder`] does all parsing, and both the blocking
//! codec (workers) and the tokio codec (clients) only move bytes into it; every
//! length is checked before memory is taken; garbage gives a [`WyomingError`].
//! Never panics on input, never interprets an event, never logs what it carries.
//!
//! Wire-compatible with the reference implementation (Python package `wyoming`,
//! `wyoming/event.py`), which the Home Assistant and Rhasspy services use.

use std::fmt;
use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest header line accepted or written, in bytes, newline included.
pub const MAX_HEADER: usize = 64 * 1024;
/// Most JSON bytes after a header, accepted or written.
pub const MAX_DATA: usize = 1024 * 1024;
/// Largest binary payload, accepted or written, in bytes.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// Release of the reference implementation that the events were checked
/// against; sent in each header as that implementation does.
const VERSION: &str = "1.10.2";
/// How much is read from a stream at a time, in bytes.
const READ_STEP: usize = 64 * 1024;

/// Why a Wyoming stream could not be read or written. After any of these but
/// [`WyomingError::Shape`] the stream has lost its framing: close it.
#[derive(Debug, Error)]
pub enum WyomingError {
    /// No newline within [`MAX_HEADER`] bytes.
    #[error("the event header is longer than {MAX_HEADER} bytes: the peer does not speak Wyoming")]
    HeaderTooLong,
    /// The header line is no JSON object with a `type`.
    #[error("the event header is malformed ({0}): the peer does not speak Wyoming")]
    Header(&'static str),
    /// The bytes after the header are no JSON object.
    #[error("the event's data is malformed ({0})")]
    Body(&'static str),
    /// A length field is above its limit.
    #[error("the event's {what} has {bytes} bytes, more than the limit of {limit}")]
    TooLarge {
        /// Which part: header, data or payload.
        what: &'static str,
        /// Its length in bytes.
        bytes: u64,
        /// The most that is allowed, in bytes.
        limit: usize,
    },
    /// The stream ended inside an event.
    #[error("the connection closed in the middle of an event")]
    Truncated,
    /// An event was framed correctly but its data has another shape than its type asks for.
    #[error("a `{kind}` event does not have the fields of {what}")]
    Shape {
        /// Type of the event.
        kind: String,
        /// Rust type that describes the fields; never carries values.
        what: &'static str,
    },
    /// Reading or writing failed.
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// One Wyoming event. Its `Debug` form shows sizes only, so that no shopper's
/// words reach a log by accident.
#[derive(Clone, PartialEq)]
pub struct Event {
    /// Event type, such as `transcribe`.
    pub kind: String,
    /// JSON fields.
    pub data: Map<String, Value>,
    /// Raw bytes, such as PCM audio; empty when there are none.
    pub payload: Vec<u8>,
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind)
            .field("fields", &self.data.len())
            .field("payload_bytes", &self.payload.len())
            .finish()
    }
}

impl Event {
    /// An event without data.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        Self { kind: kind.to_owned(), data: Map::new(), payload: Vec::new() }
    }

    /// An event whose data are the fields of `body`.
    ///
    /// # Errors
    /// [`WyomingError::Shape`] when `body` does not serialise to a JSON object.
    pub fn with_body<T: Serialize>(kind: &str, body: &T) -> Result<Self, WyomingError> {
        match serde_json::to_value(body) {
            Ok(Value::Object(data)) => Ok(Self { data, ..Self::new(kind) }),
            _ => Err(shape(kind, "a JSON object")),
        }
    }

    /// Adds or replaces one field.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.data.insert(key.to_owned(), value.into());
        self
    }

    /// Adds a binary payload.
    #[must_use]
    pub fn with_payload(mut self, payload: Vec<u8>) -> Self {
        self.payload = payload;
        self
    }

    /// Reads the data as `T`.
    ///
    /// # Errors
    /// [`WyomingError::Shape`] when a field is missing or has another type.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, WyomingError> {
        T::deserialize(Value::Object(self.data.clone())).map_err(|_| shape(&self.kind, short_name::<T>()))
    }

    /// The text field `key`, if it is there and is text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str)
    }

    /// The bytes of this event on the wire, payload included.
    ///
    /// # Errors
    /// [`WyomingError::TooLarge`] when a part is above its limit.
    pub fn encode(&self) -> Result<Vec<u8>, WyomingError> {
        let body = if self.data.is_empty() {
            Vec::new()
        } else {
            serde_json::to_vec(&self.data).map_err(|_| WyomingError::Body("not serialisable"))?
        };
        check("data", body.len() as u64, MAX_DATA)?;
        check("payload", self.payload.len() as u64, MAX_PAYLOAD)?;

        let mut header = Map::new();
        header.insert("type".into(), self.kind.as_str().into());
        header.insert("version".into(), VERSION.into());
        if !body.is_empty() {
            header.insert("data_length".into(), body.len().into());
        }
        if !self.payload.is_empty() {
            header.insert("payload_length".into(), self.payload.len().into());
        }
        let mut wire = serde_json::to_vec(&header).map_err(|_| WyomingError::Header("type"))?;
        wire.push(b'\n');
        check("header", wire.len() as u64, MAX_HEADER)?;
        wire.reserve_exact(body.len() + self.payload.len());
        wire.extend_from_slice(&body);
        wire.extend_from_slice(&self.payload);
        Ok(wire)
    }
}

fn short_name<T>() -> &'static str {
    let name = std::any::type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}

fn shape(kind: &str, what: &'static str) -> WyomingError {
    WyomingError::Shape { kind: kind.to_owned(), what }
}

/// A parsed header line that still waits for its data and payload bytes.
#[derive(Debug)]
struct Header {
    kind: String,
    data: Map<String, Value>,
    data_length: usize,
    payload_length: usize,
}

impl Header {
    fn parse(line: &[u8]) -> Result<Self, WyomingError> {
        let value: Value = serde_json::from_slice(line).map_err(|_| WyomingError::Header("not JSON"))?;
        let Value::Object(mut fields) = value else {
            return Err(WyomingError::Header("not a JSON object"));
        };
        let kind = match fields.remove("type") {
            Some(Value::String(kind)) if !kind.is_empty() => kind,
            _ => return Err(WyomingError::Header("no `type`")),
        };
        let data = match fields.remove("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data,
            Some(_) => return Err(WyomingError::Header("`data` is no object")),
        };
        Ok(Self {
            kind,
            data,
            data_length: length(&fields, "data_length", "data", MAX_DATA)?,
            payload_length: length(&fields, "payload_length", "payload", MAX_PAYLOAD)?,
        })
    }

    fn complete(mut self, body: &[u8], payload: Vec<u8>) -> Result<Event, WyomingError> {
        if !body.is_empty() {
            match serde_json::from_slice(body) {
                Ok(Value::Object(more)) => self.data.extend(more),
                Ok(_) => return Err(WyomingError::Body("not a JSON object")),
                Err(_) => return Err(WyomingError::Body("not JSON")),
            }
        }
        Ok(Event { kind: self.kind, data: self.data, payload })
    }
}

fn length(
    fields: &Map<String, Value>,
    key: &str,
    what: &'static str,
    limit: usize,
) -> Result<usize, WyomingError> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(0),
        Some(value) => {
            let bytes = value.as_u64().ok_or(WyomingError::Header("a length is no whole number"))?;
            check(what, bytes, limit)
        }
    }
}

fn check(what: &'static str, bytes: u64, limit: usize) -> Result<usize, WyomingError> {
    match usize::try_from(bytes) {
        Ok(bytes) if bytes <= limit => Ok(bytes),
        _ => Err(WyomingError::TooLarge { what, bytes, limit }),
    }
}

/// Turns bytes into events; holds what has come of the event under way.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Bytes of `buffer` already searched for the header's newline.
    scanned: usize,
    header: Option<Header>,
}

impl Decoder {
    /// Takes bytes as they came from the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, or `None` while more bytes are needed.
    ///
    /// # Errors
    /// Any framing error of [`WyomingError`]; the stream must then be closed.
    pub fn poll(&mut self) -> Result<Option<Event>, WyomingError> {
        let header = match self.header.take() {
            Some(header) => header,
            None => match self.take_header()? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        let body_end = header.data_length;
        let end = body_end + header.payload_length;
        if self.buffer.len() < end {
            self.header = Some(header);
            return Ok(None);
        }
        let rest = self.buffer.split_off(end);
        let mut body = std::mem::replace(&mut self.buffer, rest);
        let payload = body.split_off(body_end);
        header.complete(&body, payload).map(Some)
    }

    /// Whether the stream may end here without losing an event.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        self.header.is_none() && self.buffer.is_empty()
    }

    fn take_header(&mut self) -> Result<Option<Header>, WyomingError> {
        let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&byte| byte == b'\n') else {
            self.scanned = self.buffer.len();
            if self.scanned >= MAX_HEADER {
                return Err(WyomingError::HeaderTooLong);
            }
            return Ok(None);
        };
        let line_length = self.scanned + at + 1;
        if line_length > MAX_HEADER {
            return Err(WyomingError::HeaderTooLong);
        }
        self.scanned = 0;
        let rest = self.buffer.split_off(line_length);
        let line = std::mem::replace(&mut self.buffer, rest);
        Header::parse(&line).map(Some)
    }

    fn ended(&self) -> Result<Option<Event>, WyomingError> {
        if self.is_between_events() { Ok(None) } else { Err(WyomingError::Truncated) }
    }
}

/// Reads events from a blocking stream.
#[derive(Debug)]
pub struct EventReader<R> {
    stream: R,
    decoder: Decoder,
    chunk: Vec<u8>,
}

impl<R> EventReader<R> {
    /// Reads from `stream`, which needs no buffering of its own.
    pub fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::default(), chunk: vec![0; READ_STEP] }
    }
}

impl<R: Read> EventReader<R> {
    /// Blocks until an event is complete; `None` when the stream ends between events.
    ///
    /// # Errors
    /// [`WyomingError`] on garbage, a limit, an end inside an event, or I/O.
    pub fn next_event(&mut self) -> Result<Option<Event>, WyomingError> {
        loop {
            if let Some(event) = self.decoder.poll()? {
                return Ok(Some(event));
            }
            let count = match self.stream.read(&mut self.chunk) {
                Ok(0) => return self.decoder.ended(),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            self.decoder.push(self.chunk.get(..count).unwrap_or_default());
        }
    }
}

impl<R: AsyncRead + Unpin> EventReader<R> {
    /// Waits until an event is complete; `None` when the stream ends between
    /// events. Cancel-safe: dropping the future loses no bytes.
    ///
    /// # Errors
    /// As [`EventReader::next_event`].
    pub async fn next_event_async(&mut self) -> Result<Option<Event>, WyomingError> {
        loop {
            if let Some(event) = self.decoder.poll()? {
                return Ok(Some(event));
            }
            let count = self.stream.read(&mut self.chunk).await?;
            if count == 0 {
                return self.decoder.ended();
            }
            self.decoder.push(self.chunk.get(..count).unwrap_or_default());
        }
    }
}

/// Writes one event to a blocking stream and flushes it.
///
/// # Errors
/// [`WyomingError::TooLarge`] or [`WyomingError::Io`].
pub fn write_event(stream: &mut impl Write, event: &Event) -> Result<(), WyomingError> {
    stream.write_all(&event.encode()?)?;
    Ok(stream.flush()?)
}

/// Writes one event to a tokio stream and flushes it. Not cancel-safe: a
/// dropped write leaves half an event behind, so the stream must be closed.
///
/// # Errors
/// [`WyomingError::TooLarge`] or [`WyomingError::Io`].
pub async fn write_event_async(
    stream: &mut (impl AsyncWrite + Unpin),
    event: &Event,
) -> Result<(), WyomingError> {
    stream.write_all(&event.encode()?).await?;
    Ok(stream.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Python's `write_event(Transcript(text="hé", language="en").event())` sends.
    const FROM_PYTHON: &[u8] =
        b"{\"type\": \"transcript\", \"data_length\": 33, \"version\": \"1.10.2\"}\n{\"text\": \"h\xc3\xa9\", \"language\": \"en\"}";

    fn read_all(mut wire: &[u8]) -> Result<Vec<Event>, WyomingError> {
        let mut reader = EventReader::new(&mut wire);
        let mut events = Vec::new();
        while let Some(event) = reader.next_event()? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn reads_what_the_reference_implementation_writes() {
        let events = read_all(FROM_PYTHON).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].kind, "transcript");
        assert_eq!(events[0].text("text"), Some("hé"));
        assert_eq!(events[0].text("language"), Some("en"));
    }

    #[test]
    fn data_after_the_header_overrides_data_inside_it() {
        let wire = b"{\"type\":\"x\",\"data\":{\"a\":1,\"b\":2},\"data_length\":7}\n{\"b\":3}";
        let events = read_all(wire).unwrap();
        assert_eq!(events[0].data["a"], 1);
        assert_eq!(events[0].data["b"], 3);
    }

    #[test]
    fn every_limit_and_malformation_has_its_error() {
        let long = vec![b' '; MAX_HEADER + 1];
        assert!(matches!(read_all(&long), Err(WyomingError::HeaderTooLong)));
        for (wire, part) in [
            (&b"{\"type\":\"x\",\"data_length\":1048577}\n"[..], "data"),
            (b"{\"type\":\"x\",\"payload_length\":16777217}\n", "payload"),
            (b"{\"type\":\"x\",\"payload_length\":18446744073709551615}\n", "payload"),
        ] {
            assert!(matches!(read_all(wire), Err(WyomingError::TooLarge { what, .. }) if what == part));
        }
        for wire in [
            &b"\n"[..],
            b"[]\n",
            b"{}\n",
            b"{\"type\":7}\n",
            b"{\"type\":\"\"}\n",
            b"{\"type\":\"x\",\"data\":[]}\n",
            b"{\"type\":\"x\",\"data_length\":-1}\n",
            b"\xff\xfe\n",
        ] {
            assert!(matches!(read_all(wire), Err(WyomingError::Header(_))));
        }
        assert!(matches!(read_all(b"{\"type\":\"x\",\"data_length\":2}\n[]"), Err(WyomingError::Body(_))));
        for cut in [&FROM_PYTHON[..10], &FROM_PYTHON[..FROM_PYTHON.len() - 1]] {
            assert!(matches!(read_all(cut), Err(WyomingError::Truncated)));
        }
        let oversized = Event::new("x").with_payload(vec![0; MAX_PAYLOAD + 1]);
        assert!(matches!(oversized.encode(), Err(WyomingError::TooLarge { .. })));
    }

    #[test]
    fn debug_shows_no_words() {
        let event = Event::new("transcript").with("text", "secret words");
        assert!(!format!("{event:?}").contains("secret"));
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let value = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            prop::collection::vec(any::<String>(), 0..4).prop_map(Value::from),
        ];
        (
            "[a-z][a-z-]{0,20}",
            prop::collection::vec((any::<String>(), value), 0..6),
            prop::collection::vec(any::<u8>(), 0..300),
        )
            .prop_map(|(kind, fields, payload)| Event {
                kind,
                data: fields.into_iter().collect(),
                payload,
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            events in prop::collection::vec(any_event(), 0..5),
            step in 1usize..97,
        ) {
            let mut wire = Vec::new();
            for event in &events {
                write_event(&mut wire, event).unwrap();
            }
            let mut decoder = Decoder::default();
            let mut back = Vec::new();
            for piece in wire.chunks(step) {
                decoder.push(piece);
                while let Some(event) = decoder.poll().unwrap() {
                    back.push(event);
                }
            }
            prop_assert!(decoder.is_between_events());
            prop_assert_eq!(back, events);
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn damaged_events_never_panic(
            event in any_event(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut wire = event.encode().unwrap();
            let index = at.index(wire.len());
            wire[index] = byte;
            let _ = read_all(&wire);
        }

        #[test]
        fn both_codecs_agree(event in any_event()) {
            let wire = event.encode().unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (read, written) = runtime.block_on(async {
                let mut out = Vec::new();
                write_event_async(&mut out, &event).await.unwrap();
                let read = EventReader::new(&wire[..]).next_event_async().await.unwrap();
                (read, out)
            });
            prop_assert_eq!(read, Some(event));
            prop_assert_eq!(written, wire);
        }
    }
}
