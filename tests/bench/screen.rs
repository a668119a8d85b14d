//! What the screen costs: time to the first frame and until it can be spoken to, frames a
//! second while 200 cards are scrolled, and memory. On a display without a monitor, by the
//! software renderer: the floor that every machine reaches.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/display.rs"]
mod display;

use common::{Kiosk, repository};
use display::{Display, Screen};
use std::time::{Duration, Instant};

/// Starts that the medians are of.
const STARTS: usize = 5;
/// Drags that the frame rate is of.
const DRAGS: usize = 10;

fn main() {
    // A catalog with one category of all its products: a page of 200 cards.
    let store = std::fs::read_to_string(repository("firmware-config/demo-store/catalog.jsonl")).unwrap();
    let wide: Vec<String> = store
        .lines()
        .map(|line| {
            let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
            if record["record"] == "product" {
                record["category"].as_array_mut().unwrap().insert(0, "Everything".into());
                record["option_groups"] = serde_json::json!([]);
            }
            record.to_string()
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("everything.jsonl");
    std::fs::write(&feed, wide.join("\n")).unwrap();
    std::os::unix::fs::symlink(repository("firmware-config/demo-store/photos"), folder.path().join("photos"))
        .unwrap();
    let import = |kiosk: &Kiosk| {
        let done = kiosk.run(&["catalog", "import", feed.to_str().unwrap(), "--as-of", "now"]);
        assert!(done.status.success(), "{}", common::text(&done.stderr));
    };
    println!("| what | median | all |\n|---|---|---|");
    let (mut first, mut catalog, mut voice, mut memory) = (vec![], vec![], vec![], vec![]);
    for _ in 0..STARTS {
        let kiosk = Kiosk::empty();
        import(&kiosk);
        let display = Display::new(1080, 1920);
        let started = Instant::now();
        let screen = Screen::start(kiosk, display, "", &[]);
        first.push(started.elapsed().as_millis() as u64);
        screen.wait_for_log("the assistant is there");
        catalog.push(started.elapsed().as_millis() as u64);
        screen.wait_for_log("engines are warm");
        voice.push(started.elapsed().as_millis() as u64);
        std::thread::sleep(Duration::from_secs(2));
        memory.push(screen.memory());
    }
    row("start to first frame, ms", &mut first);
    row("start to catalog open (touch answers), ms", &mut catalog);
    row("start to engines warm (speech is heard), ms", &mut voice);
    row("memory of aisle, attract page, MB", &mut memory);
    let kiosk = Kiosk::empty();
    import(&kiosk);
    // Slint counts the frames of each second.
    // SAFETY: no other thread runs yet that reads the environment.
    unsafe { std::env::set_var("SLINT_DEBUG_PERFORMANCE", "refresh_lazy,console") };
    let screen = Screen::start(kiosk, Display::new(1080, 1920), "", &[]);
    screen.wait_for_log("engines are warm");
    screen.display.tap(540, 1200);
    std::thread::sleep(Duration::from_secs(2));
    let before = screen.log().len();
    screen.display.tap(180, 1430);
    std::thread::sleep(Duration::from_secs(2));
    for n in 0..DRAGS {
        let (from, to) = if n % 2 == 0 { (1500, 400) } else { (500, 1500) };
        screen.display.drag((500, from), (500, to));
        std::thread::sleep(Duration::from_millis(700));
    }
    let log = screen.log()[before..].to_owned();
    let rate = |line: &str| line.split("average frames per second: ").nth(1)?.split(' ').next()?.parse().ok();
    let mut rates: Vec<u64> = log.lines().filter_map(rate).filter(|rate| *rate > 5).collect();
    rates.sort_unstable();
    assert!(rates.len() > 3, "frames were counted: {log}");
    row("frames a second while scrolling 200 cards", &mut rates);
    row("memory of aisle, 200 cards on the page, MB", &mut [screen.memory()]);
}

fn row(what: &str, values: &mut [u64]) {
    values.sort_unstable();
    let all: Vec<String> = values.iter().map(u64::to_string).collect();
    println!("| {what} | {} | {} |", values[values.len() / 2], all.join(", "));
}
