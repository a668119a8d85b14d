//! A recorded shopper: a WAV, FLAC or Ogg Vorbis file as 16 kHz mono samples.
//!
//! Owns the decoding and its limits. Promises: every file, however broken,
//! yields samples or an error of one line; a recording that is too long is
//! refused after its header, or after decoding no more than is allowed; a
//! recording cut off in the middle is heard as far as it goes; every sample is
//! finite and within -1 to 1. Never writes, never keeps the file open, never
//! judges whether somebody speaks (that is [`super::vad`]).

use std::fs::File;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::time::Duration;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoderOptions};
use symphonia::core::errors::Error as Fault;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Timestamp;

use super::LISTENING_RATE;
use super::bulkhead::contain;
use super::resample::resample;

/// Sample rates accepted, in hertz: telephone and better, studio and below.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// A channel this much weaker than the strongest one (in energy: -40 dB) is a
/// microphone that was not plugged in, not a voice.
const SILENT_SHARE: f64 = 1e-4;

/// How much is accepted; the defaults fit one shopper's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest recording that is heard (default 60 s).
    pub duration: Duration,
    /// The largest file that is decoded, in bytes (default 64 MiB: a minute of
    /// studio quality stereo).
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { duration: Duration::from_mins(1), bytes: 64 << 20 }
    }
}

/// Why a recording cannot be heard.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There is no such file.
    #[error("there is no recording {}", .0.display())]
    Missing(PathBuf),
    /// The path names a folder, a device or a pipe.
    #[error("{} is not a file; give a WAV, FLAC or Ogg file", .0.display())]
    NotAFile(PathBuf),
    /// The file exists but cannot be read.
    #[error("the recording cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Zero bytes.
    #[error("the recording is empty (0 bytes); record it again")]
    Empty,
    /// More bytes than [`Limits::bytes`].
    #[error("the recording has {} MB; at most {} MB are read", .bytes.div_ceil(1_000_000), .most / 1_000_000)]
    TooLarge { bytes: u64, most: u64 },
    /// Longer than [`Limits::duration`].
    #[error("the recording is {seconds} s long; at most {most} s are heard")]
    TooLong { seconds: u64, most: u64 },
    /// Not a format that is understood, or damaged beyond recognition.
    #[error("this is not a WAV, FLAC or Ogg Vorbis recording, or it is damaged")]
    NotAudio,
    /// A known container around a codec that is not understood.
    #[error("the recording's encoding is not supported; save it as 16-bit WAV, FLAC or Ogg Vorbis")]
    Unsupported,
    /// A sample rate outside of 4 to 192 kHz.
    #[error("the recording has a sample rate of {0} Hz; 4000 to 192000 Hz are understood")]
    Rate(u32),
    /// A proper header, and not one sample behind it.
    #[error("the recording holds no sound; record it again")]
    NoSound,
    /// Floating point samples that are infinite or not a number.
    #[error("the recording holds samples that are not numbers; record it again")]
    NotFinite,
}

/// A decoded recording: mono, 16 kHz, -1 to 1, at least one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    samples: Vec<f32>,
}

impl Recording {
    /// Reads the recording at `path`.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub fn open(path: &Path, limits: &Limits) -> Result<Self, RecordingError> {
        let about = std::fs::metadata(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RecordingError::Missing(path.to_owned()),
            _ => RecordingError::Unreadable(error),
        })?;
        if !about.is_file() {
            return Err(RecordingError::NotAFile(path.to_owned()));
        }
        decode(about.len(), limits, &|| Ok(Box::new(File::open(path)?)))
    }

    /// Reads a recording that is already in memory.
    ///
    /// # Errors
    /// [`RecordingError`], but for those about files.
    pub fn from_bytes(bytes: &[u8], limits: &Limits) -> Result<Self, RecordingError> {
        decode(bytes.len() as u64, limits, &|| Ok(Box::new(Cursor::new(bytes))))
    }

    /// The samples: mono, [`LISTENING_RATE`], -1 to 1.
    #[must_use]
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The samples, without a copy.
    #[must_use]
    pub fn into_samples(self) -> Vec<f32> {
        self.samples
    }

    /// How long the recording is.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(LISTENING_RATE))
    }
}

/// Opens the same bytes from their start, as often as needed.
type Source<'s> = dyn Fn() -> io::Result<Box<dyn MediaSource + 's>> + 's;

fn decode(bytes: u64, limits: &Limits, source: &Source) -> Result<Recording, RecordingError> {
    if bytes == 0 {
        return Err(RecordingError::Empty);
    }
    contain(|| decode_unguarded(bytes, limits, source)).unwrap_or(Err(RecordingError::NotAudio))
}

fn decode_unguarded(bytes: u64, limits: &Limits, source: &Source) -> Result<Recording, RecordingError> {
    let mut format = probe(source()?)?;
    let track = sound_track(format.as_ref())?;
    let most_frames = (limits.duration.as_secs_f64() * f64::from(track.rate)) as u64;

    if track.declared_frames.is_some_and(|frames| frames > most_frames) {
        // A header can promise more than the file holds, when a recorder was cut
        // off or did not know the length. So look whether there is sound.
        if reaches(format.as_mut(), track.id, most_frames) {
            return Err(too_long(track.declared_frames.unwrap_or(most_frames), track.rate, limits));
        }
        format = probe(source()?)?;
    }
    if bytes > limits.bytes {
        return Err(RecordingError::TooLarge { bytes, most: limits.bytes });
    }
    let mixed = mix(format.as_mut(), &track, most_frames, limits)?;
    let samples =
        resample(mixed, track.rate, LISTENING_RATE).map_err(|_| RecordingError::Rate(track.rate))?;
    Ok(Recording { samples: samples.into_iter().map(|s| s.clamp(-1.0, 1.0)).collect() })
}

