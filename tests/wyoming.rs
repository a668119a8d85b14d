//! Owns the tests of the speech service for other programs: the kiosk itself, with the
//! real models, asked by the Wyoming protocol's reference client (Python, from PyPI).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use aisle::voice::LISTENING_RATE;
use aisle::voice::recording::{Limits, Recording};
use aisle::voice::resample::resample;
use common::{Kiosk, repository, text};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Release of the reference client, the newest.
const CLIENT: &str = "wyoming==1.10.2";
/// How long the kiosk may take to start.
const START: Duration = Duration::from_secs(60);
/// What the kiosk logs when the service is up.
const UP: &str = "a speech service for other programs";
/// ... and when it is not.
const DOWN: &str = "no speech service for other programs";

/// A Python that has the reference client, made once.
fn python() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(CLIENT.replace("==", "-"));
        let python = folder.join("bin/python");
        let works = |python: &Path| {
            let output = Command::new(python).args(["-c", "import wyoming.client"]).output();
            output.is_ok_and(|output| output.status.success())
        };
        if !works(&python) {
            let _ = std::fs::remove_dir_all(&folder);
            // Debian's Python has no ensurepip unless asked for; its pip serves other Pythons, too.
            let install = ["install", "-q", "--disable-pip-version-check", CLIENT];
            let steps = [
                Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder).output(),
                Command::new("python3").args(["-m", "pip", "--python"]).arg(&python).args(install).output(),
            ];
            for step in steps {
                let output = step.expect("python3 is there");
                assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
            }
            assert!(works(&python), "the reference client is installed");
        }
        python
    })
}

/// A kiosk that runs without a screen.
struct Running {
    kiosk: Kiosk,
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    address: String,
}

