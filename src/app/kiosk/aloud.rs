//! A page in words, for those who cannot read it. In English, as the voice is. Says what
//! stands there, and adds nothing.

use crate::view::card::{Card, PriceAge, Stock};
use crate::view::chrome::Page;
use crate::view::consent::{self, Loyalty};
use crate::view::screen::Screen;

/// Most cards that are read out.
const READ: usize = 4;

/// What the page says.
#[must_use]
pub fn page(screen: &Screen) -> String {
    let text = match screen.chrome.page {
        Page::Attract => format!("Welcome to {}. Touch the screen anywhere to start.", screen.chrome.store),
        Page::Home => {
            let names: Vec<&str> =
                screen.home.categories.iter().map(|category| category.name.as_str()).collect();
            format!("What are you looking for? You can type it, or open one of these: {}.", names.join(", "))
        }
        Page::Search => "Type what you are looking for on the keyboard below.".to_owned(),
        Page::Results => {
            let results = &screen.results;
            let cards: Vec<String> = results.cards.iter().take(READ).map(card).collect();
            let query = if results.query == "%" { "offers" } else { &results.query };
            let found = match (results.total, results.cards.first()) {
                (0, _) => format!("Nothing found for {query}."),
                (_, Some(first)) if first.instead => {
                    format!("We do not have {query}. These come close.")
                }
                (total, _) if results.is_cut => format!("The first {total} of {query}."),
                (total, _) => format!("{total} found for {query}."),
            };
            let asked = if results.asks { format!(" {}", results.answer) } else { String::new() };
            format!("{found} {}{asked}", cards.join(" "))
        }
        Page::Product => screen.product.as_ref().map(product).unwrap_or_default(),
        Page::Compare => {
            let cards: Vec<String> = screen.compare.columns.iter().map(|column| card(&column.card)).collect();
            format!("Side by side: {}", cards.join(" "))
        }
        Page::List if screen.list.lines.is_empty() => "Your list is empty.".to_owned(),
        Page::List => {
            let list = &screen.list;
            let lines: Vec<String> =
                list.lines.iter().map(|line| format!("{} {}", line.quantity, line.card.title)).collect();
            let total = list.currency.show(list.total);
            let partial = if list.is_partial { " Some prices are not known." } else { "" };
            let asked = list.question.iter().map(|question| format!(" {question}")).collect::<String>();
            format!("On your list: {}. Together {total}.{partial}{asked}", lines.join(", "))
        }
        Page::Map => {
            let stops: Vec<String> = screen
                .map
                .stops
                .iter()
                .map(|stop| {
                    let place = stop.area.clone().or_else(|| stop.place.as_ref().map(ToString::to_string));
                    format!("{}: {}", stop.title, place.unwrap_or_else(|| "place not known".into()))
                })
                .collect();
            if stops.is_empty() {
                "The map of the store.".to_owned()
            } else {
                format!("The way to {}.", stops.join(". "))
            }
        }
        Page::ForYou => {
            let cards: Vec<String> =
                screen.for_you.rows.iter().flat_map(|row| &row.cards).take(READ).map(card).collect();
            format!("You may like: {}", cards.join(" "))
        }
        Page::Feedback => "Did you find what you were looking for?".to_owned(),
        Page::Consent => consent(&screen.consent).to_owned(),
        Page::Help => {
            let facts: Vec<&str> = screen.help.facts.iter().map(|(_, text)| text.as_str()).collect();
            format!("You can call a colleague here. {}", facts.join(" "))
        }
        Page::Outage => format!("I cannot do that right now. {}", screen.outage.service_desk),
        Page::Listening | Page::Maintenance => String::new(),
    };
    text.trim().to_owned()
}

/// Not whom it knows: others hear it.
fn consent(model: &consent::Model) -> &'static str {
    match model.state {
        Loyalty::Asking => "May we look up what you bought before? Nothing is kept after your visit.",
        Loyalty::Entering => "Please type your customer number, or scan your card.",
        Loyalty::Checking => "Just a moment.",
        Loyalty::Known => "Hello, good to see you. You now find suggestions for you under For you.",
        Loyalty::Unknown => "We did not find this number. Please check it and try again.",
        Loyalty::Unavailable => "Customer cards cannot be reached now. Everything else works.",
    }
}

fn card(card: &Card) -> String {
    let mut parts = vec![card.title.clone()];
    parts.push(card.price.map_or("price not known".into(), |cents| card.currency.show(cents)));
    if card.price.is_some() && card.price_age != PriceAge::Now {
        parts.push("though that may have changed".into());
    }
    parts.push(
        match card.stock {
            Stock::In => "in stock",
            Stock::Low => "only a few left",
            Stock::Out => "sold out",
            Stock::Orderable => "can be ordered",
            Stock::Unknown => "stock not known",
        }
        .to_owned(),
    );
    parts.extend(card.area.clone().or_else(|| card.place.as_ref().map(ToString::to_string)));
    parts.join(", ") + "."
}

fn product(model: &crate::view::product::Model) -> String {
    let mut text = card(&model.card);
    for part in [&model.description].into_iter().flatten() {
        text += &format!(" {part}");
    }
    match &model.allergens {
        None => text += " The label's allergens are not known to us. Please check the pack.",
        Some(stated) => {
            for (what, list) in [
                ("Contains", &stated.contains),
                ("May contain", &stated.may_contain),
                ("Stated free from", &stated.free_from),
            ] {
                if !list.is_empty() {
                    text += &format!(" {what} {}.", list.join(", "));
                }
            }
        }
    }
    text
}