fn probe<'s>(source: Box<dyn MediaSource + 's>) -> Result<Box<dyn FormatReader + 's>, RecordingError> {
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    symphonia::default::get_probe()
        .probe(&Hint::new(), stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|fault| match fault {
            Fault::IoError(error) if error.kind() != io::ErrorKind::UnexpectedEof => error.into(),
            _ => RecordingError::NotAudio,
        })
}

/// What the header says of the sound, before any of it is decoded.
struct SoundTrack {
    id: u32,
    rate: u32,
    declared_frames: Option<u64>,
    parameters: AudioCodecParameters,
}

fn sound_track(format: &dyn FormatReader) -> Result<SoundTrack, RecordingError> {
    let track: &Track = format.first_track(TrackType::Audio).ok_or(RecordingError::Unsupported)?;
    let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
        return Err(RecordingError::Unsupported);
    };
    let rate = parameters.sample_rate.ok_or(RecordingError::Unsupported)?;
    if !RATES.contains(&rate) {
        return Err(RecordingError::Rate(rate));
    }
    Ok(SoundTrack { id: track.id, rate, declared_frames: track.num_frames, parameters: parameters.clone() })
}

/// Whether the file really holds sound at frame `frame`.
fn reaches(format: &mut dyn FormatReader, track_id: u32, frame: u64) -> bool {
    let Ok(frame) = i64::try_from(frame) else {
        return false;
    };
    let to = SeekTo::Timestamp { ts: Timestamp::new(frame), track_id };
    format.seek(SeekMode::Accurate, to).is_ok()
        && matches!(format.next_packet(), Ok(Some(packet)) if !packet.data.is_empty())
}

fn too_long(frames: u64, rate: u32, limits: &Limits) -> RecordingError {
    RecordingError::TooLong { seconds: frames.div_ceil(u64::from(rate)), most: limits.duration.as_secs() }
}

/// Decodes at most `most_frames` frames and mixes them to mono.
fn mix(
    format: &mut dyn FormatReader,
    track: &SoundTrack,
    most_frames: u64,
    limits: &Limits,
) -> Result<Vec<f32>, RecordingError> {
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&track.parameters, &AudioDecoderOptions::default())
        .map_err(|_| RecordingError::Unsupported)?;
    let mut mixer = Mixer::default();
    while let Some(packet) = next_packet(format, track.id)? {
        match decoder.decode(&packet) {
            Ok(sound) if sound.spec().rate() == track.rate => {
                if !mixer.add(&sound)? {
                    break;
                }
            }
            // A damaged packet is a gap; the words around it may still be clear.
            Err(Fault::DecodeError(_) | Fault::IoError(_)) => {}
            // Another sound with another rate is chained behind this one.
            Ok(_) | Err(_) => break,
        }
        if mixer.frames() > most_frames {
            return Err(too_long(mixer.frames() + rest(format, track.id), track.rate, limits));
        }
    }
    mixer.finish()
}

/// The next packet of the track; `None` at the end or where the file breaks off.
fn next_packet(format: &mut dyn FormatReader, track_id: u32) -> Result<Option<Packet>, RecordingError> {
    loop {
        match format.next_packet() {
            Ok(Some(packet)) if packet.track_id != track_id => {}
            Ok(packet) => return Ok(packet),
            Err(Fault::IoError(error)) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(error.into());
            }
            Err(_) => return Ok(None),
        }
    }
}

/// How many frames follow, counted without decoding them.
fn rest(format: &mut dyn FormatReader, track_id: u32) -> u64 {
    let mut frames: u64 = 0;
    while let Ok(Some(packet)) = next_packet(format, track_id) {
        frames = frames.saturating_add(packet.dur.get());
    }
    frames
}

/// Sums all channels; divides by how many of them carry sound at the end.
#[derive(Default)]
struct Mixer {
    sum: Vec<f32>,
    /// Per channel, the sum of its squared samples.
    energy: Vec<f64>,
    interleaved: Vec<f32>,
}

impl Mixer {
    /// Adds decoded sound. False when it has another number of channels than
    /// before: then another recording is chained behind this one.
    fn add(&mut self, sound: &GenericAudioBufferRef) -> Result<bool, RecordingError> {
        let channels = sound.num_planes();
        if self.energy.is_empty() {
            self.energy = vec![0.0; channels];
        }
        if channels == 0 || channels != self.energy.len() {
            return Ok(false);
        }
        sound.copy_to_vec_interleaved(&mut self.interleaved);
        for frame in self.interleaved.chunks_exact(channels) {
            let mut sum = 0.0;
            for (sample, energy) in frame.iter().zip(&mut self.energy) {
                if !sample.is_finite() {
                    return Err(RecordingError::NotFinite);
                }
                // Floating point files may exceed full scale; nothing else does.
                let sample = sample.clamp(-1.0, 1.0);
                sum += sample;
                *energy += f64::from(sample) * f64::from(sample);
            }
            self.sum.push(sum);
        }
        Ok(true)
    }

    fn frames(&self) -> u64 {
        self.sum.len() as u64
    }

    fn finish(self) -> Result<Vec<f32>, RecordingError> {
        if self.sum.is_empty() {
            return Err(RecordingError::NoSound);
        }
        let loudest = self.energy.iter().copied().fold(0.0, f64::max);
        let voiced = self.energy.iter().filter(|&&e| e >= loudest * SILENT_SHARE).count();
        let share = 1.0 / voiced.max(1) as f32;
        Ok(self.sum.into_iter().map(|sum| sum * share).collect())
    }
}
