//! Recordings as shoppers, tests and attackers send them: every common format,
//! the limits, and real files broken in every way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aisle::voice::recording::{Limits, Recording, RecordingError};
use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name)
}

fn open(path: &Path) -> Result<Recording, RecordingError> {
    Recording::open(path, &Limits::default())
}

fn read(bytes: &[u8]) -> Result<Recording, RecordingError> {
    Recording::from_bytes(bytes, &Limits::default())
}

/// A WAV file of `seconds` of a 200 Hz tone at half scale in every channel whose
/// gain is given.
fn wav(rate: u32, bits: u16, format: SampleFormat, gains: &[f32], seconds: f32) -> Vec<u8> {
    let channels = u16::try_from(gains.len()).unwrap();
    let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    let scale = (1_u64 << (bits - 1)) as f32 - 1.0;
    for n in 0..(rate as f32 * seconds) as u32 {
        let tone = 0.5 * (std::f32::consts::TAU * 200.0 * n as f32 / rate as f32).sin();
        for gain in gains {
            match format {
                SampleFormat::Float => writer.write_sample(tone * gain).unwrap(),
                SampleFormat::Int => writer.write_sample((tone * gain * scale) as i32).unwrap(),
            }
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn tone_wav(rate: u32, seconds: f32) -> Vec<u8> {
    wav(rate, 16, SampleFormat::Int, &[1.0], seconds)
}

/// The root mean square: 0.3536 for a tone at half scale.
fn level(recording: &Recording) -> f32 {
    let squares: f32 = recording.samples().iter().map(|s| s * s).sum();
    (squares / recording.samples().len() as f32).sqrt()
}

fn assert_half_scale_tone(recording: &Recording, what: &str) {
    assert_eq!(recording.samples().len(), 8_000, "{what}");
    let level = level(recording);
    assert!((level - 0.3536).abs() < 0.01, "{what}: level {level}");
}

#[test]
fn every_rate_depth_and_channel_count_gives_the_same_sound() {
    for rate in [4_000, 8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
        let heard = read(&tone_wav(rate, 0.5)).unwrap();
        assert!(heard.samples().len().abs_diff(8_000) <= 2, "{rate}: {}", heard.samples().len());
        assert!((level(&heard) - 0.3536).abs() < 0.01, "{rate}: level {}", level(&heard));
    }
    for bits in [8, 16, 24, 32] {
        let heard = read(&wav(16_000, bits, SampleFormat::Int, &[1.0], 0.5)).unwrap();
        assert_half_scale_tone(&heard, &format!("{bits} bits"));
    }
    let heard = read(&wav(16_000, 32, SampleFormat::Float, &[1.0], 0.5)).unwrap();
    assert_half_scale_tone(&heard, "float");
    for channels in 1..=6 {
        let heard = read(&wav(16_000, 16, SampleFormat::Int, &vec![1.0; channels], 0.5)).unwrap();
        assert_half_scale_tone(&heard, &format!("{channels} channels"));
    }
}

#[test]
fn a_silent_channel_does_not_halve_the_voice() {
    let heard = read(&wav(16_000, 16, SampleFormat::Int, &[0.0, 1.0], 0.5)).unwrap();
    assert_half_scale_tone(&heard, "left silent");
    let heard = read(&wav(16_000, 16, SampleFormat::Int, &[1.0, 0.002], 0.5)).unwrap();
    assert_half_scale_tone(&heard, "right hums");
    let heard = read(&wav(16_000, 16, SampleFormat::Int, &[1.0, 0.5], 0.5)).unwrap();
    assert!((level(&heard) - 0.3536 * 0.75).abs() < 0.01, "both are averaged");
    let heard = read(&wav(16_000, 16, SampleFormat::Int, &[0.0, 0.0], 0.5)).unwrap();
    assert!(heard.samples().iter().all(|s| *s == 0.0), "silence is a valid recording");
}

#[test]
fn flac_and_ogg_hold_the_same_words() {
    let flac = open(&fixture("order-1.flac")).unwrap();
    let ogg = open(&fixture("order-1.ogg")).unwrap();
    assert!((flac.duration().as_secs_f64() - 4.818).abs() < 0.001);
    assert!(flac.samples().len().abs_diff(ogg.samples().len()) < 160);
    assert!((level(&flac) - level(&ogg)).abs() < 0.1 * level(&flac));
    let bytes = std::fs::read(fixture("order-1.flac")).unwrap();
    assert_eq!(read(&bytes).unwrap(), flac, "a path and its bytes are the same recording");
}

#[test]
fn what_is_no_recording_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        open(&path).unwrap_err()
    };
    let cases = [
        open(&folder.path().join("none.wav")).unwrap_err(),
        open(folder.path()).unwrap_err(),
        open(Path::new("/dev/zero")).unwrap_err(),
        open(Path::new("")).unwrap_err(),
        file("empty.wav", b""),
        file("text.wav", b"Hello, this is not a recording at all.\n"),
        file("one.wav", b"R"),
        file("riff.wav", b"RIFF"),
        file("zeros.wav", &vec![0; 100_000]),
        file("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0"),
        file("header.wav", &tone_wav(16_000, 0.0)),
        file("cut.wav", &tone_wav(16_000, 0.5)[..40]),
        file("flac.flac", &std::fs::read(fixture("order-1.flac")).unwrap()[..42]),
        file("ogg.ogg", &std::fs::read(fixture("order-1.ogg")).unwrap()[..100]),
        file("slow.wav", &tone_wav(3_999, 0.5)),
        file("fast.wav", &tone_wav(192_001, 0.1)),
    ];
    for error in &cases {
        let line = error.to_string();
        assert!(!line.contains('\n') && line.len() > 20, "{line:?}");
    }
    assert!(matches!(cases[0], RecordingError::Missing(_)));
    assert!(matches!(cases[1], RecordingError::NotAFile(_)));
    assert!(matches!(cases[2], RecordingError::NotAFile(_)));
    assert!(matches!(cases[4], RecordingError::Empty));
    for error in &cases[5..10] {
        assert!(matches!(error, RecordingError::NotAudio), "{error}");
    }
    assert!(matches!(cases[10], RecordingError::NoSound), "{}", cases[10]);
    assert!(matches!(cases[14], RecordingError::Rate(3_999)));
    assert!(matches!(cases[15], RecordingError::Rate(192_001)));
}

#[test]
fn samples_that_are_no_numbers_are_refused_and_loud_ones_limited() {
    let float = |value: f32| {
        let mut bytes = wav(16_000, 32, SampleFormat::Float, &[1.0], 0.1);
        let at = bytes.len() - 400;
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        read(&bytes)
    };
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(matches!(float(value), Err(RecordingError::NotFinite)));
    }
    let loud = float(1e30).unwrap();
    assert!(loud.samples().iter().all(|s| s.abs() <= 1.0));
}

