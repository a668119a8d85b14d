//! The screen as assistive technology and fingers find it: every page, in every format,
//! language and mode, drawn by Slint's testing backend and walked element by element.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "common/pages.rs"]
mod pages;

use aisle::view::touch::Touch;
use aisle::view::ui::{AppWindow, Chrome, Contrast, ListAdapter, Page, SearchAdapter, Sheet, Theme, Words};
use aisle::view::window::Window;
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use pages::{PAGES, brand};
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalSize};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

const FORMATS: [(f32, f32); 3] = [(1080.0, 1920.0), (1280.0, 800.0), (1920.0, 1080.0)];
/// Smallest edge of a touch target, in pixels.
const TARGET: f32 = 60.0;

struct Screen {
    window: Rc<Window>,
    touches: Rc<RefCell<Vec<Touch>>>,
}

impl Screen {
    fn open() -> Self {
        i_slint_backend_testing::init_no_event_loop();
        let touches = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&touches);
        let window = Window::open(&brand(), move |touch| seen.borrow_mut().push(touch)).unwrap();
        Self { window, touches }
    }

    fn ui(&self) -> &AppWindow {
        self.window.component()
    }

    /// The pages' own preview data, which is what the previewer shows, on `page`.
    fn turn_to(&self, page: Page, format: (f32, f32)) {
        self.ui().window().set_size(LogicalSize::new(format.0, format.1));
        self.ui().global::<Chrome>().set_page(page);
        i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_millis(500));
    }

    /// Has it take keys.
    fn show(&self) {
        self.ui().show().unwrap();
        self.ui().window().dispatch_event(WindowEvent::WindowActiveChanged(true));
    }

    fn key(&self, key: Key) {
        let text = slint::SharedString::from(key);
        self.ui().window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        self.ui().window().dispatch_event(WindowEvent::KeyReleased { text });
        self.settle();
        // As the kiosk does four times a second.
        self.window.hold_keys();
    }

    /// What is touched by going on so often and pressing each control that is met.
    fn pressed(&self, steps: usize, on: Key) -> Vec<Touch> {
        let step = |_| {
            self.key(on);
            self.key(Key::Return);
            self.taken()
        };
        (0..steps).flat_map(step).collect()
    }

    /// Goes on until a control that does this was pressed.
    fn press_until(&self, is_it: impl Fn(&Touch) -> bool) {
        while !self.pressed(1, Key::Tab).iter().any(&is_it) {}
    }

    /// Has timers and changed properties do what they do.
    fn settle(&self) {
        i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_millis(50));
    }

    fn elements(&self) -> Vec<ElementHandle> {
        ElementQuery::from_root(self.ui()).match_descendants().find_all()
    }

    fn buttons(&self) -> Vec<ElementHandle> {
        let is_button = |element: &ElementHandle| element.accessible_role() == Some(AccessibleRole::Button);
        self.elements().into_iter().filter(is_button).collect()
    }

    fn button(&self, label: &str) -> ElementHandle {
        let named = |element: &ElementHandle| element.accessible_label().is_some_and(|own| own == label);
        self.buttons().into_iter().find(named).unwrap_or_else(|| panic!("no button is called {label:?}"))
    }

    fn taken(&self) -> Vec<Touch> {
        self.touches.borrow_mut().drain(..).filter(|touch| *touch != Touch::Presence).collect()
    }
}

