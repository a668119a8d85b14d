//! The store's floor: shelves of the planogram as rectangles, and the way along the aisles
//! from the kiosk past all that is looked for. Pure.

use crate::domain::planogram::is_aisle;
use crate::domain::{Area, Point};
use crate::view::map::Shelf;
use pathfinding::directed::dijkstra::dijkstra;
use std::collections::BTreeSet;

/// Depth of a shelf, in metres: a gondola with goods on both sides, as in the trade's
/// usual planograms.
const SHELF: f64 = 1.6;
/// Edge of a cell of the grid that ways are looked for on, in metres.
const CELL: f64 = 0.5;
/// Free floor around the outermost shelves, in metres.
const MARGIN: f64 = 2.0;
/// What a turn costs, in cells: people walk straight.
const TURN: u32 = 3;
/// Longest side of a floor that ways are looked for on, in metres: no shop is larger, and
/// a planogram in other units is.
const LARGEST: f64 = 250.0;
/// The same in cells.
const MOST: i32 = 500;

/// The floor.
#[derive(Debug, Clone, PartialEq)]
pub struct Floor {
    pub shelves: Vec<Shelf>,
    pub width: f64,
    pub depth: f64,
}

type Cell = (i32, i32);

impl Floor {
    /// The floor of `areas`, with the kiosk on it.
    #[must_use]
    pub fn new(areas: &[Area], kiosk: Option<Point>) -> Self {
        let shelves: Vec<Shelf> = areas.iter().map(shelf).collect();
        let far =
            |reach: &dyn Fn(&Shelf) -> f64, own: f64| shelves.iter().map(reach).fold(own, f64::max) + MARGIN;
        let width = far(&|shelf| shelf.corner.x + shelf.width, kiosk.map_or(0.0, |at| at.x));
        let depth = far(&|shelf| shelf.corner.y + shelf.depth, kiosk.map_or(0.0, |at| at.y));
        Self { shelves, width, depth }
    }

    /// The corners of a way from `from` past all of `stops`, and the order it passes them
    /// in: always on to the nearest. Empty where there is none.
    #[must_use]
    pub fn way(&self, from: Point, stops: &[Point]) -> (Vec<Point>, Vec<usize>) {
        if self.width > LARGEST || self.depth > LARGEST {
            return (Vec::new(), (0..stops.len()).collect());
        }
        let blocked = self.blocked();
        let size = (cells(self.width), cells(self.depth));
        let start = nearest_free(cell(from), &blocked, size);
        let mut left: Vec<(usize, BTreeSet<Cell>)> = stops
            .iter()
            .enumerate()
            .map(|(index, stop)| (index, beside(cell(*stop), &blocked, size)))
            .collect();
        let (mut at, mut way, mut order) = (start, vec![start], Vec::new());
        while !left.is_empty() {
            let is_goal = |cell: &Cell| left.iter().position(|(_, goals)| goals.contains(cell));
            let Some(leg) = walk(at, |cell| is_goal(cell).is_some(), &blocked, size) else { break };
            at = leg.last().copied().unwrap_or(at);
            let Some(place) = is_goal(&at) else { break };
            let (index, _) = left.remove(place);
            way.extend(leg.into_iter().skip(1));
            order.push(index);
        }
        if order.is_empty() {
            return (Vec::new(), (0..stops.len()).collect());
        }
        // What cannot be reached is told of all the same.
        order.extend(left.into_iter().map(|(index, _)| index));
        (corners(&way).into_iter().map(point).collect(), order)
    }

    fn blocked(&self) -> BTreeSet<Cell> {
        let mut blocked = BTreeSet::new();
        for shelf in &self.shelves {
            let (from, to) = (
                cell(shelf.corner),
                cell(Point { x: shelf.corner.x + shelf.width, y: shelf.corner.y + shelf.depth }),
            );
            for x in from.0..=to.0 {
                blocked.extend((from.1..=to.1).map(|y| (x, y)));
            }
        }
        blocked
    }
}

