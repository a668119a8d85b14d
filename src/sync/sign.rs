//! Signed messages: a header line with the signatures, then the body, byte for byte as it was
//! signed. The only place that names the signature library.
//!
//! ```text
//! {"v":1,"type":"price","scope":"acme/s/s042/price/3","sigs":[{"key":"5f0c81a2","sig":"<base64>"}]}\n
//! <body>
//! ```
//! A signature (Ed25519, RFC 8032) is made over `aisle/v1`, the type, the scope and the body,
//! a NUL after each of the first three, which none of them can hold: so a message is good on
//! one topic of one tenant only. Checked before anything of the body is read.

use super::digest::{Digest, unhex};
use super::topics::{Kind, Name, Topic, shown};
use super::wire::{self, Message, WireError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What every signature begins with.
const DOMAIN: &[u8] = b"aisle/v1\0";
/// The only version of the header so far.
const VERSION: u32 = 1;
/// Longest header line, in bytes, without its end.
pub const MAX_HEADER: usize = 1024;
/// Most signatures of one message.
pub const MAX_SIGNATURES: usize = 6;

/// Why a signed message is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the {kind} message has {bytes} bytes and may have {limit}: it is not looked at")]
    TooLarge { kind: &'static str, bytes: usize, limit: usize },
    #[error("this is no signed message ({0}): sign it with `aisle office`")]
    NotSigned(&'static str),
    #[error("envelope version {0} is not known: update the program")]
    Version(u32),
    #[error("it was signed as a {found} message and came as {expected}: somebody else sent it again")]
    OtherType { found: String, expected: &'static str },
    #[error("it was signed for {found} and came on {expected}: somebody else sent it again")]
    OtherScope { found: String, expected: String },
    #[error("the signature by key {0} is wrong: the message was changed on its way, or forged")]
    Forged(KeyId),
    #[error("{good} of {needed} keys of the role {role} signed it: sign it with keys of the newest list")]
    TooFew { role: &'static str, good: usize, needed: usize },
    #[error("the key list of version {version} expired at {at}: publish a new one, and check the clock")]
    ListExpired { version: u64, at: Timestamp },
    #[error("this is no key: {0}")]
    BadKey(&'static str),
    #[error("the key list cannot be used: {0}")]
    BadList(String),
    #[error(
        "the key chain does not lead on from list {trusted}, which this kiosk trusts: it is older or \
         another one; set the kiosk up anew if head office lost its keys"
    )]
    Unlinked { trusted: u64 },
    #[error("no list of the key chain is signed by the root keys of the settings: check `root_keys`")]
    NotAnchored,
    #[error("version {found} is older than {seen}, which was seen before: an old message was sent again")]
    Rollback { seen: u64, found: u64 },
    #[error("version {0} came twice, with different content: publish the content as a new version")]
    Equivocal(u64),
    #[error("it expired at {at}: publish it anew, and check the clock")]
    Expired { at: Timestamp },
    #[error("it is from {issued}, which is in the future: check the clocks of head office and kiosk")]
    TooEarly { issued: Timestamp },
    #[error(transparent)]
    Body(#[from] WireError),
}

/// A key's name: the first four bytes of the SHA-256 of the key. It only says which key to
/// try; what counts is the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9a-f]{8}$"))]
pub struct KeyId([u8; 4]);

impl FromStr for KeyId {
    type Err = SignError;

    fn from_str(text: &str) -> Result<Self, SignError> {
        let mut id = [0; 4];
        unhex(text, &mut id)
            .then_some(Self(id))
            .ok_or(SignError::BadKey("a key's name is 8 digits of 0-9, a-f"))
    }
}

impl TryFrom<String> for KeyId {
    type Error = SignError;

    fn try_from(text: String) -> Result<Self, SignError> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The public half of a key, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[0-9a-f]{64}$"))]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    #[must_use]
    pub fn id(&self) -> KeyId {
        let Digest([a, b, c, d, ..]) = Digest::of(self.0.as_bytes());
        KeyId([a, b, c, d])
    }
}

impl FromStr for PublicKey {
    type Err = SignError;

    fn from_str(text: &str) -> Result<Self, SignError> {
        let mut bytes = [0; 32];
        if !unhex(text, &mut bytes) {
            return Err(SignError::BadKey("a public key is 64 digits of 0-9, a-f"));
        }
        // One of the eight points of small order would sign everything.
        let key = VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak());
        key.map(Self).ok_or(SignError::BadKey("these digits are no Ed25519 public key"))
    }
}

impl TryFrom<String> for PublicKey {
    type Error = SignError;

    fn try_from(text: String) -> Result<Self, SignError> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secret half of a key. Wiped from memory when it goes.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a seed: 32 bytes from the system's source of randomness.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// What is kept of it in a file that only its owner reads.
    #[must_use]
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

/// The header line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// 1.
    pub v: u32,
    /// What the body is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The topic that it is for, from the tenant on.
    pub scope: String,
    #[schemars(length(min = 1, max = 6))]
    pub sigs: Vec<Sig>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sig {
    pub key: KeyId,
    /// 64 bytes in Base64 (RFC 4648, section 4), padded.
    #[schemars(regex(pattern = r"^[0-9A-Za-z+/]{86}==$"))]
    pub sig: String,
}

/// The keys that may sign, and how many of them must.
#[derive(Debug, Clone)]
pub struct Ring {
    /// The role's name, for errors.
    pub role: &'static str,
    pub keys: Vec<PublicKey>,
    pub threshold: usize,
}

/// A message whose signatures were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    pub kind: Kind,
    /// Whose signatures are good, at least as many as the ring asks for.
    pub signers: Vec<KeyId>,
    pub body: &'a [u8],
}

impl Verified<'_> {
    /// Reads the body.
    ///
    /// # Errors
    /// It is no such message, or goes beyond a limit.
    pub fn read<M: Message>(&self) -> Result<M, WireError> {
        if M::KIND != self.kind {
            let why = format!("it is a {} message", self.kind.name());
            return Err(WireError::Malformed { kind: M::KIND.name(), why });
        }
        wire::read(self.body)
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.body)
    }
}

/// The bytes that a signature is made over.
fn signed(kind: &str, scope: &str, body: &[u8]) -> Vec<u8> {
    [DOMAIN, kind.as_bytes(), b"\0", scope.as_bytes(), b"\0", body].concat()
}

/// Signs a message for one topic, by all of `keys`.
///
/// # Errors
/// It goes beyond a limit, or there are no keys or too many.
pub fn seal<M: Message>(
    message: &M,
    topic: &Topic,
    tenant: &Name,
    keys: &[&SecretKey],
) -> Result<Vec<u8>, SignError> {
    seal_body(&wire::write(message)?, M::KIND, &topic.scope(tenant), keys)
}

pub(super) fn seal_body(
    body: &[u8],
    kind: Kind,
    scope: &str,
    keys: &[&SecretKey],
) -> Result<Vec<u8>, SignError> {
    if !(1..=MAX_SIGNATURES).contains(&keys.len()) {
        return Err(SignError::NotSigned("one to six keys sign a message"));
    }
    let message = signed(kind.name(), scope, body);
    let sig = |key: &&SecretKey| Sig {
        key: key.public().id(),
        sig: STANDARD.encode(key.0.sign(&message).to_bytes()),
    };
    let header = Header {
        v: VERSION,
        kind: kind.name().to_owned(),
        scope: scope.to_owned(),
        sigs: keys.iter().map(sig).collect(),
    };
    let mut payload = line(&header)?;
    payload.push(b'\n');
    payload.extend_from_slice(body);
    if payload.len() > kind.limit() {
        return Err(SignError::TooLarge { kind: kind.name(), bytes: payload.len(), limit: kind.limit() });
    }
    Ok(payload)
}

/// The one way to write a header.
fn line(header: &Header) -> Result<Vec<u8>, SignError> {
    serde_json::to_vec(header).map_err(|_| SignError::NotSigned("its header cannot be written"))
}

/// Checks the size, header and signatures of what came on `topic`, without reading its body.
///
/// # Errors
/// It is too large, no signed message, for another topic, forged, or signed by too few.
pub fn open<'a>(
    payload: &'a [u8],
    topic: &Topic,
    tenant: &Name,
    ring: &Ring,
) -> Result<Verified<'a>, SignError> {
    open_as(payload, topic.kind(), &topic.scope(tenant), ring)
}

