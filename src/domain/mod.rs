//! Pure types that every layer speaks: identifiers, money, products, options,
//! the shop floor, and the turn. No I/O, no clocks, no engine, no SQL; nothing
//! here imports another module of the crate.

pub mod correction;
pub mod digest;
pub mod gtin;
pub mod live;
pub mod moment;
pub mod money;
pub mod moves;
pub mod options;
pub mod planogram;
pub mod private;
pub mod product;
pub mod purchase;
pub mod size;
pub mod turn;

pub use correction::Correction;
pub use gtin::{Gtin, GtinError, Sku};
pub use live::{LiveCount, LivePrice, Recall};
pub use moment::AsOf;
pub use money::{Cents, Currency};
pub use moves::{Aside, Moves, Sold};
pub use options::{OptionGroup, OptionValue};
pub use planogram::{Area, Location, Point};
pub use private::Private;
pub use product::{Allergens, Attribute, Availability, Pack, Product, Promotion, Texts, UnitPrice};
pub use purchase::Purchase;
pub use size::Size;
