//! Where things stand in the shop: areas on a floor in metres, and a product's
//! aisle, bay and shelf. Never routes; the map does.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A point on the floor, in metres from the corner left of the entrance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// An aisle or counter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// What the sign says: `4`, `C`.
    pub id: String,
    /// What shoppers call it: `Dairy`, `Café counter`.
    pub name: String,
    /// Its first bay.
    pub x: f64,
    pub y: f64,
    /// Its last bay; `None` for a counter: all of it is at one point.
    #[serde(default)]
    pub to: Option<Point>,
    /// Number of bays (vertical sections), counted from 1.
    pub bays: u32,
    /// Number of shelves in a bay, counted from 1 at the bottom.
    pub shelves: u32,
}

/// Whether a sign is an aisle's, a number; a counter goes by its name.
#[must_use]
pub fn is_aisle(sign: &str) -> bool {
    sign.chars().all(|c| c.is_ascii_digit())
}

impl Area {
    /// Where a bay (from 1) is on the floor: bays stand evenly from the first to
    /// the last. A bay that is not told, or is not there, is the area's middle.
    #[must_use]
    pub fn bay(&self, bay: Option<u32>) -> Point {
        let from = Point { x: self.x, y: self.y };
        let to = self.to.unwrap_or(from);
        let share = match bay.filter(|bay| (1..=self.bays).contains(bay)) {
            Some(bay) if self.bays > 1 => f64::from(bay - 1) / f64::from(self.bays - 1),
            _ => 0.5,
        };
        Point { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share }
    }
}

/// A product's place: aisle sign, bay and shelf, the last two counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    pub aisle: String,
    #[serde(default)]
    pub bay: Option<u32>,
    #[serde(default)]
    pub shelf: Option<u32>,
}

impl fmt::Display for Location {
    /// `aisle 4, bay 2, shelf 3`, as far as it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aisle {}", self.aisle)?;
        if let Some(bay) = self.bay {
            write!(f, ", bay {bay}")?;
        }
        if let Some(shelf) = self.shelf {
            write!(f, ", shelf {shelf}")?;
        }
        Ok(())
    }
}
