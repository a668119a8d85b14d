//! Owns how the fleet is written for people: one line a kiosk, what a person should look at below
//! it, and a line for all of them. Pure.

use super::status::{Kiosk, Presence};

/// The table.
#[must_use]
pub fn table(fleet: &[Kiosk]) -> String {
    if fleet.is_empty() {
        return "No kiosk was heard yet: does `aisle office collect` run?\n".to_owned();
    }
    let rows: Vec<[String; 9]> = fleet.iter().map(row).collect();
    let heads = ["store", "kiosk", "", "heard", "program", "catalog", "recall", "behind", "waiting"]
        .map(str::to_owned);
    let width = |at: usize| {
        let cells = rows.iter().chain([&heads]).filter_map(|row| row.get(at));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |row: &[String; 9]| {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let mut text = line(&heads);
    for (kiosk, row) in fleet.iter().zip(&rows) {
        text += &line(row);
        text.extend(kiosk.troubles.iter().map(|trouble| format!("  ! {trouble}\n")));
    }
    text + &sum(fleet)
}

fn row(kiosk: &Kiosk) -> [String; 9] {
    let catalog = kiosk.catalog.map_or_else(|| "none".to_owned(), |version| version.to_string());
    let behind = if kiosk.lag_s == 0 { "-".to_owned() } else { span(kiosk.lag_s.into()) };
    let waiting = match kiosk.waiting {
        0 => "-".to_owned(),
        waiting => format!("{waiting}, oldest {}", span(kiosk.oldest_s)),
    };
    [
        kiosk.store.clone(),
        kiosk.kiosk.clone(),
        presence(kiosk.presence).to_owned(),
        // A kiosk that said goodbye before anybody listened was never heard.
        if kiosk.seen_at.as_second() == 0 {
            "never".to_owned()
        } else {
            format!("{} ago", span(kiosk.seen_s))
        },
        kiosk.program.clone().unwrap_or_else(|| "-".to_owned()),
        catalog,
        if kiosk.recall == 0 { "-".to_owned() } else { kiosk.recall.to_string() },
        behind,
        waiting,
    ]
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Online => "online",
        Presence::Silent => "SILENT",
        Presence::Offline => "OFFLINE",
    }
}

/// Seconds as people say them, to two digits.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn sum(fleet: &[Kiosk]) -> String {
    let count = |wanted: Presence| fleet.iter().filter(|kiosk| kiosk.presence == wanted).count();
    let troubled = fleet.iter().filter(|kiosk| !kiosk.troubles.is_empty()).count();
    format!(
        "{} {}: {} online, {} silent, {} offline; {troubled} with trouble.\n",
        fleet.len(),
        if fleet.len() == 1 { "kiosk" } else { "kiosks" },
        count(Presence::Online),
        count(Presence::Silent),
        count(Presence::Offline),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn kiosk(name: &str, presence: Presence) -> Kiosk {
        Kiosk {
            store: "s042".into(),
            kiosk: name.into(),
            presence,
            seen_at: Timestamp::from_second(9).unwrap(),
            seen_s: 7_300,
            program: Some("0.1.0".into()),
            catalog: Some(12),
            recall: 3,
            lag_s: 130,
            waiting: 3,
            oldest_s: 40,
            dropped: 0,
            orders_open: 0,
            temperature_c: None,
            disk_free_mb: None,
            troubles: Vec::new(),
        }
    }

    #[test]
    fn kiosks_stand_in_columns_with_their_troubles_below() {
        let silent =
            Kiosk { troubles: vec!["the microphone is gone".into()], ..kiosk("k1", Presence::Silent) };
        let (seen_at, catalog, waiting) = (Timestamp::UNIX_EPOCH, None, 0);
        let gone = Kiosk {
            program: None,
            seen_at,
            catalog,
            waiting,
            recall: 0,
            lag_s: 0,
            ..kiosk("kiosk-10", Presence::Offline)
        };
        let text = "\
store  kiosk              heard    program  catalog  recall  behind  waiting
s042   k1        SILENT   2 h ago  0.1.0    12       3       2 min   3, oldest 40 s
  ! the microphone is gone
s042   kiosk-10  OFFLINE  never    -        none     -       -       -
2 kiosks: 0 online, 1 silent, 1 offline; 1 with trouble.
";
        assert_eq!(table(&[silent, gone]), text);
        assert!(table(&[]).contains("collect"));
    }
}