/// An area as a rectangle: a shelf's depth to both sides of the line of its bays.
fn shelf(area: &Area) -> Shelf {
    let to = area.to.unwrap_or(Point { x: area.x, y: area.y });
    let (left, right) = (area.x.min(to.x), area.x.max(to.x));
    let (near, far) = (area.y.min(to.y), area.y.max(to.y));
    let (wide, deep) = (right - left, far - near);
    // A line runs along one of the axes: it is widened across, not along.
    let (pad_x, pad_y) = match (wide > deep, area.to.is_none()) {
        (_, true) => (SHELF / 2.0, SHELF / 2.0),
        (true, _) => (0.0, SHELF / 2.0),
        (false, _) => (SHELF / 2.0, 0.0),
    };
    Shelf {
        id: area.id.clone(),
        name: area.name.clone(),
        corner: Point { x: (left - pad_x).max(0.0), y: (near - pad_y).max(0.0) },
        width: wide + 2.0 * pad_x,
        depth: deep + 2.0 * pad_y,
        is_counter: area.to.is_none() || !is_aisle(&area.id),
        is_goal: false,
    }
}

// Floors are small; what is not is clamped.
#[allow(clippy::cast_possible_truncation)]
fn cells(metres: f64) -> i32 {
    ((metres / CELL).ceil() as i32).clamp(1, MOST)
}

#[allow(clippy::cast_possible_truncation)]
fn cell(at: Point) -> Cell {
    let index = |metres: f64| ((metres / CELL).floor() as i32).clamp(0, MOST);
    (index(at.x), index(at.y))
}

fn point(at: Cell) -> Point {
    Point { x: (f64::from(at.0) + 0.5) * CELL, y: (f64::from(at.1) + 0.5) * CELL }
}

/// The nearest cell that can be stood on: shelves are picked from the aisle beside them.
fn nearest_free(at: Cell, blocked: &BTreeSet<Cell>, size: Cell) -> Cell {
    let at = (at.0.min(size.0 - 1), at.1.min(size.1 - 1));
    let free = |cell: &Cell| {
        (0..size.0).contains(&cell.0) && (0..size.1).contains(&cell.1) && !blocked.contains(cell)
    };
    let ring = |reach: i32| {
        let side = move |x: i32| (-reach..=reach).map(move |y| (at.0 + x, at.1 + y));
        (-reach..=reach)
            .flat_map(side)
            .filter(move |cell| (cell.0 - at.0).abs().max((cell.1 - at.1).abs()) == reach)
    };
    let apart = |cell: &Cell| (cell.0 - at.0).pow(2) + (cell.1 - at.1).pow(2);
    (0..20).find_map(|reach| ring(reach).filter(free).min_by_key(apart)).unwrap_or(at)
}

/// The cells that a bay is picked from: free ones on either side of its shelf.
fn beside(at: Cell, blocked: &BTreeSet<Cell>, size: Cell) -> BTreeSet<Cell> {
    let nearest = nearest_free(at, blocked, size);
    let reach = (nearest.0 - at.0).abs().max((nearest.1 - at.1).abs()) + 1;
    let mut goals: BTreeSet<Cell> = (-reach..=reach)
        .flat_map(|x| [(at.0 + x, at.1), (at.0, at.1 + x)])
        .filter(|cell| {
            (0..size.0).contains(&cell.0) && (0..size.1).contains(&cell.1) && !blocked.contains(cell)
        })
        .collect();
    goals.insert(nearest);
    goals
}

/// The cells of the shortest way with few turns to the nearest goal.
fn walk(
    from: Cell,
    is_goal: impl Fn(&Cell) -> bool,
    blocked: &BTreeSet<Cell>,
    size: Cell,
) -> Option<Vec<Cell>> {
    const AHEAD: [Cell; 4] = [(1, 0), (-1, 0), (0, 1), (0, -1)];
    let next = |&(at, heading): &(Cell, usize)| {
        AHEAD
            .iter()
            .enumerate()
            .filter_map(move |(direction, step)| {
                let to = (at.0 + step.0, at.1 + step.1);
                let inside = (0..size.0).contains(&to.0) && (0..size.1).contains(&to.1);
                let turns = heading < AHEAD.len() && heading != direction;
                (inside && !blocked.contains(&to))
                    .then_some(((to, direction), 1 + if turns { TURN } else { 0 }))
            })
            .collect::<Vec<_>>()
    };
    // The goals lie around: there is no one direction for a heuristic to prefer.
    let (way, _) = dijkstra(&(from, AHEAD.len()), next, |(at, _)| is_goal(at))?;
    Some(way.into_iter().map(|(at, _)| at).collect())
}

