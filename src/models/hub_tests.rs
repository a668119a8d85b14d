use super::*;
use crate::models::progress::Quiet;
use crate::models::stream::is_full;
use crate::models::test_sources::{Server, answer, ok, rest};

const WHOLE: &[u8] = b"0123456789abcdef";

/// Fetches 16 bytes with `before` lying in the part file already. Gives the outcome, the
/// part file after it, and the ranges asked for.
fn fetch(before: &str, answers: Vec<Vec<u8>>) -> (Result<(), String>, Vec<u8>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("m.part");
    if !before.is_empty() {
        fs::write(&part, before).unwrap();
    }
    let server = Server::new(answers);
    let done = Hub::new().fetch(&server.url(), WHOLE.len() as u64, &part, &Quiet);
    let done = done.map_err(|error| match error {
        SourceError::Refused(why) => why,
        SourceError::Disk { source, .. } => panic!("{source}"),
    });
    (done, fs::read(&part).unwrap_or_default(), server.ranges())
}

#[test]
fn a_whole_file_comes_in_one_go() {
    let (done, part, ranges) = fetch("", vec![ok(16, WHOLE)]);
    assert_eq!((done, part.as_slice(), ranges), (Ok(()), WHOLE, vec![String::new()]));
}

#[test]
fn an_earlier_beginning_is_continued() {
    let (done, part, ranges) = fetch("01234", vec![rest(WHOLE, 5)]);
    assert_eq!((done, part.as_slice(), ranges), (Ok(()), WHOLE, vec!["bytes=5-".to_owned()]));
}

#[test]
fn a_server_without_ranges_starts_anew() {
    let (done, part, _) = fetch("xxxxx", vec![ok(16, WHOLE)]);
    assert_eq!((done, part.as_slice()), (Ok(()), WHOLE));
}

#[test]
fn a_cut_connection_is_taken_up_again() {
    let (done, part, ranges) = fetch("", vec![ok(16, &WHOLE[..7]), rest(WHOLE, 7)]);
    assert_eq!((done, part.as_slice()), (Ok(()), WHOLE));
    assert_eq!(ranges, ["", "bytes=7-"]);
}

#[test]
fn what_came_before_a_final_cut_is_kept() {
    let (done, part, _) = fetch("", vec![ok(16, &WHOLE[..7])]);
    assert!(done.is_err());
    assert_eq!(part, &WHOLE[..7]);
}

#[test]
fn a_part_that_is_too_long_or_beyond_the_file_is_dropped() {
    let (done, part, ranges) = fetch("0123456789abcdefghij", vec![ok(16, WHOLE)]);
    assert_eq!((done, part.as_slice(), ranges), (Ok(()), WHOLE, vec![String::new()]));
}

#[test]
fn a_complete_part_asks_nobody() {
    let (done, _, ranges) = fetch("0123456789abcdef", vec![]);
    assert_eq!((done, ranges), (Ok(()), vec![]));
}

#[test]
fn another_file_is_refused_before_it_is_written() {
    for (answer, why) in [
        (ok(99, b"x"), "offers 99 bytes, not 16"),
        (answer("404 Not Found", "Content-Length: 0\r\n", b""), "HTTP status 404"),
        (answer("206 Partial Content", "Content-Range: bytes 3-15/16\r\n", b"x"), "another part"),
        (answer("206 Partial Content", "Content-Range: nonsense\r\n", b"x"), "another part"),
    ] {
        let (done, part, _) = fetch("01234", vec![answer]);
        let message = done.unwrap_err();
        assert!(message.contains(why) && message.starts_with("127.0.0.1"), "{message}");
        assert_eq!(part, b"01234");
    }
}

#[test]
fn a_body_without_length_stops_at_the_expected_size() {
    let endless = answer("200 OK", "", &vec![b'x'; 300_000]);
    let (done, part, _) = fetch("", vec![endless]);
    assert!(done.unwrap_err().contains("more than 16 bytes"));
    assert!(part.len() <= 16);
}

#[test]
fn a_silent_host_is_asked_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/m", listener.local_addr().unwrap());
    drop(listener);
    let (hub, dir) = (Hub::new(), tempfile::tempdir().unwrap());
    let mut messages = Vec::new();
    for _ in 0..2 {
        match hub.fetch(&url, 16, &dir.path().join("p"), &Quiet) {
            Err(SourceError::Refused(why)) => messages.push(why),
            other => panic!("{other:?}"),
        }
    }
    assert!(messages[0].contains("refused") || messages[0].contains("failed"), "{messages:?}");
    assert!(messages[1].contains("a moment ago"), "{messages:?}");
}

#[test]
fn a_full_disk_is_told_apart_from_a_bad_source() {
    let dir = tempfile::tempdir().unwrap();
    let part = dir.path().join("p");
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let server = Server::new(vec![ok(16, WHOLE)]);
    match Hub::new().fetch(&server.url(), 16, &part, &Quiet) {
        Err(SourceError::Disk { source, .. }) => assert!(is_full(&source), "{source}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ranges_are_read_as_the_standard_writes_them() {
    assert_eq!(parse_range("bytes 5-15/16"), Some((5, Some(16))));
    assert_eq!(parse_range("bytes 5-15/*"), Some((5, None)));
    for wrong in ["", "bytes", "bytes 5/16", "bytes x-1/2", "bytes 1-2/x", "items 0-1/2"] {
        assert_eq!(parse_range(wrong), None, "{wrong}");
    }
}
