//! A sound card without a loudspeaker or a microphone: a sound server of its own
//! (PulseAudio) with a sink that leads nowhere but can be listened to, and a source that
//! hears what is played to it, both reached through ALSA as a real card is.

#![allow(dead_code)] // Each test file uses its own part.

use super::Kiosk;
use aisle::voice::wav;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Of what is recorded, in hertz: what Whisper hears.
const RATE: u32 = 16_000;
/// Louder is a sound, of 32,768.
const LOUD: u16 = 300;

/// The sound card.
pub struct SoundCard {
    folder: TempDir,
    server: Option<Child>,
}

impl SoundCard {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = "</usr/share/alsa/alsa.conf>\n\
                      pcm.!default { type pulse }\nctl.!default { type pulse }\n";
        std::fs::write(folder.path().join("alsa.conf"), config).unwrap();
        let mut card = Self { folder, server: None };
        card.plug_in();
        card
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a program needs in its environment to play on this card.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        vec![
            ("PULSE_RUNTIME_PATH", text(self.path("pulse"))),
            ("PULSE_SERVER", format!("unix:{}", text(self.path("pulse/native")))),
            ("ALSA_CONFIG_PATH", text(self.path("alsa.conf"))),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.variables()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// The card comes back after it was pulled out.
    pub fn plug_in(&mut self) {
        std::fs::create_dir_all(self.path("pulse")).unwrap();
        let modules = [
            "module-native-protocol-unix",
            "module-null-sink sink_name=speaker",
            "module-null-sink sink_name=shopper",
            "module-remap-source source_name=microphone master=shopper.monitor",
        ];
        let mut command = self.command("pulseaudio");
        command.args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]);
        command.args(modules.iter().flat_map(|module| ["-L", module]));
        self.server = Some(command.spawn().expect("pulseaudio runs (make test installs it)"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.command("pactl").arg("info").status().is_ok_and(|status| status.success()) {
            assert!(Instant::now() < deadline, "the sound server never answered");
            sleep(Duration::from_millis(20));
        }
        self.control(&["set-default-sink", "speaker"]);
        self.control(&["set-default-source", "microphone"]);
    }

    fn control(&self, arguments: &[&str]) {
        let done = self.command("pactl").args(arguments).status();
        assert!(done.expect("pactl runs (make test installs it)").success(), "{arguments:?}");
    }

    /// The microphone hears the loudspeaker from now on, so many milliseconds later.
    pub fn echo(&self, delay: u32) {
        let latency = format!("latency_msec={delay}");
        self.control(&["load-module", "module-loopback", "source=speaker.monitor", "sink=shopper", &latency]);
    }

    /// Somebody says what is recorded in `file`, and has said it when this returns.
    pub fn say(&self, file: &Path) {
        assert!(self.saying(file).wait().unwrap().success(), "{}", file.display());
    }

    /// Somebody begins to say it.
    pub fn saying(&self, file: &Path) -> Child {
        let mut command = self.command("paplay");
        command.arg("--device=shopper").arg("--latency-msec=50").arg(file);
        command.spawn().expect("paplay runs (make test installs it)")
    }

    /// The card is pulled out.
    pub fn unplug(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Begins to record what is played.
    pub fn record(&self) -> Recording {
        let file = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        let mut command = self.command("parec");
        command.args(["--device=speaker.monitor", "--format=s16le", "--channels=1", "--latency-msec=20"]);
        command.arg(format!("--rate={RATE}")).stdout(file.reopen().unwrap());
        Recording { child: command.spawn().expect("parec runs (make test installs it)"), file }
    }
}

impl Drop for SoundCard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for what in ["sinks", "sink-inputs", "source-outputs"] {
                let listed = Command::new("pactl").args(["list", what]).envs(self.variables()).output();
                let listed = listed.map(|done| String::from_utf8_lossy(&done.stdout).into_owned());
                eprintln!("The card's {what}:\n{}", listed.unwrap_or_default());
            }
        }
        self.unplug();
    }
}

/// A recording under way.
pub struct Recording {
    child: Child,
    file: tempfile::NamedTempFile,
}

impl Recording {
    /// All until now.
    pub fn samples(&self) -> Vec<i16> {
        let bytes = std::fs::read(self.file.path()).unwrap();
        bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
    }

    /// Waits until something was heard and then nothing for `quiet`.
    pub fn until_silence(&self, quiet: Duration) -> Vec<i16> {
        let deadline = Instant::now() + Duration::from_secs(90);
        let quiet = (quiet.as_secs_f64() * f64::from(RATE)) as usize;
        loop {
            let samples = self.samples();
            let last = samples.iter().rposition(|sample| sample.unsigned_abs() > LOUD);
            if last.is_some_and(|last| samples.len() - last > quiet) {
                return samples;
            }
            assert!(Instant::now() < deadline, "{} samples, last sound at {last:?}", samples.len());
            sleep(Duration::from_millis(100));
        }
    }

    /// Waits until something is heard.
    pub fn until_sound(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.samples().iter().any(|sample| sample.unsigned_abs() > LOUD) {
            assert!(Instant::now() < deadline, "nothing was heard");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Whisper hears in `samples`, in lower case.
pub fn heard(kiosk: &Kiosk, samples: &[i16]) -> String {
    let file: &Path = &kiosk.data.path().join("heard.wav");
    wav::write(file, samples, RATE).unwrap();
    let turn = kiosk.json(&["ask", "--json", "--wav", file.to_str().unwrap()]);
    turn["transcript"].as_str().unwrap().to_lowercase()
}

/// How much of what was heard is what was said, 0 to 1, by letters alone: the voice varies, and
/// Whisper takes a word of it for one that sounds like it now and then ("rose dye smokle" for
/// "roast iced mocha"), so that no single word can be asked for. Of 80 answers made and heard
/// again none was below 0.55 against its own sentence, nor above 0.42 against another.
pub fn likeness(heard: &str, said: &str) -> f64 {
    let letters = |text: &str| -> String {
        text.to_lowercase().chars().filter(|letter| letter.is_ascii_alphabetic()).collect()
    };
    strsim::normalized_levenshtein(&letters(heard), &letters(said))
}