#[test]
fn an_hour_is_refused_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hour.wav");
    let mut header = tone_wav(16_000, 0.0);
    let bytes: u32 = 3_600 * 32_000;
    header[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
    let at = header.len() - 4;
    header[at..].copy_from_slice(&bytes.to_le_bytes());
    std::fs::write(&path, &header).unwrap();
    // A sparse file: an hour of silence that takes no space, and no time to skip.
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(header.len() as u64 + u64::from(bytes)).unwrap();
    assert_eq!(open(&path).unwrap_err().to_string(), "the recording is 3600 s long; at most 60 s are heard");
    // The same header on 1 s of sound: a recorder was cut off. That is heard.
    file.set_len(header.len() as u64 + 32_000).unwrap();
    assert_eq!(open(&path).unwrap().duration(), Duration::from_secs(1));
}

#[test]
fn the_limits_are_the_callers() {
    let short = Limits { duration: Duration::from_secs(1), ..Limits::default() };
    let of = |seconds: f32| Recording::from_bytes(&tone_wav(16_000, seconds), &short);
    assert!(of(1.0).is_ok(), "exactly the limit");
    assert_eq!(of(1.5).unwrap_err().to_string(), "the recording is 2 s long; at most 1 s are heard");
    for name in ["order-1.flac", "order-1.ogg"] {
        let error = Recording::open(&fixture(name), &short).unwrap_err();
        assert_eq!(error.to_string(), "the recording is 5 s long; at most 1 s are heard", "{name}");
    }
    let small = Limits { bytes: 10_000, ..Limits::default() };
    let error = Recording::open(&fixture("order-1.flac"), &small).unwrap_err();
    assert!(matches!(error, RecordingError::TooLarge { bytes: 47_589, most: 10_000 }), "{error}");
}

#[test]
fn a_stream_of_unknown_length_is_heard_and_limited() {
    // What a recorder writes into a pipe: the lengths are not known beforehand.
    let mut bytes = tone_wav(16_000, 2.5);
    bytes[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(read(&bytes).unwrap().duration(), Duration::from_millis(2_500));
    let short = Limits { duration: Duration::from_secs(1), ..Limits::default() };
    assert!(matches!(
        Recording::from_bytes(&bytes, &short),
        Err(RecordingError::TooLong { seconds: 3, most: 1 })
    ));
}

#[test]
fn a_recording_cut_off_is_heard_as_far_as_it_goes() {
    let whole = tone_wav(16_000, 2.0);
    let half = read(&whole[..=whole.len() / 2]).unwrap();
    assert!((half.duration().as_secs_f64() - 1.0).abs() < 0.1, "{:?}", half.duration());
    for name in ["order-1.flac", "order-1.ogg"] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let part = read(&bytes[..bytes.len() * 3 / 4]).unwrap();
        assert!(part.duration().as_secs_f64() > 1.0, "{name}: {:?}", part.duration());
        // Up to there it is the same sound; the last packets may lack their other half.
        let whole = read(&bytes).unwrap();
        let same = part.samples().len() - 4_096;
        assert_eq!(part.samples()[..same], whole.samples()[..same], "{name}");
    }
}

/// Bytes of a real file, and how to break them.
fn broken() -> impl Strategy<Value = Vec<u8>> {
    let files = vec![
        std::fs::read(fixture("order-1.flac")).unwrap_or_default(),
        std::fs::read(fixture("order-1.ogg")).unwrap_or_default(),
        tone_wav(8_000, 0.3),
        wav(44_100, 24, SampleFormat::Int, &[1.0, 0.5], 0.1),
        wav(16_000, 32, SampleFormat::Float, &[1.0, 1.0], 0.1),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..4);
    (prop::sample::select(files), edits, any::<prop::sample::Index>(), 0..4_u8).prop_map(
        |(mut bytes, edits, at, how)| {
            for (index, value, in_header) in edits {
                let reach = if in_header { bytes.len().min(200) } else { bytes.len() };
                bytes[index.index(reach)] = value;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(..at)),
                2 => {
                    let copy = bytes[at..].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {}
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_broken_file_does_more_than_fail(bytes in broken()) {
        match read(&bytes) {
            Ok(recording) => {
                prop_assert!(!recording.samples().is_empty());
                prop_assert!(recording.duration() <= Duration::from_secs(61));
                prop_assert!(recording.samples().iter().all(|s| s.is_finite() && s.abs() <= 1.0));
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
