//! The store from above.

use super::card::whole;
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing, keep};
use crate::domain::{Location, Point, Sku};
use slint::ComponentHandle;

/// An aisle or counter: a rectangle on the floor, in metres.
#[derive(Debug, Clone, PartialEq)]
pub struct Shelf {
    pub id: String,
    pub name: String,
    /// The corner nearest to the entrance's left.
    pub corner: Point,
    pub width: f64,
    pub depth: f64,
    pub is_counter: bool,
    pub is_goal: bool,
}

/// Something that is looked for, in the order of the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    pub at: Point,
    pub title: String,
    pub place: Option<Location>,
    pub area: Option<String>,
    pub sku: Sku,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// In metres.
    pub width: f64,
    pub depth: f64,
    pub shelves: Vec<Shelf>,
    pub kiosk: Option<Point>,
    /// Corners of the way, from the kiosk on.
    pub way: Vec<Point>,
    pub stops: Vec<Stop>,
    /// Things of the list that the way does not pass: their place is not known, or there are
    /// too many.
    pub left_out: usize,
    /// What is looked for; empty: the list, or just the store.
    pub title: String,
}

// A shop is far smaller than what f32 tells apart.
#[allow(clippy::cast_possible_truncation)]
fn metres(value: f64) -> f32 {
    value as f32
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let adapter = window.global::<ui::MapAdapter>();
    adapter.set_store_width(metres(model.width.max(1.0)));
    adapter.set_store_depth(metres(model.depth.max(1.0)));
    let shelf = |own: &Shelf| ui::Shelf {
        id: own.id.as_str().into(),
        name: own.name.as_str().into(),
        x: metres(own.corner.x),
        y: metres(own.corner.y),
        width: metres(own.width),
        height: metres(own.depth),
        counter: own.is_counter,
        goal: own.is_goal,
    };
    let shelves: Vec<ui::Shelf> = model.shelves.iter().map(shelf).collect();
    adapter.set_shelves(keep(adapter.get_shelves(), shelves));
    // Off the drawing where it is not known.
    let kiosk = model.kiosk.unwrap_or(Point { x: -100.0, y: -100.0 });
    adapter.set_kiosk_x(metres(kiosk.x));
    adapter.set_kiosk_y(metres(kiosk.y));
    let legs: Vec<ui::Leg> = model
        .way
        .windows(2)
        .map(|pair| ui::Leg {
            x1: metres(pair[0].x),
            y1: metres(pair[0].y),
            x2: metres(pair[1].x),
            y2: metres(pair[1].y),
        })
        .collect();
    let length: f64 =
        model.way.windows(2).map(|pair| (pair[0].x - pair[1].x).hypot(pair[0].y - pair[1].y)).sum();
    adapter.set_way(keep(adapter.get_way(), legs));
    // Within a store.
    #[allow(clippy::cast_possible_truncation)]
    adapter.set_steps(length.round() as i32);
    let words = &showing.words;
    let stop = |(index, own): (usize, &Stop)| {
        let place = own.place.as_ref();
        let aisle = place.map(|place| place.aisle.as_str()).unwrap_or_default();
        let area = own.area.as_deref().unwrap_or_default();
        let (bay, shelf) = (place.and_then(|place| place.bay), place.and_then(|place| place.shelf));
        ui::Stop {
            number: i32::try_from(index + 1).unwrap_or(0),
            x: metres(own.at.x),
            y: metres(own.at.y),
            title: own.title.as_str().into(),
            place: words.invoke_place(aisle.into(), area.into(), whole(bay), whole(shelf)),
            sku: own.sku.as_str().into(),
        }
    };
    let stops: Vec<ui::Stop> = model.stops.iter().enumerate().map(stop).collect();
    adapter.set_stops(keep(adapter.get_stops(), stops));
    adapter.set_left_out(i32::try_from(model.left_out).unwrap_or(i32::MAX));
    adapter.set_title(model.title.as_str().into());
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let adapter = window.global::<ui::MapAdapter>();
    adapter.on_opened(send.sku(Touch::Opened));
    adapter.on_area_opened(send.text(Touch::AreaOpened));
}
