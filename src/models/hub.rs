//! Fetching a file over HTTP, going on where an earlier try stopped.
//!
//! Promises: what is written never exceeds the expected size; a stalled or cut
//! connection keeps what came; a host that does not answer is asked once per run.
//! Never judges the content: the caller checks the SHA-256.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::progress::Progress;
use super::stream::{self, CopyError, SourceError};

/// A kiosk that is cut off must reach the next source soon.
const CONNECT: Duration = Duration::from_secs(5);
/// No byte for this long counts as a cut connection.
const STALL: Duration = Duration::from_secs(20);
/// Connections for one file before giving up, however much each brought.
const MAX_CONNECTIONS: u32 = 20;
/// Connections in a row that brought nothing before giving up.
const MAX_IDLE: u32 = 2;
const PAUSE: Duration = Duration::from_millis(300);

/// The HTTP side of one fetch run.
pub(super) struct Hub {
    agent: ureq::Agent,
    /// Hosts that did not answer in this run.
    silent: RefCell<Vec<String>>,
}

/// How one connection ended short of the whole file.
enum Cut {
    /// Worth another connection.
    Again(String),
    /// The server will not give this file.
    Refused(SourceError),
}

impl From<SourceError> for Cut {
    fn from(error: SourceError) -> Self {
        Self::Refused(error)
    }
}

impl Hub {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(STALL))
            .timeout_per_read(Some(STALL))
            .timeout_per_write(Some(STALL))
            .max_redirects(5)
            .http_status_as_error(false)
            .user_agent(concat!("aisle/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), silent: RefCell::default() }
    }

    /// Brings the file at `url` to `part` until it has exactly `size` bytes. What is in
    /// `part` already counts as its beginning.
    ///
    /// # Errors
    /// [`SourceError::Refused`] leaves `part` for the next run; [`SourceError::Disk`]
    /// leaves it to the caller to clean up.
    pub(super) fn fetch(
        &self,
        url: &str,
        size: u64,
        part: &Path,
        progress: &dyn Progress,
    ) -> Result<(), SourceError> {
        let host = host_of(url);
        let refused = |why: &str| SourceError::Refused(format!("{host}: {why}"));
        if self.silent.borrow().iter().any(|silent| silent == host) {
            return Err(refused("did not answer a moment ago"));
        }
        let mut idle = 0;
        let mut last = String::new();
        for connection in 0..MAX_CONNECTIONS {
            let have = length(part)?;
            if have == size {
                return Ok(());
            }
            if have > size {
                fs::remove_file(part).map_err(SourceError::disk(part))?;
                continue;
            }
            if connection > 0 {
                thread::sleep(PAUSE);
            }
            match self.connect_once(url, have, size, part, progress) {
                Ok(()) => return Ok(()),
                Err(Cut::Refused(error)) => return Err(error),
                Err(Cut::Again(why)) => last = why,
            }
            idle = if length(part)? > have { 0 } else { idle + 1 };
            if idle >= MAX_IDLE || (connection == 0 && idle > 0) {
                break;
            }
        }
        if idle > 0 {
            self.silent.borrow_mut().push(host.to_owned());
        }
        Err(refused(&last))
    }

    fn connect_once(
        &self,
        url: &str,
        have: u64,
        size: u64,
        part: &Path,
        progress: &dyn Progress,
    ) -> Result<(), Cut> {
        let host = host_of(url);
        let refused = |why: String| Cut::Refused(SourceError::Refused(format!("{host}: {why}")));
        let mut request = self.agent.get(url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let response = request.call().map_err(|error| match error {
            ureq::Error::Io(error) => Cut::Again(error.to_string()),
            other => Cut::Again(other.to_string()),
        })?;
        let start = match response.status().as_u16() {
            206 => {
                let range = response.headers().get("Content-Range");
                let range = range.and_then(|value| value.to_str().ok()).and_then(parse_range);
                match range {
                    Some((first, total)) if first == have && total.is_none_or(|t| t == size) => have,
                    _ => return Err(refused("answers with another part of the file".to_owned())),
                }
            }
            200 => 0,
            // The range starts beyond the server's file: begin anew.
            416 => {
                fs::remove_file(part).map_err(SourceError::disk(part))?;
                return Err(Cut::Again("has a shorter file".to_owned()));
            }
            status => return Err(refused(format!("HTTP status {status}"))),
        };
        let mut body = response.into_body();
        if let Some(offered) = body.content_length()
            && offered != size - start
        {
            return Err(refused(format!("offers {} bytes, not {size}", start + offered)));
        }
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(start == 0)
            .append(start > 0)
            .open(part)
            .map_err(SourceError::disk(part))?;
        let done = stream::copy(&mut body.as_reader(), &mut file, size - start, |copied| {
            progress.at(start + copied);
        });
        match done {
            Ok(copied) if start + copied == size => {
                file.sync_all().map_err(SourceError::disk(part))?;
                Ok(())
            }
            Ok(copied) => Err(Cut::Again(format!("cut off after {} of {size} bytes", start + copied))),
            Err(CopyError::Read(error)) => Err(Cut::Again(format!("cut off: {error}"))),
            Err(CopyError::TooLong) => Err(refused(format!("sends more than {size} bytes"))),
            Err(CopyError::Write(error)) => Err(SourceError::disk(part)(error).into()),
        }
    }
}

/// Bytes in the file, 0 if there is none.
fn length(path: &Path) -> Result<u64, SourceError> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(SourceError::disk(path)(error)),
    }
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// First byte and total of `bytes FIRST-LAST/TOTAL` (RFC 9110, 14.4); a total of `*` is None.
fn parse_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.parse().ok()?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first, total))
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
