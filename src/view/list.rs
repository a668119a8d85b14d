//! The shopper's list.

use super::card::Card;
use super::code;
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use crate::domain::{Cents, Currency};
use slint::ComponentHandle;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its place on the list, from 0; what is no longer sold is not shown.
    pub place: usize,
    pub card: Card,
    pub quantity: u32,
    /// Options in menu words.
    pub options: Vec<String>,
    /// What is assumed because nothing was said.
    pub defaults: Vec<String>,
    /// Of the whole line; `None`: not known.
    pub price: Option<Cents>,
}

/// What came of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    Printing,
    Done,
    Failed,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    Sending,
    /// It is taken, under this number.
    Number(String),
    /// Nobody took it: it is shown at the counter.
    Counter,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    pub store: String,
    pub lines: Vec<Line>,
    /// Of the known prices.
    pub total: Cents,
    pub currency: Currency,
    /// Some price is not known.
    pub is_partial: bool,
    /// What the assistant asks back.
    pub question: Option<String>,
    pub printable: bool,
    pub printed: Option<Printed>,
    pub undoable: bool,
    /// Something on it can be ordered here.
    pub orderable: bool,
    pub sent: Option<Sent>,
}

impl Model {
    /// Pieces on it.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        self.lines.iter().fold(0, |sum, line| sum.saturating_add(line.quantity))
    }
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::ListAdapter>();
    let line = |(index, own): (usize, &Line)| ui::ListLine {
        index: i32::try_from(index).unwrap_or(i32::MAX),
        card: own.card.show(showing),
        quantity: i32::try_from(own.quantity).unwrap_or(i32::MAX),
        options: own.options.join(", ").into(),
        defaults: own.defaults.join(", ").into(),
        price: own.price.map(|cents| showing.format.money(cents, model.currency)).unwrap_or_default().into(),
    };
    let lines: Vec<ui::ListLine> = model.lines.iter().enumerate().map(line).collect();
    adapter.set_lines(keep(adapter.get_lines(), lines));
    adapter.set_pieces(i32::try_from(model.pieces()).unwrap_or(i32::MAX));
    adapter.set_total(showing.format.money(model.total, model.currency).into());
    adapter.set_total_partial(model.is_partial);
    adapter.set_question(model.question.as_deref().unwrap_or_default().into());
    let (text, whole) = code::fitting(&lines_of_text(model, showing));
    let code = if model.lines.is_empty() { slint::Image::default() } else { code::picture(&text) };
    adapter.set_code(code);
    adapter.set_code_cut(!whole);
    adapter.set_printable(model.printable);
    adapter.set_undoable(model.undoable);
    adapter.set_orderable(model.orderable);
    let words = &showing.words;
    let (order, hint) = match &model.sent {
        None => Default::default(),
        Some(Sent::Sending) => (words.invoke_order_sending(), Default::default()),
        Some(Sent::Number(number)) => {
            (words.invoke_order_number(number.as_str().into()), words.invoke_order_taken())
        }
        Some(Sent::Counter) => (words.invoke_order_at_counter(), words.invoke_order_not_sent()),
    };
    adapter.set_order(order);
    adapter.set_order_hint(hint);
    adapter.set_order_taken(matches!(model.sent, Some(Sent::Number(_))));
    adapter.set_printed(match model.printed {
        None => Default::default(),
        Some(Printed::Printing) => words.invoke_printing(),
        Some(Printed::Done) => words.invoke_printed(),
        Some(Printed::Failed) => words.invoke_not_printed(),
    });
}

/// The list for a phone or a printer: the store's name, a line a product, the total.
fn lines_of_text(model: &Model, showing: &Showing<'_>) -> Vec<String> {
    let mut lines = vec![model.store.clone()];
    lines.extend(model.lines.iter().map(|line| {
        let mut text = format!("{} × {}", line.quantity, line.card.title);
        if !line.options.is_empty() {
            text += &format!(" ({})", line.options.join(", "));
        }
        if let Some(place) = &line.card.place {
            text +=
                &format!(" [{}{}]", place.aisle, place.bay.map(|bay| format!("/{bay}")).unwrap_or_default());
        }
        if let Some(price) = line.price {
            text += &format!(" {}", showing.format.money(price, model.currency));
        }
        text
    }));
    lines.push(format!("= {}", showing.format.money(model.total, model.currency)));
    if model.is_partial {
        lines.push(showing.words.invoke_partial().into());
    }
    lines
}

/// The list as plain text, as it is printed.
pub(super) fn printout(model: &Model, showing: &Showing<'_>) -> String {
    lines_of_text(model, showing).join("\n") + "\n"
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::ListAdapter>();
    let own = send.clone();
    adapter.on_stepped(move |line, by| {
        if let Ok(line) = usize::try_from(line) {
            own.send(Touch::LineStepped(line, by));
        }
    });
    let own = send.clone();
    adapter.on_removed(move |line| {
        if let Ok(line) = usize::try_from(line) {
            own.send(Touch::LineRemoved(line));
        }
    });
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_undone(send.plain(Touch::Undone));
    adapter.on_cleared(send.plain(Touch::Cleared));
    adapter.on_printed_out(send.plain(Touch::Printed));
    adapter.on_shown_way(send.plain(Touch::WayShown));
    adapter.on_confirmed(send.plain(Touch::Confirmed));
    adapter.on_agreed(send.with(Touch::Agreed));
    adapter.on_browsed(send.plain(Touch::Home));
}
