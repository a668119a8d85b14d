//! Plain-text reports for a person at a terminal.

use crate::domain::turn::{Card, TurnReport};

/// A turn, as `aisle ask` prints it without `--json`.
#[must_use]
pub fn turn(report: &TurnReport) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| text += &format!("{label:<8} {value}\n");
    line("Heard", if report.transcript.is_empty() { "(nothing)" } else { &report.transcript });
    let tier = if report.tier == crate::domain::turn::Tier::Rules { "rules" } else { "language model" };
    line("Intent", &format!("{} (by {tier})", report.intent.name()));
    for order in &report.order {
        let said = |options: &std::collections::BTreeMap<String, String>| {
            options.iter().map(|(group, words)| format!("{group}: {words}")).collect::<Vec<_>>().join(", ")
        };
        let mut order_text = format!("{} x {}", order.quantity, order.title);
        if !order.options.is_empty() {
            order_text += &format!(" ({})", said(&order.options));
        }
        if !order.defaults.is_empty() {
            order_text += &format!(" [unless you say otherwise: {}]", said(&order.defaults));
        }
        line("Order", &order_text);
    }
    for shown in &report.cards {
        line("Card", &card(shown));
    }
    line("Reply", &report.reply);
    line("Said", &report.speech);
    for trouble in &report.degraded {
        line("Trouble", trouble);
    }
    let timings = &report.timings_ms;
    let stages = [
        ("hearing", timings.stt),
        ("understanding", timings.understand),
        ("catalog", timings.search),
        ("first card at", timings.first_card),
        ("reply at", timings.reply),
        ("first sound at", timings.first_audio),
        ("total", Some(timings.total)),
    ];
    let stages: Vec<_> =
        stages.iter().filter_map(|(name, time)| Some(format!("{name} {:.1} ms", (*time)?))).collect();
    line("Timing", &stages.join(", "));
    text
}

fn card(card: &Card) -> String {
    let unsure = |what: &str| if card.stale.contains(&what) { " (not sure now)" } else { "" };
    let mut price = card.price_cents.map_or("price unknown".into(), |cents| card.currency.show(cents));
    if let Some(regular) = card.regular_price_cents {
        price += &format!(" instead of {}", card.currency.show(regular));
    }
    price += unsure("price");
    let mut stock = match card.stock {
        Some(0) => "out of stock".into(),
        Some(pieces) => format!("{pieces} in stock"),
        None => "stock unknown".into(),
    };
    stock += unsure("stock");
    let place = card.location.as_ref().map_or("place unknown".into(), ToString::to_string);
    format!("{} - {price} - {stock} - {place} ({})", card.title, card.reason)
}