#[test]
fn every_control_has_a_name_and_room_for_a_finger() {
    let screen = Screen::open();
    let mut seen = 0;
    for format in FORMATS {
        for large in [false, true] {
            screen.ui().global::<Theme>().set_large_text(large);
            for page in PAGES {
                screen.turn_to(page, format);
                for button in screen.buttons() {
                    let label = button.accessible_label().unwrap_or_default();
                    let size = button.size();
                    let place = format!("{page:?} at {format:?}, large text {large}: {label:?}");
                    assert!(
                        !label.trim().is_empty(),
                        "{page:?} has a control without a name, at {:?}",
                        button.absolute_position()
                    );
                    assert!(size.width >= TARGET - 0.5 && size.height >= TARGET - 0.5, "{place} is {size:?}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 500, "{seen} controls were seen");
}

#[test]
fn a_touch_says_what_was_touched_by_finger_and_by_assistive_technology() {
    let screen = Screen::open();
    screen.turn_to(Page::Results, FORMATS[0]);
    screen.button("Help").invoke_accessible_default_action();
    assert_eq!(screen.taken(), [Touch::HelpOpened]);
    screen.button("Start over").mock_single_click(PointerEventButton::Left);
    assert_eq!(screen.taken(), [Touch::Ended]);
    screen.button("Put Organic Oat Milk 1 L on the list").mock_single_click(PointerEventButton::Left);
    let added = screen.taken();
    assert!(matches!(&added[..], [Touch::Added(sku)] if sku.as_str() == "1"), "{added:?}");
    screen.turn_to(Page::Feedback, FORMATS[0]);
    screen.button("Yes, thank you").mock_single_click(PointerEventButton::Left);
    assert!(matches!(screen.taken()[..], [Touch::Thumbed(_)]));
}

#[test]
fn a_scan_is_told_from_typing() {
    let screen = Screen::open();
    screen.turn_to(Page::Home, FORMATS[0]);
    screen.ui().show().unwrap();
    screen.ui().window().dispatch_event(WindowEvent::WindowActiveChanged(true));
    for key in "4006381333931\n".chars() {
        screen.ui().window().dispatch_event(WindowEvent::KeyPressed { text: key.into() });
    }
    assert_eq!(screen.taken(), [Touch::Scanned("4006381333931".into())]);
}

#[test]
fn each_language_has_words_of_its_own_for_every_control() {
    let screen = Screen::open();
    let labels = || -> BTreeSet<String> {
        let mut labels = BTreeSet::new();
        for page in PAGES {
            screen.turn_to(page, FORMATS[0]);
            labels.extend(screen.buttons().iter().filter_map(|own| own.accessible_label()).map(String::from));
        }
        // Letters of the keyboard and signs of aisles are the same everywhere.
        labels.retain(|label| label.chars().count() > 2);
        labels
    };
    let english = labels();
    for language in ["es", "de", "fr"] {
        slint::select_bundled_translation(language).unwrap();
        let own = labels();
        // Names of products and of languages are.
        let same = own.intersection(&english).count();
        assert!(
            own.len() > 100 && same * 2 < own.len(),
            "{language}: {same} of {} are as in English",
            own.len()
        );
    }
    slint::select_bundled_translation("de").unwrap();
    let words = screen.ui().global::<Words>();
    assert_eq!(words.invoke_dietary("gluten-free".into()), "Glutenfrei");
    assert_eq!(words.invoke_dietary("paleo".into()), "paleo", "what has no word is shown as it is");
}

/// Pairs of message and translation of a gettext file; plural forms one after the other.
fn messages(language: &str) -> Vec<(String, Vec<String>)> {
    let path = format!("{}/ui/lang/{language}/LC_MESSAGES/aisle-ui.po", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let quoted = |line: &str| line.split_once('"').unwrap().1.strip_suffix('"').unwrap().to_owned();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut in_id = false;
    for line in text.lines() {
        if line.starts_with("msgid_plural") {
            in_id = false;
        } else if line.starts_with("msgid") {
            found.push((quoted(line), Vec::new()));
            in_id = true;
        } else if line.starts_with("msgstr") {
            found.last_mut().unwrap().1.push(quoted(line));
            in_id = false;
        } else if line.starts_with('"') {
            let (id, own) = found.last_mut().unwrap();
            if in_id { id.push_str(&quoted(line)) } else { own.last_mut().unwrap().push_str(&quoted(line)) }
        }
    }
    found.retain(|(id, _)| !id.is_empty());
    found
}

#[test]
fn translations_are_whole_and_keep_their_places_for_values() {
    let places = |text: &str| {
        let mut found: Vec<String> = text
            .match_indices('{')
            .filter_map(|(at, _)| Some(text[at..=at + text[at..].find('}')?].to_owned()))
            .collect();
        found.sort();
        found.dedup();
        found
    };
    let mut ids: Vec<Vec<String>> = Vec::new();
    for language in ["es", "de", "fr"] {
        let messages = messages(language);
        assert!(messages.len() > 250, "{language} has {}", messages.len());
        for (id, own) in &messages {
            for text in own {
                assert!(!text.is_empty(), "{language}: {id:?} has no words");
                assert_eq!(places(text), places(id), "{language}: {id:?} is {text:?}");
            }
        }
        let mut own: Vec<String> = messages.into_iter().map(|(id, _)| id).collect();
        own.sort();
        ids.push(own);
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "all have the same messages");
}

#[test]
fn high_contrast_leaves_nothing_grey() {
    let screen = Screen::open();
    let theme = screen.ui().global::<Theme>();
    theme.set_contrast(Contrast::High);
    for colour in [theme.get_ink(), theme.get_ink_soft(), theme.get_good(), theme.get_bad(), theme.get_line()]
    {
        assert_eq!((colour.red(), colour.green(), colour.blue()), (255, 255, 255));
    }
    let ground = theme.get_ground();
    assert_eq!((ground.red(), ground.green(), ground.blue()), (0, 0, 0));
}

#[test]
fn everything_is_reached_by_keyboard() {
    let screen = Screen::open();
    screen.turn_to(Page::Results, FORMATS[0]);
    screen.show();
    // More often than there are controls, so that it comes around.
    let reached = screen.pressed(60, Key::Tab);
    let sku = |text: &str| aisle::domain::Sku::new(text).unwrap();
    let mut wanted = vec![
        Touch::Back,
        Touch::Home,
        Touch::HelpOpened,
        Touch::Ended,
        Touch::SheetOpened(Sheet::Language),
        Touch::SheetOpened(Sheet::Access),
        Touch::Typed,
        Touch::Spoke,
        Touch::ListOpened,
        Touch::MapOpened,
        Touch::ForYouOpened,
        Touch::Narrowed("d:vegan".into()),
    ];
    for card in ["1", "2", "3"] {
        wanted.extend([Touch::Opened(sku(card)), Touch::Added(sku(card)), Touch::CompareToggled(sku(card))]);
    }
    for touch in wanted {
        assert!(reached.contains(&touch), "{touch:?} is not reached by Tab and Enter: {reached:?}");
    }
}

#[test]
fn a_keypad_of_arrows_goes_from_control_to_control() {
    let screen = Screen::open();
    screen.turn_to(Page::Feedback, FORMATS[0]);
    screen.show();
    let reached = screen.pressed(20, Key::DownArrow);
    assert!(reached.contains(&Touch::Ended) && reached.contains(&Touch::Typed), "{reached:?}");
    let (first, second) = (reached[0].clone(), reached[1].clone());
    // Back to where it began: to the start of the page, and one on.
    screen.turn_to(Page::Help, FORMATS[0]);
    screen.turn_to(Page::Feedback, FORMATS[0]);
    for way in [Key::RightArrow, Key::RightArrow, Key::LeftArrow] {
        screen.key(way);
        screen.key(Key::Return);
    }
    assert_eq!(screen.taken(), [first.clone(), second, first]);
}

#[test]
fn what_a_sheet_covers_is_out_of_reach_until_it_is_closed() {
    let screen = Screen::open();
    screen.turn_to(Page::Home, FORMATS[0]);
    screen.show();
    let chrome = screen.ui().global::<Chrome>();
    // It is opened by its button, which holds the focus then.
    screen.press_until(|touch| *touch == Touch::SheetOpened(Sheet::Access));
    chrome.set_sheet(Sheet::Access);
    screen.settle();
    let reached = screen.pressed(30, Key::Tab);
    assert!(reached.contains(&Touch::ContrastToggled) && reached.contains(&Touch::LargeToggled));
    for covered in [Touch::Typed, Touch::ListOpened, Touch::HelpOpened, Touch::Ended] {
        assert!(!reached.contains(&covered), "{covered:?} is under the sheet: {reached:?}");
    }
    assert!(screen.button("Help").accessible_enabled() == Some(false), "assistive technology is told");
    screen.key(Key::Escape);
    assert_eq!(screen.taken(), [Touch::SheetOpened(Sheet::None)]);
    // The question whether anybody is there covers the sheet as well.
    chrome.set_idle_seconds(9);
    screen.settle();
    let mut reached = screen.pressed(10, Key::Tab);
    reached.sort_by_key(|touch| *touch == Touch::Ended);
    reached.dedup();
    assert_eq!(reached, [Touch::Stayed, Touch::Ended]);
    screen.key(Key::Escape);
    assert_eq!(screen.taken(), [Touch::Stayed]);
    chrome.set_idle_seconds(0);
    chrome.set_sheet(Sheet::None);
    screen.settle();
    assert!(screen.button("Help").accessible_enabled() == Some(true));
}

#[test]
fn a_page_is_turned_by_keys_as_far_as_it_goes() {
    let screen = Screen::open();
    screen.turn_to(Page::Results, FORMATS[1]);
    screen.ui().global::<Theme>().set_large_text(true);
    screen.show();
    let height = || screen.button("Put Organic Oat Milk 1 L on the list").absolute_position().y;
    let top = height();
    screen.key(Key::PageUp);
    assert_eq!(height(), top, "it begins at the top");
    screen.key(Key::PageDown);
    let turned = height();
    assert!(turned < top - 40.0, "{top} to {turned}");
    for _ in 0..20 {
        screen.key(Key::PageDown);
    }
    let bottom = height();
    screen.key(Key::PageDown);
    assert_eq!(height(), bottom, "it ends at the bottom");
    for _ in 0..22 {
        screen.key(Key::PageUp);
    }
    assert_eq!(height(), top);
    // What holds the focus is scrolled out of sight: keys and scans are heard all the same.
    screen.press_until(|touch| matches!(touch, Touch::Opened(_)));
    for _ in 0..20 {
        screen.key(Key::PageDown);
    }
    assert_eq!(height(), bottom);
    screen.taken();
    for digit in "4006381333931\n".chars() {
        screen.ui().window().dispatch_event(WindowEvent::KeyPressed { text: digit.into() });
    }
    assert_eq!(screen.taken(), [Touch::Scanned("4006381333931".into())]);
}

#[test]
fn a_control_that_can_do_no_more_gives_the_focus_on() {
    let screen = Screen::open();
    screen.turn_to(Page::List, FORMATS[0]);
    screen.show();
    let list = screen.ui().global::<ListAdapter>();
    screen.press_until(|touch| *touch == Touch::Undone);
    list.set_undoable(false);
    screen.settle();
    screen.key(Key::Return);
    assert_eq!(screen.taken(), [], "it does nothing any more");
    screen.key(Key::Tab);
    screen.key(Key::Return);
    assert_eq!(screen.taken(), [Touch::WayShown], "and the next control is the next");
}

#[test]
fn any_key_wakes_the_kiosk() {
    let screen = Screen::open();
    screen.turn_to(Page::Attract, FORMATS[0]);
    screen.show();
    for key in [Key::Space, Key::Escape, Key::PageDown, Key::DownArrow] {
        screen.key(key);
        assert_eq!(screen.taken(), [Touch::Woken(None)], "{key:?}");
    }
}

#[test]
fn a_keypad_writes_on_the_keyboard_of_the_screen() {
    let screen = Screen::open();
    screen.turn_to(Page::Search, FORMATS[0]);
    screen.show();
    let search = screen.ui().global::<SearchAdapter>();
    search.set_text("".into());
    screen.settle();
    // Out of the field, and on to the first letter.
    let mut steps = 0;
    while search.get_text().is_empty() {
        screen.key(Key::DownArrow);
        steps += 1;
        assert!(steps < 40, "no key of the keyboard is reached");
        screen.key(Key::Return);
        // What is suggested is passed by.
        screen.taken();
    }
    let first = search.get_text();
    screen.key(Key::Return);
    assert_eq!(search.get_text(), format!("{first}{first}"), "the focus stays where it types");
    // Cleared, the field is written in again.
    screen.button("Clear").invoke_accessible_default_action();
    screen.settle();
    screen.ui().window().dispatch_event(WindowEvent::KeyPressed { text: "x".into() });
    assert_eq!(search.get_text(), "x");
}

#[test]
fn what_a_control_is_called_is_not_read_twice() {
    let screen = Screen::open();
    let mut twice = BTreeSet::new();
    let mut seen = 0;
    for format in FORMATS {
        for page in PAGES {
            screen.turn_to(page, format);
            let texts: Vec<ElementHandle> = screen
                .elements()
                .into_iter()
                .filter(|element| element.accessible_role() == Some(AccessibleRole::Text))
                .collect();
            for button in screen.buttons() {
                let (at, size) = (button.absolute_position(), button.size());
                let label = button.accessible_label();
                seen += 1;
                for text in &texts {
                    let own = text.absolute_position();
                    let inside = own.x >= at.x - 1.0
                        && own.y >= at.y - 1.0
                        && own.x + text.size().width <= at.x + size.width + 1.0
                        && own.y + text.size().height <= at.y + size.height + 1.0;
                    if inside && text.accessible_label() == label {
                        twice.insert(format!("{page:?}: {label:?}"));
                    }
                }
            }
        }
    }
    assert!(seen > 250, "{seen} controls were seen");
    assert!(twice.is_empty(), "{twice:#?}");
}
