//! What a customer bought, as far as suggestions need it.

use super::Sku;
use std::fmt;

/// Something bought: a product on one day.
#[derive(Clone, PartialEq, Eq)]
pub struct Purchase {
    pub sku: Sku,
    pub days_ago: u32,
    pub quantity: u32,
}

/// Whose it is may stand beside it.
impl fmt::Debug for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purchase")
    }
}
