use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NOW: Duration = Duration::from_secs(1_000);

fn waiting(n: i64, bytes: usize) -> Waiting {
    Waiting {
        seq: n,
        id: Uuid::from_u128(n.unsigned_abs().into()),
        kind: "searched".into(),
        made_at: "2026-11-26T07:00:00Z".into(),
        body: "x".repeat(bytes),
    }
}

fn rows(numbers: impl IntoIterator<Item = i64>) -> Vec<Waiting> {
    numbers.into_iter().map(|n| waiting(n, 100)).collect()
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn up() -> Pump {
    let mut pump = Pump::new(Pace::default(), 7);
    update(&mut pump, Event::Up, NOW);
    pump
}

fn answer(taken: impl IntoIterator<Item = u128>) -> Event {
    Event::Answered { taken: taken.into_iter().map(id).collect(), refused: Vec::new() }
}

/// What is sent of a lane after it was read; how many events, and the batch's number.
fn sends(pump: &mut Pump, lane: Lane, rows: Vec<Waiting>, now: Duration) -> (usize, u64) {
    match update(pump, Event::Read { lane, rows }, now).as_slice() {
        [Command::Send { id, lane: sent, rows }] if *sent == lane => (rows.len(), *id),
        other => panic!("{other:?}"),
    }
}

fn lanes(commands: &[Command]) -> Vec<Lane> {
    let lane = |command: &Command| match command {
        Command::Read { lane, .. } => Some(*lane),
        _ => None,
    };
    commands.iter().filter_map(lane).collect()
}

#[test]
fn orders_go_first_and_nothing_goes_without_a_connection() {
    let mut pump = Pump::new(Pace::default(), 7);
    assert_eq!(update(&mut pump, Event::Grew, NOW), []);
    assert_eq!(pump.next(), None, "no timer runs while it is down");
    let reads = lanes(&update(&mut pump, Event::Up, NOW));
    assert_eq!(reads, [Lane::Order, Lane::Outcome, Lane::Inventory, Lane::Telemetry]);
    // What is read after the connection went is not sent.
    update(&mut pump, Event::Down, NOW);
    assert_eq!(update(&mut pump, Event::Read { lane: Lane::Order, rows: rows([1]) }, NOW), []);
    assert!(!pump.is_waiting());
    assert_eq!(lanes(&update(&mut pump, Event::Up, NOW)), Lane::ALL);
}

#[test]
fn a_batch_has_200_events_or_48_kib() {
    let mut pump = up();
    assert_eq!(sends(&mut pump, Lane::Telemetry, rows(1..=201), NOW), (200, 1));
    let large: Vec<Waiting> = (1..=20).map(|n| waiting(n, 5_000)).collect();
    let (count, _) = sends(&mut pump, Lane::Inventory, large, NOW);
    assert_eq!(count, (MOST_BYTES - ENVELOPE) / (5_000 + AROUND));
    // One that is larger than a batch goes alone; one that is too large for the wire never does.
    let huge = vec![waiting(1, LARGEST + 1), waiting(2, 60_000), waiting(3, 1)];
    let refused = update(&mut pump, Event::Read { lane: Lane::Order, rows: huge.clone() }, NOW);
    let [Command::Remove { taken, refused }, Command::Read { lane: Lane::Order, .. }] = refused.as_slice()
    else {
        panic!("{refused:?}")
    };
    assert_eq!((taken.len(), refused[0].0), (0, id(1)));
    assert_eq!(sends(&mut pump, Lane::Order, huge[1..].to_vec(), NOW).0, 1);
}

#[test]
fn the_next_batch_waits_for_the_answer_to_all_of_this_one() {
    let mut pump = up();
    sends(&mut pump, Lane::Telemetry, rows(1..=200), NOW);
    assert_eq!(update(&mut pump, Event::Grew, NOW), [], "other lanes are being read");
    let first = update(&mut pump, answer(1..=199), NOW);
    assert_eq!(lanes(&first), []);
    assert!(matches!(&first[..], [Command::Remove { taken, .. }] if taken.len() == 199));
    let refused = vec![(id(200), "too old".to_owned())];
    let last = update(&mut pump, Event::Answered { taken: vec![], refused: refused.clone() }, NOW);
    assert_eq!(last[0], Command::Remove { taken: vec![], refused });
    assert_eq!(lanes(&last), [Lane::Telemetry], "it was full: there may be more");
    // An answer that nobody waits for any more takes out all the same.
    assert_eq!(
        update(&mut pump, answer([7]), NOW),
        [Command::Remove { taken: vec![id(7)], refused: vec![] }]
    );
}

#[test]
fn an_unanswered_batch_goes_again_after_pauses_that_grow_and_smaller() {
    let mut pump = up();
    let (mut now, mut pauses, mut sizes) = (NOW, Vec::new(), Vec::new());
    for lane in [Lane::Order, Lane::Outcome, Lane::Inventory] {
        update(&mut pump, Event::Read { lane, rows: vec![] }, now);
    }
    while pauses.len() < 12 {
        sizes.push(sends(&mut pump, Lane::Telemetry, rows(1..=200), now).0);
        let sent = now;
        // Looks at the other lanes come in between.
        loop {
            now = pump.next().unwrap();
            let read = lanes(&update(&mut pump, Event::Tick, now));
            if read.contains(&Lane::Telemetry) {
                break;
            }
            for lane in read {
                update(&mut pump, Event::Read { lane, rows: vec![] }, now);
            }
        }
        for lane in [Lane::Order, Lane::Outcome, Lane::Inventory] {
            update(&mut pump, Event::Read { lane, rows: vec![] }, now);
        }
        pauses.push((now - sent).as_secs_f64());
    }
    assert_eq!(sizes, [200, 100, 50, 25, 12, 6, 3, 1, 1, 1, 1, 1]);
    for (n, pause) in pauses.iter().enumerate() {
        let base = (10.0 * f64::from(1 << n)).min(600.0);
        assert!((base..=base * 1.5).contains(pause), "pause {n}: {pause}");
    }
    // Once somebody answers, all is as it was.
    sends(&mut pump, Lane::Telemetry, rows([1]), now);
    assert_eq!(lanes(&update(&mut pump, answer([1]), now)), [Lane::Telemetry], "it was cut to one");
    assert_eq!(sends(&mut pump, Lane::Telemetry, rows(1..=200), now).0, 200);
    assert!(pump.next().unwrap() - now <= Duration::from_secs(15));
}

#[test]
fn an_empty_outbox_is_looked_at_each_half_minute_or_when_something_is_put_in() {
    let mut pump = up();
    for lane in Lane::ALL {
        assert_eq!(update(&mut pump, Event::Read { lane, rows: vec![] }, NOW), []);
    }
    assert_eq!(pump.next(), Some(NOW + Duration::from_secs(30)));
    assert_eq!(update(&mut pump, Event::Tick, NOW), [], "a tick that comes early does nothing");
    // An order waits for nobody; others for those that may join.
    assert_eq!(lanes(&update(&mut pump, Event::Grew, NOW)), [Lane::Order]);
    assert_eq!(pump.next(), Some(NOW + Duration::from_secs(2)));
    let read = lanes(&update(&mut pump, Event::Tick, NOW + Duration::from_secs(2)));
    assert_eq!(read, [Lane::Outcome, Lane::Inventory, Lane::Telemetry]);
    // What is put in while it is read may have been missed.
    update(&mut pump, Event::Grew, NOW);
    let again = update(&mut pump, Event::Read { lane: Lane::Order, rows: vec![] }, NOW);
    assert_eq!(lanes(&again), [Lane::Order]);
}

#[test]
fn what_the_broker_or_the_outbox_did_not_take_is_tried_again_after_a_rest() {
    let mut pump = up();
    for lane in [Lane::Outcome, Lane::Inventory, Lane::Telemetry] {
        update(&mut pump, Event::Read { lane, rows: vec![] }, NOW);
    }
    let (_, sent) = sends(&mut pump, Lane::Order, rows([1]), NOW);
    assert_eq!(update(&mut pump, Event::Unsent { id: sent + 9, lasting: false }, NOW), []);
    assert!(pump.is_waiting());
    update(&mut pump, Event::Unsent { id: sent, lasting: false }, NOW);
    let due = pump.next().unwrap();
    assert!((1.0..=1.5).contains(&(due - NOW).as_secs_f64()), "{due:?}");
    assert_eq!(lanes(&update(&mut pump, Event::Tick, due)), [Lane::Order]);
    // What somebody has to mend first: each time later.
    let mut last = Duration::ZERO;
    for n in 0..3 {
        let (_, sent) = sends(&mut pump, Lane::Order, rows([1]), NOW);
        update(&mut pump, Event::Unsent { id: sent, lasting: true }, NOW);
        let stream = &pump.streams[0];
        let Stage::Resting { until } = stream.stage else { panic!("{stream:?}") };
        assert!(until - NOW > last, "rest {n}");
        last = until - NOW;
        update(&mut pump, Event::Tick, until);
    }
    // An outbox that fails over and over is not asked over and over.
    let mut rests = Vec::new();
    for _ in 0..12 {
        update(&mut pump, Event::Failed, NOW);
        rests.push((pump.next().unwrap() - NOW).as_secs());
        let due = pump.next().unwrap();
        assert_eq!(lanes(&update(&mut pump, Event::Tick, due)), Lane::ALL);
    }
    assert!(rests[0] <= 1 && rests[11] >= 600, "{rests:?}");
    update(&mut pump, Event::Removed, NOW);
    update(&mut pump, Event::Failed, NOW);
    assert!(pump.next().unwrap() - NOW < Duration::from_secs(2));
}

/// An outbox, a line and head office, as bad as they can be.
struct World {
    pump: Pump,
    now: Duration,
    /// What waits in the outbox, by place.
    outbox: BTreeMap<i64, Lane>,
    /// What head office has, and how often it was told.
    office: BTreeMap<Uuid, u32>,
    /// What is on its way up, and answers on their way down.
    up: Vec<(Lane, Vec<Waiting>)>,
    down: Vec<Vec<Uuid>>,
    is_up: bool,
    last: i64,
    sent: u64,
    reads: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            pump: Pump::new(Pace::default(), seed),
            now: Duration::ZERO,
            outbox: BTreeMap::new(),
            office: BTreeMap::new(),
            up: Vec::new(),
            down: Vec::new(),
            is_up: false,
            last: 0,
            sent: 0,
            reads: 0,
        }
    }

    fn happens(&mut self, event: Event) {
        let commands = update(&mut self.pump, event, self.now);
        for command in commands {
            match command {
                Command::Read { lane, most, bytes } => {
                    assert!(self.is_up, "nothing is read in vain");
                    assert_eq!(bytes, MOST_BYTES);
                    self.reads += 1;
                    let of_lane = self.outbox.iter().filter(|(_, other)| **other == lane);
                    let rows = of_lane.take(most).map(|(n, _)| waiting(*n, 50)).collect();
                    self.happens(Event::Read { lane, rows });
                }
                Command::Send { lane, rows, .. } => {
                    assert!(self.is_up, "nothing is sent without a connection");
                    assert!(!rows.is_empty() && rows.len() <= MOST_EVENTS);
                    self.sent += 1;
                    self.up.push((lane, rows));
                }
                Command::Remove { taken, .. } => {
                    self.outbox.retain(|n, _| !taken.contains(&waiting(*n, 0).id));
                    self.happens(Event::Removed);
                }
            }
        }
    }

    fn put(&mut self, lane: Lane) {
        self.last += 1;
        self.outbox.insert(self.last, lane);
        self.happens(Event::Grew);
    }

    fn arrives(&mut self, at: usize) {
        if self.up.is_empty() {
            return;
        }
        let (_, rows) = self.up.swap_remove(at % self.up.len());
        for row in &rows {
            *self.office.entry(row.id).or_default() += 1;
        }
        self.down.push(rows.iter().map(|row| row.id).collect());
    }

    fn answers(&mut self, at: usize) {
        if !self.down.is_empty() && self.is_up {
            let taken = self.down.swap_remove(at % self.down.len());
            self.happens(Event::Answered { taken, refused: Vec::new() });
        }
    }

    fn ticks(&mut self) {
        if let Some(next) = self.pump.next() {
            self.now = self.now.max(next);
            self.happens(Event::Tick);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Lost, repeated, late and reordered messages, connections that come and go: in the end head
    /// office has every event, and the outbox is empty.
    #[test]
    fn everything_arrives_whatever_happens_on_the_way(
        seed in any::<u64>(),
        steps in proptest::collection::vec((0u8..10, any::<u16>()), 0..120),
    ) {
        let mut world = World::new(seed);
        for (what, at) in steps {
            let at = usize::from(at);
            match what {
                0..=2 => world.put(Lane::ALL[at % Lane::ALL.len()]),
                3 if world.is_up => {
                    world.is_up = false;
                    world.happens(Event::Down);
                }
                3 | 4 if !world.is_up => {
                    world.is_up = true;
                    world.happens(Event::Up);
                }
                5 => world.arrives(at),
                6 => world.answers(at),
                // Lost.
                7 => drop((!world.up.is_empty()).then(|| world.up.swap_remove(at % world.up.len()))),
                8 => drop((!world.down.is_empty()).then(|| world.down.swap_remove(at % world.down.len()))),
                // Repeated, by the broker or by head office.
                9 if !world.down.is_empty() => world.down.push(world.down[at % world.down.len()].clone()),
                _ => world.ticks(),
            }
            prop_assert!(world.up.len() as u64 <= world.sent);
        }
        if !world.is_up {
            world.is_up = true;
            world.happens(Event::Up);
        }
        let mut rounds = 0;
        while !world.outbox.is_empty() {
            world.arrives(0);
            world.answers(0);
            if world.up.is_empty() && world.down.is_empty() {
                world.ticks();
            }
            rounds += 1;
            prop_assert!(rounds < 2_000, "{:?}", world.pump);
        }
        let all: BTreeSet<Uuid> = (1..=world.last).map(|n| waiting(n, 0).id).collect();
        let has: BTreeSet<Uuid> = world.office.keys().copied().collect();
        prop_assert_eq!(has, all);
        // And then it is quiet: a look of all lanes each half minute, nothing sent.
        let (reads, sent, since) = (world.reads, world.sent, world.now);
        for _ in 0..20 {
            world.ticks();
        }
        prop_assert_eq!(world.sent, sent);
        let looks = (world.now - since).as_secs() / 30 + 2;
        let lanes = Lane::ALL.len() as u64;
        prop_assert!(world.reads - reads <= lanes * (looks + 1), "{} reads", world.reads - reads);
    }
}
