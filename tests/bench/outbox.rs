//! `make bench-sync`: how many events a second pass from one outbox through one broker and one collector, and how
//! many bytes each costs on the wire: with what waits sent in large batches, and one by one.
//! Arguments: how many, and `memory` for databases that are not on a disk.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/broker.rs"]
mod broker;
#[path = "../common/ends.rs"]
mod ends;
#[path = "../common/line.rs"]
mod line;
#[path = "../common/wire.rs"]
mod wire;

use broker::Broker;
use line::{Shop, collector, kiosk_that_tells, until};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::Wire;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let count: u64 = arguments.first().and_then(|count| count.parse().ok()).unwrap_or(20_000);
    let broker = Broker::start();
    let is_in_memory = arguments.get(1).is_some_and(|argument| argument == "memory");
    let shop = if is_in_memory { Shop::new() } else { Shop::on_disk() };
    let collector = collector(&broker, &shop, 1);
    let wire = Wire::to(broker.port).await;
    until("the collector is up", || collector.figures().borrow().is_up).await;

    let since = Instant::now();
    shop.put(count);
    let putting = since.elapsed();
    println!("put in: {:.0} events/s", count as f64 / putting.as_secs_f64());

    let kiosk = kiosk_that_tells(&broker, &shop, wire.port, Duration::from_secs(3_600));
    until("up", || kiosk.standing().borrow().is_up).await;
    let (since, before) = (Instant::now(), wire.passed());
    while shop.catalog.outbox().unwrap().waiting > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    tell("a backlog", count, since.elapsed(), before, wire.passed());
    println!("{:?}", *collector.figures().borrow());

    // One by one, each as soon as the one before it is acknowledged.
    let count = 200;
    let (since, before) = (Instant::now(), wire.passed());
    for n in 0..count {
        shop.put_order(&format!("n-{n}"));
        kiosk.waker().wake();
        while shop.catalog.outbox().unwrap().waiting > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
    tell("one order after the other", count, since.elapsed(), before, wire.passed());
    let (since, before) = (Instant::now(), wire.passed());
    sleep(Duration::from_secs(20)).await;
    tell("nothing to tell, for 20 s", 1, since.elapsed(), before, wire.passed());
    kiosk.stop().await;
    collector.stop().await;
}

/// Bytes are those of TLS, both of the kiosk's own connection; without TCP's and IP's headers.
fn tell(what: &str, count: u64, time: Duration, before: (u64, u64), after: (u64, u64)) {
    let (up, down) = (after.0 - before.0, after.1 - before.1);
    let each = |bytes: u64| bytes as f64 / count as f64;
    println!(
        "{what}: {count} in {time:.2?}, {:.0} a second; bytes each: {:.0} up, {:.0} down",
        count as f64 / time.as_secs_f64(),
        each(up),
        each(down)
    );
}