pub(super) fn open_as<'a>(
    payload: &'a [u8],
    kind: Kind,
    scope: &str,
    ring: &Ring,
) -> Result<Verified<'a>, SignError> {
    if payload.len() > kind.limit() {
        return Err(SignError::TooLarge { kind: kind.name(), bytes: payload.len(), limit: kind.limit() });
    }
    let within = payload.get(..=MAX_HEADER).unwrap_or(payload);
    let end =
        within.iter().position(|byte| *byte == b'\n').ok_or(SignError::NotSigned("it has no header line"))?;
    let (head, rest) = payload.split_at(end);
    let body = rest.get(1..).unwrap_or_default();
    let header = read_header(head)?;
    if header.kind != kind.name() {
        return Err(SignError::OtherType { found: shown(&header.kind), expected: kind.name() });
    }
    if header.scope != scope {
        return Err(SignError::OtherScope { found: shown(&header.scope), expected: scope.to_owned() });
    }
    let message = signed(kind.name(), scope, body);
    let mut signers = Vec::new();
    for sig in &header.sigs {
        // A key that is not known says nothing; a list of keys is also signed by older ones.
        for key in ring.keys.iter().filter(|key| key.id() == sig.key) {
            let bytes = STANDARD.decode(&sig.sig).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
            let bytes = bytes.ok_or(SignError::NotSigned("a signature is not 64 bytes in Base64"))?;
            let good = key.0.verify_strict(&message, &Signature::from_bytes(&bytes));
            good.map_err(|_| SignError::Forged(sig.key))?;
            if !signers.contains(&sig.key) {
                signers.push(sig.key);
            }
        }
    }
    let (good, needed) = (signers.len(), ring.threshold.max(1));
    if good < needed {
        return Err(SignError::TooFew { role: ring.role, good, needed });
    }
    Ok(Verified { kind, signers, body })
}

fn read_header(head: &[u8]) -> Result<Header, SignError> {
    #[derive(Deserialize)]
    struct Any {
        v: u32,
    }
    let Any { v } =
        serde_json::from_slice(head).map_err(|_| SignError::NotSigned("its first line is no header"))?;
    if v != VERSION {
        return Err(SignError::Version(v));
    }
    let header: Header =
        serde_json::from_slice(head).map_err(|_| SignError::NotSigned("its first line is no header"))?;
    // The signatures do not cover the header: so there is one way to write it.
    if line(&header)? != head || !(1..=MAX_SIGNATURES).contains(&header.sigs.len()) {
        return Err(SignError::NotSigned("its header is not written as `aisle office` does"));
    }
    Ok(header)
}

#[cfg(test)]
#[path = "sign_tests.rs"]
mod tests;
