//! The report as bars: one row an engine, one panel a measure.

use plotters::backend::SVGBackend;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, ShapeStyle, WHITE};
use std::path::Path;

pub struct Panel {
    pub title: String,
    pub unit: &'static str,
    pub bars: Vec<Bar>,
}

pub struct Bar {
    pub value: f64,
    /// A longer, lighter bar behind it.
    pub tail: Option<f64>,
    pub label: String,
}

/// Pixels.
const MARGIN: i32 = 24;
const NAMES: i32 = 170;
const PANEL: i32 = 330;
const LABELS: i32 = 110;
const HEAD: i32 = 130;
const ROW: i32 = 48;
const BAR: i32 = 24;
const FOOT: i32 = 30;
const NOTE: i32 = 24;

const INK: RGBColor = RGBColor(31, 41, 55);
const GREY: RGBColor = RGBColor(107, 114, 128);
const OURS: RGBColor = RGBColor(4, 120, 87);
const OTHER: RGBColor = RGBColor(100, 116, 139);

/// Draws the rows of `names`, the first `ours` of them in Aisle's colour.
pub fn draw(path: &Path, title: &str, notes: &[String], names: &[&str], ours: usize, panels: &[Panel]) {
    let rows = i32::try_from(names.len()).expect("a few");
    let columns = i32::try_from(panels.len()).expect("a few");
    // Titles are wider than one panel.
    let width = (2 * MARGIN + NAMES + columns * PANEL).max(900);
    let lines = i32::try_from(notes.len()).expect("a few");
    let height = HEAD + rows * ROW + FOOT + lines * NOTE;
    let root = SVGBackend::new(path, (width.unsigned_abs(), height.unsigned_abs())).into_drawing_area();
    root.fill(&WHITE).expect("a drawing");
    write(&root, title, (MARGIN, 34), 26, INK, HPos::Left);
    for (line, note) in (0..).zip(notes) {
        write(&root, note, (MARGIN, height - (lines - line) * NOTE), 16, GREY, HPos::Left);
    }
    let top = |row: usize| HEAD + i32::try_from(row).expect("a few") * ROW;
    for (row, name) in names.iter().enumerate() {
        let color = if row < ours { OURS } else { INK };
        write(&root, name, (MARGIN + NAMES - 12, top(row) + ROW / 2), 18, color, HPos::Right);
    }
    for (column, panel) in (0..).zip(panels) {
        let left = MARGIN + NAMES + column * PANEL;
        write(&root, &panel.title, (left, HEAD - 48), 19, INK, HPos::Left);
        write(&root, panel.unit, (left, HEAD - 22), 16, GREY, HPos::Left);
        let longest = panel.bars.iter().map(|bar| bar.tail.unwrap_or(bar.value)).fold(0.0, f64::max);
        let end = |value: f64| left + (f64::from(PANEL - LABELS) * value / longest).round() as i32;
        for (row, bar) in panel.bars.iter().enumerate() {
            let color = if row < ours { OURS } else { OTHER };
            let y = top(row) + (ROW - BAR) / 2;
            let fill = |to: f64, style: ShapeStyle| {
                root.draw(&Rectangle::new([(left, y), (end(to), y + BAR)], style)).expect("a drawing");
            };
            if let Some(tail) = bar.tail {
                fill(tail, color.mix(0.35).filled());
            }
            fill(bar.value, color.filled());
            let label = end(bar.tail.unwrap_or(bar.value)) + 8;
            write(&root, &bar.label, (label, y + BAR / 2), 16, INK, HPos::Left);
        }
        let axis = Rectangle::new([(left - 1, HEAD), (left, HEAD + rows * ROW)], GREY.filled());
        root.draw(&axis).expect("a drawing");
    }
    root.present().expect("the chart can be written");
}

fn write(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    text: &str,
    at: (i32, i32),
    size: i32,
    color: RGBColor,
    from: HPos,
) {
    let style = ("sans-serif", size).into_font().color(&color).pos(Pos::new(from, VPos::Center));
    root.draw(&Text::new(text, at, style)).expect("a drawing");
}
