//! What head office asks of a running kiosk, with a real broker and collector between them: each
//! command is done once and answered, what is forged or replayed is not, and a catalog that waits
//! goes to some first and comes back when it does badly there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/broker.rs"]
mod broker;
mod common;
#[path = "common/desk.rs"]
mod desk;
#[path = "common/ends.rs"]
mod ends;
#[path = "common/running.rs"]
mod running;

use aisle::store::Office;
use aisle::sync::sign::{SecretKey, seal};
use aisle::sync::topics::{Line, Name, Site, Topic};
use aisle::sync::wire::command::{Action, Command, Commands, Restart};
use broker::Broker;
use common::{Kiosk as Program, text};
use ends::{End, KIOSK, PATIENCE, kept};
use jiff::{Timestamp, ToSpan};
use running::Running;
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn site() -> Site {
    Site { tenant: name("acme"), store: name("s042"), kiosk: name("k1"), group: name("all") }
}

/// Where the kiosk's commands stand.
fn topic() -> String {
    site().own(Line::Commands).text(&site().tenant)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A process that is ended with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Head office with keys, a collector and a catalog, and one kiosk that has it.
struct Shop {
    broker: Broker,
    office: Program,
    kiosk: Program,
    _collecting: Ending,
}

impl Shop {
    async fn new(more: &str) -> (Self, Running) {
        let broker = Broker::start();
        let (office, kiosk) = (desk::office(&broker), Program::with_demo_store());
        let (port, ca) = (broker.port, broker.ca());
        let mut collect = office.command();
        collect.args(["office", "collect"]).stdout(Stdio::null()).stderr(Stdio::inherit());
        let collecting = Ending(collect.spawn().unwrap());
        let shown = office.json(&["office", "keys", "show", "--json"]);
        let identity = broker.identity(KIOSK);
        let settings = format!(
            "[llm]\nenabled = false\n[sync]\nbroker = \"127.0.0.1:{port}\"\ntenant = \"acme\"\n\
             store = \"s042\"\nkiosk = \"k1\"\nca = {ca:?}\ncertificate = {:?}\nkey = {:?}\n\
             root_keys = [{}]\nstatus_seconds = 5\nspread_seconds = 0\n{more}",
            identity.certificate, identity.key, shown["root_keys"][0]
        );
        fs::write(kiosk.data.path().join("aisle.toml"), settings).unwrap();
        let shop = Self { broker, office, kiosk, _collecting: collecting };
        shop.publish(1, true, &[]);
        let running = Running::start(&shop.kiosk);
        running.is_there().await;
        until("the first catalog is in use", || price(&running) == Some(301)).await;
        until("head office hears of it", || shop.carried() == Some(1)).await;
        (shop, running)
    }

    /// A catalog whose dragonfruit costs by the round, or that has none.
    fn publish(&self, round: u32, fruit: bool, more: &[&str]) -> u64 {
        let mut lines = r#"{"record":"catalog","format":1,"name":"Shop","currency":"USD"}"#.to_owned();
        let product = |sku: &str, title: &str, price: u32| {
            format!(
                "\n{{\"record\":\"product\",\"sku\":\"{sku}\",\"title\":\"{title}\",\"price_cents\":{price}}}"
            )
        };
        for n in 0..40 {
            lines += &product(&format!("P-{n}"), &format!("Thing {n}"), n + round);
        }
        if fruit {
            lines += &product("FR-1", "Ruby dragonfruit", 300 + round);
        }
        let file: PathBuf = self.office.data.path().join(format!("catalog-{round}.jsonl"));
        fs::write(&file, lines).unwrap();
        let published = self
            .office
            .json(&[&["office", "publish", "--json", file.to_str().unwrap()], desk::UNTRIED, more].concat());
        published["version"].as_u64().unwrap()
    }

    fn collected(&self) -> Office {
        Office::open(&self.office.data.path().join("office")).unwrap()
    }

    fn count(&self, kind: &str) -> u64 {
        let counts = self.collected().counts().unwrap();
        counts.into_iter().find(|(own, _)| own == kind).map_or(0, |(_, count)| count)
    }

    /// What head office was last told of the kiosk's catalog.
    fn carried(&self) -> Option<u64> {
        let shown = self.office.json(&["office", "status", "--json"]);
        shown["kiosks"][0]["catalog"].as_u64()
    }

    /// Asks the kiosk, and waits for what it answers.
    fn command(&self, what: &[&str]) -> Value {
        let to = ["--store", "s042", "--kiosk", "k1", "--wait", "30", "--json"];
        let answer = self.office.json(&[&["office", "command"], what, &to].concat());
        answer["commands"][0].clone()
    }

    fn listed(&self) -> Value {
        self.office.json(&["office", "command", "list", "--json"])
    }

    /// What the broker keeps for the kiosk.
    async fn retained(&self) -> Vec<u8> {
        let mut options = ends::office_options(&self.broker);
        options.subscriptions = vec![topic()];
        let mut end = End::open(options).once_up().await;
        let payload = end.arrival(&topic()).await.payload.to_vec();
        end.stop().await;
        payload
    }

    async fn retain(&self, payload: Vec<u8>) {
        let mut end = End::office(&self.broker).await;
        end.insist(aisle::sync::mqtt::Message { payload: payload.into(), ..kept(&topic(), "") }).await;
        end.stop().await;
    }
}

fn price(kiosk: &Running) -> Option<u64> {
    let answer = kiosk.ask("do you have ruby dragonfruit");
    let card = answer["cards"].as_array()?.first()?.clone();
    (card["sku"] == "FR-1").then(|| card["price_cents"].as_u64()).flatten()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_is_done_once_and_answered_and_forged_and_old_ones_are_not() {
    let (shop, running) = Shop::new("").await;
    let nobody = ["office", "command", "diagnose", "--store", "s999"];
    assert!(shop.office.refusal(&nobody).contains("ever heard"));
    let done = shop.command(&["diagnose"]);
    assert_eq!(done["state"], "done");
    let findings: Vec<&str> =
        done["findings"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(findings.iter().any(|line| line.contains("catalog: Shop")), "{findings:?}");
    let refused = shop.command(&["restart", "machine"]);
    assert_eq!(refused["state"], "refused");
    assert!(refused["why"].as_str().unwrap().contains("sync.allow_reboot"));
    let old = shop.retained().await;
    assert_eq!(shop.command(&["pin", "1"])["state"], "done");
    assert_eq!(shop.command(&["keys"])["state"], "done");
    let answered = shop.count("done") + shop.count("refused");
    assert_eq!(answered, 4);

    // A pinned kiosk takes nothing newer, until it is unpinned.
    shop.publish(2, true, &[]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(price(&running), Some(301));
    assert_eq!(shop.command(&["unpin"])["state"], "done");
    until("it takes the newer one", || price(&running) == Some(302)).await;

    // What was open in an older list, and what somebody else signs, is not done.
    shop.retain(old).await;
    let forged = |version| {
        let what = Action::Restart { what: Restart::Program };
        let command = Command { id: Uuid::new_v4(), expires: Timestamp::now() + 1.hour(), what };
        let list = Commands { version, issued: Timestamp::now(), items: vec![command].into() };
        let topic: Topic = site().own(Line::Commands);
        seal(&list, &topic, &site().tenant, &[&SecretKey::from_seed(&[99; 32])]).unwrap()
    };
    shop.retain(forged(1_000)).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(shop.count("done") + shop.count("refused"), answered + 1);
    // What the broker has of others does not keep head office from being heard.
    let done = shop.command(&["diagnose"]);
    assert_eq!(done["state"], "done");
    let listed = shop.listed();
    assert_eq!(listed["commands"].as_array().unwrap().len(), 6);
    assert_eq!(listed["open"], 0);
    // Head office that lost what it asked goes on after what the broker has.
    fs::remove_dir_all(shop.office.data.path().join("office/commands")).unwrap();
    assert_eq!(shop.command(&["diagnose"])["state"], "done");
    running.stop();

    // One that nobody hears stays open, and can be taken back.
    let to = ["--store", "s042", "--json"];
    let open = shop.office.json(&[&["office", "command", "diagnose"][..], &to].concat());
    let id = open["commands"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&open["open"], &shop.listed()["open"]), (&1.into(), &1.into()));
    assert!(shop.office.run(&["office", "command", "withdraw", &id]).status.success());
    assert!(shop.office.refusal(&["office", "command", "withdraw", &id]).contains("not open"));
    let running = Running::start(&shop.kiosk);
    running.is_there().await;
    assert_eq!(shop.command(&["restart", "engines"])["state"], "done");
    assert_eq!(shop.listed()["open"], 0);
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_is_started_anew_by_a_command_exactly_once() {
    let (shop, mut running) = Shop::new("").await;
    let asked = shop.office.run(&["office", "command", "restart", "program", "--group", "all"]);
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    assert_eq!(running.ends_within(PATIENCE).await, Some(75), "which its service takes for no fault");
    assert_eq!(shop.count("done"), 0, "it is answered by who was started anew");
    let mut running = Running::start(&shop.kiosk);
    running.is_there().await;
    until("it is answered", || shop.count("done") == 1).await;
    assert_eq!(running.ends_within(Duration::from_secs(3)).await, None, "once");
    assert_eq!(shop.command(&["diagnose"])["state"], "done");
    assert_eq!(shop.count("failed") + shop.count("refused"), 0);
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_that_waits_is_taken_when_it_is_released() {
    let (shop, running) = Shop::new("").await;
    assert_eq!(shop.publish(2, true, &["--staged"]), 2);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(price(&running), Some(301), "it waits");
    assert_eq!(shop.command(&["release", "2"])["state"], "done");
    assert_eq!(price(&running), Some(302));
    // The release is for this one alone.
    assert_eq!(shop.publish(3, true, &["--staged"]), 3);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(price(&running), Some(302));
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_is_taken_back_when_the_first_kiosks_do_worse_and_goes_to_all_when_they_do_not() {
    let (shop, running) = Shop::new("").await;
    let rollout = |version: u64, more: &[&str]| {
        let version = version.to_string();
        let mut command = shop.office.command();
        command.args(["office", "rollout", &version, "--canary", "s042", "--least", "10"]).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    assert!(shop.office.refusal(&["office", "rollout", "1", "--canary", "s042"]).contains("--staged"));
    for _ in 0..20 {
        assert_eq!(price(&running), Some(301));
    }
    until("head office knows how it does", || shop.count("searched") >= 20).await;

    // Nobody finds the dragonfruit in the second.
    assert_eq!(shop.publish(2, false, &["--staged"]), 2);
    let broken_off = rollout(2, &["--hold", "600"]);
    until("the first kiosk has it", || price(&running).is_none()).await;
    sleep(Duration::from_secs(2)).await;
    let pid = rustix::process::Pid::from_child(&broken_off);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(|| broken_off.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("goes on"), "{}", text(&output.stdout));
    let judging = rollout(2, &["--hold", "600"]);
    let asking = async {
        // While it is watched shoppers ask.
        for _ in 0..200 {
            if price(&running) == Some(301) {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
        until("the old content is back", || price(&running) == Some(301)).await;
    };
    asking.await;
    let output = tokio::task::spawn_blocking(|| judging.wait_with_output().unwrap()).await.unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Version 2 is halted; all has the content before, as version 3."), "{said}");
    assert!(said.contains("searches that find something: "), "{said}");
    until("head office hears of it", || shop.carried() == Some(3)).await;
    let again = shop.office.run(&["office", "rollout", "2", "--canary", "s042"]);
    assert_eq!(again.status.code(), Some(1), "it stays halted");

    // The next does well.
    assert_eq!(shop.publish(4, true, &["--staged"]), 4);
    let released = rollout(4, &["--hold", "0", "--compare", "1", "--max-honest-no", "100"]);
    let output = tokio::task::spawn_blocking(|| released.wait_with_output().unwrap()).await.unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("Version 4 is released to all, as version 5."), "{said}");
    until("the kiosk has it", || shop.carried() == Some(5)).await;
    assert_eq!(price(&running), Some(304));
    assert_eq!(shop.listed()["open"], 0);

    // A person may take one back at any time.
    assert_eq!(shop.publish(6, true, &["--staged"]), 6);
    let watching = rollout(6, &["--hold", "600"]);
    until("the kiosk has it", || price(&running) == Some(306)).await;
    sleep(Duration::from_secs(2)).await;
    let again = ["office", "rollout", "6", "--abort"];
    assert!(shop.office.refusal(&again).contains("another `aisle office`"), "it is being watched");
    let pid = rustix::process::Pid::from_child(&watching);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    tokio::task::spawn_blocking(|| watching.wait_with_output().unwrap()).await.unwrap();
    let output = shop.office.run(&again);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("as version 7.\n  ! somebody wanted it"),
        "{}",
        text(&output.stdout)
    );
    until("the content before is back", || price(&running) == Some(304)).await;
    running.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_the_kiosks_is_shown_as_it_comes() {
    let (shop, running) = Shop::new("").await;
    let mut watch = shop.office.command();
    watch.args(["office", "watch"]).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut watching = Ending(watch.spawn().unwrap());
    sleep(Duration::from_secs(2)).await;
    assert!(running.ask("where is the oat milk")["cards"].is_array());
    assert_eq!(shop.command(&["diagnose"])["state"], "done");
    sleep(Duration::from_secs(3)).await;
    let pid = rustix::process::Pid::from_child(&watching.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let stdout = watching.0.stdout.take().unwrap();
    let said = tokio::task::spawn_blocking(move || std::io::read_to_string(stdout).unwrap()).await.unwrap();
    assert!(watching.0.wait().unwrap().success());
    assert!(said.starts_with("store"), "{said}");
    assert!(said.lines().any(|line| line.contains("s042/k1 honest_no why=")), "{said}");
    assert_eq!(said.lines().filter(|line| line.contains("s042/k1 done")).count(), 1, "{said}");
    assert!(!said.contains("oat"), "nobody's words: {said}");
    running.stop();
}