/// The cells where the way turns, with both its ends.
fn corners(way: &[Cell]) -> Vec<Cell> {
    let heading = |a: Cell, b: Cell| ((b.0 - a.0).signum(), (b.1 - a.1).signum());
    let mut corners: Vec<Cell> = way.first().copied().into_iter().collect();
    for part in way.windows(3) {
        if heading(part[0], part[1]) != heading(part[1], part[2]) {
            corners.push(part[1]);
        }
    }
    if way.len() > 1 {
        corners.extend(way.last());
    }
    corners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floor() -> Floor {
        let area = |id: &str, x: f64, y: f64, to: Option<Point>| Area {
            id: id.into(),
            name: id.into(),
            x,
            y,
            to,
            bays: 8,
            shelves: 4,
        };
        let upright = |id: &str, x: f64| area(id, x, 8.0, Some(Point { x, y: 18.0 }));
        let areas = [upright("1", 9.0), upright("2", 13.0), upright("3", 17.0), area("B", 5.0, 4.0, None)];
        Floor::new(&areas, Some(Point { x: 13.0, y: 1.5 }))
    }

    #[test]
    fn a_way_goes_around_shelves_along_the_axes() {
        let floor = floor();
        let blocked = floor.blocked();
        let (way, order) = floor.way(Point { x: 13.0, y: 1.5 }, &[Point { x: 9.0, y: 12.0 }]);
        assert_eq!(order, [0]);
        assert!(way.len() >= 2);
        for pair in way.windows(2) {
            assert!(pair[0].x == pair[1].x || pair[0].y == pair[1].y, "{pair:?} is slanted");
            let steps = 40;
            for n in 0..=steps {
                let share = f64::from(n) / f64::from(steps);
                let at = Point {
                    x: pair[0].x + (pair[1].x - pair[0].x) * share,
                    y: pair[0].y + (pair[1].y - pair[0].y) * share,
                };
                assert!(!blocked.contains(&cell(at)), "{at:?} is inside a shelf");
            }
        }
        let end = way.last().unwrap();
        assert!((end.x - 9.0).hypot(end.y - 12.0) < 2.0, "it ends beside the bay: {end:?}");
    }

    #[test]
    fn stops_are_passed_nearest_first() {
        let stops = [Point { x: 17.0, y: 17.0 }, Point { x: 5.0, y: 4.0 }, Point { x: 13.0, y: 9.0 }];
        let (way, order) = floor().way(Point { x: 6.0, y: 1.5 }, &stops);
        assert_eq!(order, [1, 2, 0]);
        assert!(way.len() > 3);
    }

    #[test]
    fn a_store_without_shelves_has_a_floor_all_the_same() {
        let floor = Floor::new(&[], None);
        assert!(floor.width > 0.0 && floor.depth > 0.0);
        let (way, order) = floor.way(Point { x: 1.0, y: 1.0 }, &[Point { x: 1e9, y: -5.0 }]);
        assert_eq!(order, [0]);
        assert!(way.len() < 4);
    }

    #[test]
    fn what_is_walled_in_is_told_of_without_a_way() {
        let wall = |x: f64, y: f64, to: Point| Area {
            id: "1".into(),
            name: "1".into(),
            x,
            y,
            to: Some(to),
            bays: 1,
            shelves: 1,
        };
        let areas = [wall(0.0, 10.0, Point { x: 40.0, y: 10.0 })];
        let mut floor = Floor::new(&areas, None);
        floor.width = 40.0;
        floor.depth = 30.0;
        let (way, order) = floor.way(Point { x: 5.0, y: 2.0 }, &[Point { x: 5.0, y: 20.0 }]);
        assert!(way.is_empty());
        assert_eq!(order, [0]);
    }
}