impl Running {
    fn start(address: &str, settings: &[(&str, &str)]) -> Self {
        let kiosk = Kiosk::with_demo_store();
        let address = address.replace("DATA", kiosk.data.path().to_str().unwrap());
        let mut child = kiosk
            .command()
            .args(["run", "--headless", "--socket"])
            .arg(kiosk.data.path().join("run/turns.sock"))
            .env("AISLE_LOG", "warn,aisle=debug")
            .env("AISLE_SERVICE_ADDRESS", &address)
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::<Mutex<String>>::default();
        let (written, errors) = (Arc::clone(&log), child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                *written.lock().unwrap() += &format!("{line}\n");
            }
        });
        Self { kiosk, child, log, reader: Some(reader), address }
    }

    /// Waits until the service is up; its address then has a port.
    fn serving(mut self) -> Self {
        let line = self.logged(UP);
        let (_, address) = line.split_once("address=").unwrap();
        self.address = address.trim().to_owned();
        self
    }

    fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The first line of the log that holds `words`, as soon as it is there.
    fn logged(&self, words: &str) -> String {
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(line) = self.log().lines().find(|line| line.contains(words)) {
                return line.to_owned();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the kiosk does not log {words:?}: {}", self.log());
    }

    /// What the reference client gets.
    fn asked(&self, arguments: &[&str]) -> Value {
        let script = repository("tests/support/wyoming_client.py");
        let mut client = Command::new(python());
        let output = client.arg(script).arg(&self.address).args(arguments).output().unwrap();
        let seen = || format!("{arguments:?}: {}{}", text(&output.stderr), self.log());
        assert!(output.status.success(), "{}", seen());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", seen()))
    }

    /// A file among the kiosk's own.
    fn file(&self, name: &str) -> String {
        self.kiosk.data.path().join(name).to_str().unwrap().to_owned()
    }

    /// What bytes that are no proper event are answered with.
    fn told(&self, bytes: &[u8]) -> Value {
        let path = self.file("bytes");
        std::fs::write(&path, bytes).unwrap();
        self.asked(&["raw", &path])
    }

    /// Ends it as systemd does; its log.
    fn end(mut self) -> String {
        // Before that a signal ends it at once.
        self.logged("answering turns");
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
        self.reader.take().unwrap().join().unwrap();
        self.log()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves no kiosk behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An order for a mocha as PCM: 16 kHz mono, and 44.1 kHz stereo.
fn recorded(running: &Running) -> [String; 2] {
    let path = repository("tests/recordings/order-1.flac");
    let samples = Recording::open(&path, &Limits::default()).unwrap().into_samples();
    let bytes = |samples: &[f32], channels: usize| -> Vec<u8> {
        let frame = |sample: &f32| ((sample * 32_767.0) as i16).to_le_bytes().repeat(channels);
        samples.iter().flat_map(frame).collect()
    };
    let (mono, stereo) = (running.file("mono.pcm"), running.file("stereo.pcm"));
    std::fs::write(&mono, bytes(&samples, 1)).unwrap();
    let studio = resample(samples, LISTENING_RATE, 44_100).unwrap();
    std::fs::write(&stereo, bytes(&studio, 2)).unwrap();
    [mono, stereo]
}

fn words(heard: &Value) -> String {
    heard["text"].as_str().unwrap_or_else(|| panic!("{heard}")).to_lowercase()
}

/// All that another program does on a good day.
fn hears_and_speaks(running: &Running) {
    let info = running.asked(&["describe"]);
    assert_eq!(info["asr"], json!([["whisper-base", ["en"]]]), "{info}");
    assert_eq!(info["tts"], json!([["piper-en_US-joe-medium", ["en_US"]]]), "{info}");
    assert_eq!((&info["installed"], &info["streams"]), (&json!(true), &json!(false)), "{info}");
    assert_eq!(info["others"], 0, "{info}");
    assert_eq!(running.asked(&["ping", "are you there"])["pong"], "are you there");

    let [mono, stereo] = recorded(running);
    // Twice over one connection, in a language by its region.
    let heard = running.asked(&["transcribe", &mono, "16000", "2", "1", "en-US", "2"]);
    for heard in [&heard["heard"][0], &heard["heard"][1]] {
        assert!(words(heard).contains("mocha"), "{heard}");
        assert_eq!(heard["language"], "en");
    }
    let heard = running.asked(&["transcribe", &stereo, "44100", "2", "2"]);
    assert!(words(&heard["heard"][0]).contains("mocha"), "{heard}");
    assert_eq!(running.asked(&["silence", "3", "48000", "4", "2"])["text"], "", "nobody spoke");

    let path = running.file("said.pcm");
    let sentence = "The oat milk is in aisle four, next to the coffee.";
    let said = running.asked(&["synthesize", sentence, &path, "piper-en_US-joe-medium"]);
    assert_eq!(said["rate"], 22_050, "{said}");
    assert_eq!((&said["width"], &said["channels"]), (&json!(2), &json!(1)), "{said}");
    let seconds = said["seconds"].as_f64().unwrap();
    assert!((1.5..8.0).contains(&seconds), "{said}");
    assert!(said["longest"].as_f64().unwrap() <= 1.0, "{said}");
    let heard = running.asked(&["transcribe", &path, "22050", "2", "1"]);
    let heard = words(&heard["heard"][0]);
    // The voice varies, and Whisper takes a word of it for another now and then.
    let said = ["oat", "milk", "aisle", "next to", "coffee"];
    assert!(said.iter().filter(|word| heard.contains(*word)).count() >= 3, "{heard}");
}

#[test]
fn another_program_hears_and_speaks_through_a_unix_socket() {
    let running = Running::start("unix://DATA/run/speech.sock", &[]).serving();
    let socket = PathBuf::from(running.file("run/speech.sock"));
    assert_eq!(running.address, format!("unix://{}", socket.display()));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    hears_and_speaks(&running);
    let log = running.end().to_lowercase();
    assert!(!socket.exists(), "it goes with the kiosk");
    for words in ["mocha", "oat milk", "are you there"] {
        assert!(!log.contains(words), "words are not logged: {log}");
    }
}

#[test]
fn another_program_hears_and_speaks_over_loopback() {
    let running = Running::start("tcp://127.0.0.1:0", &[]).serving();
    assert!(running.address.starts_with("tcp://127.0.0.1:"), "{}", running.address);
    hears_and_speaks(&running);
    running.end();
}

#[test]
fn what_cannot_be_served_gets_one_clear_line_and_the_service_answers_on() {
    let short = ("AISLE_ASR_MAX_SECONDS", "10");
    let running = Running::start("tcp://127.0.0.1:0", &[("AISLE_SERVICE_CONNECTIONS", "3"), short]).serving();
    let header = |fields: Value| format!("{fields}\n").into_bytes();
    let mut whole = header(json!({"type": "audio-chunk", "payload_length": 40_000_000}));
    whole.resize(whole.len() + 40_000_000, 0);
    let chunk = json!({"rate": 16_000, "width": 2, "channels": 1});
    let mut odd = header(json!({"type": "audio-chunk", "data": chunk, "payload_length": 3}));
    odd.extend([0; 3]);
    let format = |rate: u32, width: u32, channels: u32| {
        let data = json!({"rate": rate, "width": width, "channels": channels});
        header(json!({"type": "audio-start", "data": data}))
    };
    let say = |data: Value| header(json!({"type": "synthesize", "data": data}));
    for (bytes, code, part) in [
        (b"what?\n".to_vec(), "protocol", "not JSON"),
        (b"GET / HTTP/1.1\r\nHost: kiosk\r\n\r\n".to_vec(), "protocol", "does not speak Wyoming"),
        (vec![b' '; 70_000], "protocol", "longer than 65536 bytes"),
        (header(json!({"type": "x", "payload_length": 16_777_217})), "protocol", "more than the limit"),
        // The client says all of it before it listens.
        (whole, "protocol", "more than the limit"),
        (header(json!({"type": "x", "data_length": 1_048_577})), "protocol", "more than the limit"),
        (header(json!({"type": "audio-start"})), "request", "audio-start"),
        (header(json!({"type": "audio-stop"})), "request", "before it started"),
        (format(1_000, 2, 1), "audio-format", "1000 Hz"),
        (format(16_000, 3, 1), "audio-format", "3 bytes"),
        (format(16_000, 2, 9), "audio-format", "9 channels"),
        (odd, "audio-format", "whole number of samples"),
        (header(json!({"type": "transcribe", "data": {"language": "de"}})), "request", "hears only en"),
        (header(json!({"type": "transcribe", "data": {"name": "large"}})), "request", "whisper-base"),
        (say(json!({})), "request", "synthesize"),
        (say(json!({"text": " ?! "})), "request", "nothing in the text"),
        (say(json!({"text": "hello", "voice": {"name": "amy"}})), "request", "piper-en_US-joe-medium"),
        (say(json!({"text": "hallo", "voice": {"language": "de"}})), "request", "speaks only en_US"),
        (say(json!({"text": "é".repeat(2001)})), "too-long", "2001 characters; at most 2000"),
    ] {
        let told = running.told(&bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert_eq!(told["error"]["code"], code, "{shown}: {told}");
        let line = told["error"]["text"].as_str().unwrap();
        assert!(line.contains(part) && line.lines().count() == 1, "{shown}: {line}");
        assert_eq!(told["closed"], true, "{shown}");
    }
    let long = running.asked(&["silence", "11", "16000", "2", "1"]);
    assert_eq!(long["error"]["code"], "too-long", "{long}");
    assert!(long["error"]["text"].as_str().unwrap().contains("longer than 10 s"), "{long}");

    let crowd = running.asked(&["crowd", "3"]);
    assert_eq!(crowd["served"], json!([{"pong": "here"}, {"pong": "here"}, {"pong": "here"}]), "{crowd}");
    assert_eq!(crowd["turned_away"]["error"]["code"], "busy", "{crowd}");
    assert!(crowd["turned_away"]["error"]["text"].as_str().unwrap().contains("3 connections"), "{crowd}");
    assert_eq!(crowd["turned_away"]["closed"], true, "{crowd}");
    assert_eq!(crowd["still"], json!([{"pong": "still"}, {"pong": "still"}, {"pong": "still"}]), "{crowd}");
    assert_eq!(crowd["again"], true, "{crowd}");

    // Longer than the kiosk itself ever speaks.
    let text = "The oat milk is in aisle four, and the coffee beside it. ".repeat(20);
    let said = running.asked(&["synthesize", &text, &running.file("said.pcm")]);
    assert!(said["seconds"].as_f64().is_some_and(|seconds| seconds > 45.0), "{said}");
    let [mono, _] = recorded(&running);
    let heard = running.asked(&["transcribe", &mono, "16000", "2", "1"]);
    assert!(words(&heard["heard"][0]).contains("mocha"), "{heard}");
    let log = running.end();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn other_machines_are_refused_unless_they_are_allowed() {
    let running = Running::start("tcp://0.0.0.0:0", &[]);
    let line = running.logged(DOWN);
    assert!(line.contains("ERROR"), "{line}");
    assert!(line.contains("tcp://0.0.0.0:0 can be reached from other machines"), "{line}");
    assert!(line.contains("service.remote"), "{line}");
    // The kiosk goes on without.
    running.end();

    let mut running = Running::start("tcp://0.0.0.0:0", &[("AISLE_SERVICE_REMOTE", "true")]).serving();
    running.address = running.address.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(running.asked(&["ping", "hello"])["pong"], "hello");
    running.end();
}

#[test]
fn without_an_address_there_is_no_service() {
    let log = Running::start("", &[]).end();
    assert!(!log.contains(UP) && !log.contains(DOWN), "{log}");
}
