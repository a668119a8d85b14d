//! Every page of the screen, and a shop's dress for it.

use aisle::view::ui::Page;
use aisle::view::window::Brand;

pub const PAGES: [Page; 15] = [
    Page::Attract,
    Page::Home,
    Page::Search,
    Page::Listening,
    Page::Results,
    Page::Product,
    Page::Compare,
    Page::List,
    Page::Map,
    Page::ForYou,
    Page::Feedback,
    Page::Consent,
    Page::Help,
    Page::Outage,
    Page::Maintenance,
];

pub fn brand() -> Brand {
    Brand {
        colour: [15, 92, 74],
        highlight: [197, 58, 24],
        font: "Inter".into(),
        display_font: "Inter Display".into(),
        logo: None,
        photos: "firmware-config/demo-store/photos".into(),
        fullscreen: false,
        size: None,
    }
}
