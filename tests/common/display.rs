//! A display without a monitor (Xvfb), the kiosk's window on it, and a pointer and keys
//! (xdotool) that are as real as a shopper's. Pictures are read out of the frame buffer.

#![allow(dead_code)] // Tests and measurements use their own parts.

use super::{Kiosk, repository};
use image::{RgbImage, imageops};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Mean difference of a picture and the one that is kept, per channel of 255, that text
/// drawn by another version of a library may make.
const TOLERANCE: f64 = 3.0;
/// Width that kept pictures have.
const KEPT: u32 = 270;

pub struct Display {
    server: Child,
    number: String,
    frame: TempDir,
    pub width: u32,
    pub height: u32,
}

impl Display {
    pub fn new(width: u32, height: u32) -> Self {
        let frame = tempfile::tempdir().unwrap();
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", &format!("{width}x{height}x24")])
            .arg("-fbdir")
            .arg(frame.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb runs (make test installs it)");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        Self { server, number: format!(":{}", number.trim()), frame, width, height }
    }

    fn xdotool(&self, arguments: &[&str]) {
        let done = Command::new("xdotool").args(arguments).env("DISPLAY", &self.number).output();
        assert!(done.expect("xdotool runs (make test installs it)").status.success(), "{arguments:?}");
    }

    /// A picture of all of it.
    pub fn picture(&self) -> RgbImage {
        let bytes = std::fs::read(self.frame.path().join("Xvfb_screen0")).unwrap();
        // XWD, version 7 (X11/XWDFile.h): big-endian words, then colours of 12 bytes, then
        // rows of blue, green, red and a spare byte.
        let word = |at: usize| u32::from_be_bytes(bytes[at * 4..at * 4 + 4].try_into().unwrap());
        let (width, height, row) = (word(4), word(5), word(12) as usize);
        let start = word(0) as usize + word(19) as usize * 12;
        RgbImage::from_fn(width, height, |x, y| {
            let at = start + y as usize * row + x as usize * 4;
            image::Rgb([bytes[at + 2], bytes[at + 1], bytes[at]])
        })
    }

    /// The picture once nothing moves any more.
    pub fn settled(&self) -> RgbImage {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut before = self.picture();
        loop {
            sleep(Duration::from_millis(350));
            let now = self.picture();
            if now == before || Instant::now() > deadline {
                return now;
            }
            before = now;
        }
    }

    /// A touch at a place of the display, in pixels.
    pub fn tap(&self, x: u32, y: u32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "click", "1"]);
        sleep(Duration::from_millis(120));
    }

    pub fn drag(&self, from: (u32, u32), to: (u32, u32)) {
        let at = |n: u32, of: u32, from: u32, to: u32| {
            (i64::from(from) + (i64::from(to) - i64::from(from)) * i64::from(n) / i64::from(of)).to_string()
        };
        self.xdotool(&["mousemove", &from.0.to_string(), &from.1.to_string(), "mousedown", "1"]);
        for n in 1..=6 {
            self.xdotool(&["mousemove", &at(n, 6, from.0, to.0), &at(n, 6, from.1, to.1)]);
            sleep(Duration::from_millis(15));
        }
        self.xdotool(&["mouseup", "1"]);
    }

    pub fn press(&self, x: u32, y: u32, seconds: f32) {
        self.xdotool(&["mousemove", &x.to_string(), &y.to_string(), "mousedown", "1"]);
        sleep(Duration::from_secs_f32(seconds));
        self.xdotool(&["mouseup", "1"]);
    }

    /// Keys as a keyboard sends them, so many milliseconds apart.
    pub fn type_text(&self, text: &str, pause: u32) {
        self.focus();
        self.xdotool(&["type", "--delay", &pause.to_string(), text]);
    }

    pub fn key(&self, name: &str) {
        self.focus();
        self.xdotool(&["key", name]);
    }

    /// Without a window manager nobody else gives the window the keys.
    fn focus(&self) {
        self.xdotool(&["search", "--onlyvisible", "--name", ".", "windowfocus", "--sync"]);
    }

    /// That the display looks like the kept picture `name` of its format, the region from `top` to
    /// `bottom` (shares of its height). With `AISLE_UPDATE_SCREENS` set it is kept anew.
    pub fn looks_like(&self, name: &str, top: f64, bottom: f64) {
        if let Err(difference) = self.compare(name, top, bottom) {
            panic!("{difference}");
        }
    }

    /// The same, once it does: what it shows comes from elsewhere.
    pub fn comes_to_look_like(&self, name: &str, top: f64, bottom: f64) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while let Err(difference) = self.compare(name, top, bottom) {
            assert!(Instant::now() < deadline, "{difference}");
        }
    }

    /// How it differs, if it does.
    fn compare(&self, name: &str, top: f64, bottom: f64) -> Result<(), String> {
        let name = if self.width > self.height { format!("wide-{name}") } else { name.to_owned() };
        let picture = self.settled();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("screens");
        std::fs::create_dir_all(&folder).unwrap();
        picture.save(folder.join(format!("{name}.png"))).unwrap();
        let height = KEPT * self.height / self.width;
        let small = imageops::resize(&picture, KEPT, height, imageops::FilterType::Triangle);
        let kept = repository(&format!("tests/screens/{name}.png"));
        if std::env::var_os("AISLE_UPDATE_SCREENS").is_some() {
            small.save(&kept).unwrap();
            return Ok(());
        }
        let kept =
            image::open(&kept).unwrap_or_else(|error| panic!("{}: {error}", kept.display())).into_rgb8();
        assert_eq!(kept.dimensions(), small.dimensions(), "{name}");
        let rows = |share: f64| (f64::from(height) * share) as u32;
        let mut difference = 0u64;
        let mut count = 0u64;
        for (x, y, pixel) in
            small.enumerate_pixels().filter(|(_, y, _)| (rows(top)..rows(bottom)).contains(y))
        {
            let other = kept.get_pixel(x, y);
            difference += (0..3).map(|c| u64::from(pixel[c].abs_diff(other[c]))).sum::<u64>();
            count += 3;
        }
        let mean = difference as f64 / count.max(1) as f64;
        let differs = || format!("{name} differs by {mean:.2} of 255 on average; see {}", folder.display());
        if mean <= TOLERANCE { Ok(()) } else { Err(differs()) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The kiosk's program with its window on a display.
pub struct Screen {
    pub display: Display,
    pub kiosk: Kiosk,
    program: Child,
    runtime: TempDir,
}

impl Screen {
    /// Starts the program with more settings, in TOML, and more of an environment.
    pub fn start(kiosk: Kiosk, display: Display, settings: &str, variables: &[(&str, String)]) -> Self {
        let runtime = tempfile::tempdir().unwrap();
        let (width, height) = (display.width, display.height);
        let file = kiosk.data.path().join("screen.toml");
        let base = format!(
            "[screen]\nfullscreen = false\nwidth = {width}\nheight = {height}\nbackend = \"winit\"\nrenderer = \"software\"\n"
        );
        std::fs::write(&file, base + settings).unwrap();
        let mut command = kiosk.command();
        command.arg("--settings").arg(&file).arg("run").env("DISPLAY", &display.number);
        command.env("XDG_RUNTIME_DIR", runtime.path()).env_remove("WAYLAND_DISPLAY");
        if variables.is_empty() {
            // Whether this machine has a microphone makes no difference to what is seen.
            command.env("AISLE_LISTENING_ENABLED", "false");
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let log = std::fs::File::create(kiosk.data.path().join("log")).unwrap();
        let program = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let screen = Self { display, kiosk, program, runtime };
        screen.wait_for(|picture| picture.pixels().any(|pixel| pixel.0 != [0, 0, 0]), "the first frame");
        screen
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.kiosk.data.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log says `words`.
    pub fn wait_for_log(&self, words: &str) {
        self.wait_for_logs(words, 1, Duration::from_secs(60));
    }

    /// Waits until the log has said `words` so many times, `time` at most.
    pub fn wait_for_logs(&self, words: &str, times: usize, time: Duration) {
        let deadline = Instant::now() + time;
        while self.log().matches(words).count() < times {
            assert!(Instant::now() < deadline, "the log never said {words:?} {times} times: {}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    pub fn wait_for(&self, seen: impl Fn(&RgbImage) -> bool, what: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !seen(&self.display.picture()) {
            assert!(Instant::now() < deadline, "{what} did not come: {}", self.log());
            sleep(Duration::from_millis(50));
        }
    }

    pub fn is_running(&mut self) -> bool {
        self.program.try_wait().unwrap().is_none()
    }

    /// Resident memory, in megabytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("The kiosk's log:\n{}", self.log());
        }
        // As systemd does it, so that the engines end too.
        let _ = Command::new("kill").arg(self.program.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.program.try_wait().is_ok_and(|ended| ended.is_none()) && Instant::now() < deadline {
            sleep(Duration::from_millis(50));
        }
        let _ = self.program.kill();
        let _ = self.program.wait();
        let _ = &self.runtime;
    }
}
