//! The kiosk's window: shows a [`Screen`], says what was touched. Lives on the thread of
//! the event loop; a [`Handle`] reaches it from any other.

use super::format::{Format, Language};
use super::photos::{Decoded, Photos};
use super::screen::Screen;
use super::touch::Touch;
use super::ui::{self, Page};
use super::{
    attract, chrome, compare, consent, feedback, for_you, help, home, list, listening, maintenance, map,
    outage, product, results, search,
};
use crate::domain::product::{Unit, UnitPrice};
use crate::domain::{Attribute, Currency, Sku};
use i_slint_core::window::WindowInner;
use slint::{Color, ComponentHandle, Image, Model, ModelRc, PhysicalSize, SharedString, Timer, VecModel};
use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// How the retailer dresses the kiosk.
#[derive(Debug, Clone, PartialEq)]
pub struct Brand {
    /// Of buttons and marks, as red, green and blue.
    pub colour: [u8; 3],
    /// Of offers.
    pub highlight: [u8; 3],
    /// Families of fonts that the system or the program has.
    pub font: String,
    pub display_font: String,
    /// A picture that stands in the place of the store's name.
    pub logo: Option<PathBuf>,
    /// Where the catalog's photographs are.
    pub photos: PathBuf,
    pub fullscreen: bool,
    /// Of a window that is not fullscreen, in pixels.
    pub size: Option<(u32, u32)>,
}

/// Why there is no window.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    #[error("there is no screen to draw on ({0}): run it where a display is, or with --headless")]
    Platform(#[from] slint::PlatformError),
    #[error("the event loop has ended")]
    Ended(#[from] slint::EventLoopError),
}

/// How and where the window is drawn; to be called before the first is opened.
///
/// # Errors
/// There is no such backend or renderer here, or no display.
pub fn select(backend: Option<&str>, renderer: Option<&str>) -> Result<(), WindowError> {
    let mut selector = slint::BackendSelector::new();
    if let Some(backend) = backend {
        selector = selector.backend_name(backend.into());
    }
    if let Some(renderer) = renderer {
        selector = selector.renderer_name(renderer.into());
    }
    Ok(selector.select()?)
}

/// What showing a model needs.
pub(super) struct Showing<'a> {
    pub format: &'a Format,
    pub photos: &'a mut Photos,
    pub words: ui::Words<'a>,
    pub language: Language,
    pub english: bool,
}

impl<'a> Showing<'a> {
    fn new(language: Language, format: &'a Format, photos: &'a mut Photos, ui: &'a ui::AppWindow) -> Self {
        let words = ui.global::<ui::Words>();
        Self { format, photos, words, language, english: language == Language::English }
    }

    /// A price per kilogram, litre or piece.
    pub fn unit_price(&self, price: UnitPrice, currency: Currency) -> SharedString {
        let unit = if price.per == Unit::Each { "each" } else { price.per.symbol() };
        let money = self.format.money(price.cents, currency);
        self.words.invoke_unit_price(money.into(), unit.into())
    }

    /// A stated fact.
    pub fn stated(&self, value: &Attribute) -> String {
        match value {
            Attribute::Number(number) => self.format.number(*number),
            Attribute::Flag(flag) => self.words.invoke_yes_no(*flag).into(),
            Attribute::Text(text) => text.clone(),
        }
    }
}

/// Where touches go.
#[derive(Clone)]
pub(super) struct Sender(Rc<dyn Fn(Touch)>);

impl Sender {
    pub fn send(&self, touch: Touch) {
        (self.0)(touch);
    }

    pub fn plain(&self, touch: Touch) -> impl Fn() + 'static {
        let own = self.clone();
        move || own.send(touch.clone())
    }

    pub fn with<T: 'static>(&self, make: fn(T) -> Touch) -> impl Fn(T) + 'static {
        let own = self.clone();
        move |value| own.send(make(value))
    }

    pub fn text(&self, make: fn(String) -> Touch) -> impl Fn(SharedString) + 'static {
        let own = self.clone();
        move |text| own.send(make(text.into()))
    }

    /// What is no SKU is nothing that was shown.
    pub fn sku(&self, make: fn(Sku) -> Touch) -> impl Fn(SharedString) + 'static {
        let own = self.clone();
        move |sku| {
            if let Some(sku) = Sku::new(&sku) {
                own.send(make(sku));
            }
        }
    }
}

/// Rows as a model: where `current` is one of ours its rows are brought up to date in
/// place, so that what is under a finger stays.
pub(super) fn keep<T: Clone + PartialEq + 'static>(current: ModelRc<T>, rows: Vec<T>) -> ModelRc<T> {
    let Some(own) = current.as_any().downcast_ref::<VecModel<T>>() else {
        return ModelRc::new(VecModel::from(rows));
    };
    while own.row_count() > rows.len() {
        own.remove(own.row_count() - 1);
    }
    for (at, row) in rows.into_iter().enumerate() {
        match own.row_data(at) {
            Some(before) if before == row => {}
            Some(_) => own.set_row_data(at, row),
            None => own.push(row),
        }
    }
    current
}

thread_local! {
    /// The window of this thread, for what comes from other threads.
    static WINDOW: RefCell<Option<Rc<Window>>> = const { RefCell::new(None) };
}

/// The window.
pub struct Window {
    ui: ui::AppWindow,
    shown: RefCell<Option<Screen>>,
    format: RefCell<Format>,
    photos: RefCell<Photos>,
    /// Photographs came in; the page is shown again soon.
    stale: Cell<bool>,
}

impl Window {
    /// Opens the window of this thread, with nothing on it yet.
    ///
    /// # Errors
    /// There is no display.
    pub fn open(brand: &Brand, touched: impl Fn(Touch) + 'static) -> Result<Rc<Self>, WindowError> {
        let ui = ui::AppWindow::new()?;
        dress(&ui, brand);
        let sender = Sender(Rc::new(touched));
        chrome::listen(&ui, &sender);
        attract::listen(&ui, &sender);
        home::listen(&ui, &sender);
        search::listen(&ui, &sender);
        listening::listen(&ui, &sender);
        results::listen(&ui, &sender);
        product::listen(&ui, &sender);
        compare::listen(&ui, &sender);
        list::listen(&ui, &sender);
        map::listen(&ui, &sender);
        for_you::listen(&ui, &sender);
        feedback::listen(&ui, &sender);
        consent::listen(&ui, &sender);
        help::listen(&ui, &sender);
        outage::listen(&ui, &sender);
        maintenance::listen(&ui, &sender);
        // A photograph that comes after the window went is of no use.
        let photos = Photos::new(brand.photos.clone(), |decoded| {
            let _ = slint::invoke_from_event_loop(move || with_window(|window| window.take_photo(decoded)));
        });
        let window = Rc::new(Self {
            ui,
            shown: RefCell::new(None),
            format: RefCell::new(Format::new(Language::English)),
            photos: RefCell::new(photos),
            stale: Cell::new(false),
        });
        WINDOW.with(|own| *own.borrow_mut() = Some(Rc::clone(&window)));
        Ok(window)
    }

    /// Shows the window and runs until it is closed or [`Handle::quit`].
    ///
    /// # Errors
    /// The display went away.
    pub fn run(&self) -> Result<(), WindowError> {
        Ok(self.ui.run()?)
    }

    /// Lets go of what the window holds; it is not shown again.
    pub fn close(self: Rc<Self>) {
        WINDOW.with(|own| own.borrow_mut().take());
    }

    /// The component, for tests.
    #[must_use]
    pub fn component(&self) -> &ui::AppWindow {
        &self.ui
    }

    /// Brings the window to `screen`; what is the same is left alone.
    pub fn show(&self, screen: &Screen) {
        let before = self.shown.borrow_mut().take();
        let language = screen.chrome.language;
        let retold = before.as_ref().is_none_or(|before| before.chrome.language != language);
        if retold {
            // English is what the files are written in; every other is bundled.
            let _ = slint::select_bundled_translation(language.code());
            *self.format.borrow_mut() = Format::new(language);
        }
        let before = before.as_ref().filter(|_| !retold);
        let turned = before.is_none_or(|before| before.chrome.page != screen.chrome.page);
        // The page that is turned to gets the photographs that came since it was shown.
        let is_new = |page: Page| turned && page == screen.chrome.page;
        self.lay(screen, |page, differs| before.is_none_or(differs) || is_new(page));
        *self.shown.borrow_mut() = Some(screen.clone());
        self.hold_keys();
    }

    /// Gives the keys to the window itself where no control that is seen holds them: else
    /// neither a scan nor a keypad would be heard any more.
    pub fn hold_keys(&self) {
        // Slint has no public word for who holds the focus.
        let holder = WindowInner::from_pub(self.ui.window()).focus_item.borrow().upgrade();
        if !holder.is_some_and(|item| item.is_visible()) {
            self.ui.invoke_take_keys();
        }
    }

    /// Shows each model for which `wanted` says so, asked by its page and whether it differs.
    fn lay(&self, screen: &Screen, wanted: impl Fn(Page, &dyn Fn(&Screen) -> bool) -> bool) {
        let format = self.format.borrow();
        let mut photos = self.photos.borrow_mut();
        let mut showing = Showing::new(screen.chrome.language, &format, &mut photos, &self.ui);
        let (ui, showing) = (&self.ui, &mut showing);
        if wanted(Page::Attract, &|before| before.attract != screen.attract) {
            attract::show(&screen.attract, ui, showing);
        }
        if wanted(Page::Home, &|before| before.home != screen.home) {
            home::show(&screen.home, ui, showing);
        }
        if wanted(Page::Search, &|before| before.search != screen.search) {
            search::show(&screen.search, ui, showing);
        }
        if wanted(Page::Listening, &|before| before.listening != screen.listening) {
            listening::show(&screen.listening, ui, showing);
        }
        if wanted(Page::Results, &|before| before.results != screen.results) {
            results::show(&screen.results, ui, showing);
        }
        if let Some(model) = &screen.product
            && wanted(Page::Product, &|before| before.product != screen.product)
        {
            product::show(model, ui, showing);
        }
        if wanted(Page::Compare, &|before| before.compare != screen.compare) {
            compare::show(&screen.compare, ui, showing);
        }
        if wanted(Page::List, &|before| before.list != screen.list) {
            list::show(&screen.list, ui, showing);
        }
        if wanted(Page::Map, &|before| before.map != screen.map) {
            map::show(&screen.map, ui, showing);
        }
        if wanted(Page::ForYou, &|before| before.for_you != screen.for_you) {
            for_you::show(&screen.for_you, ui, showing);
        }
        if wanted(Page::Feedback, &|before| before.feedback != screen.feedback) {
            feedback::show(&screen.feedback, ui);
        }
        if wanted(Page::Consent, &|before| before.consent != screen.consent) {
            consent::show(&screen.consent, ui);
        }
        if wanted(Page::Help, &|before| before.help != screen.help) {
            help::show(&screen.help, ui, showing);
        }
        if wanted(Page::Outage, &|before| before.outage != screen.outage) {
            outage::show(&screen.outage, ui);
        }
        if wanted(Page::Maintenance, &|before| before.maintenance != screen.maintenance) {
            maintenance::show(&screen.maintenance, ui);
        }
        // Last: the page that it turns to is ready then.
        if wanted(screen.chrome.page, &|before| before.chrome != screen.chrome) {
            chrome::show(&screen.chrome, ui, showing);
        }
    }

    fn take_photo(&self, decoded: Decoded) {
        self.photos.borrow_mut().take(decoded);
        if !self.stale.replace(true) {
            // Photographs come in bursts: one showing serves many.
            Timer::single_shot(Duration::from_millis(40), || with_window(Self::refresh));
        }
    }

    fn refresh(&self) {
        self.stale.set(false);
        let shown = self.shown.borrow_mut().take();
        if let Some(screen) = &shown {
            // Only what is seen: other pages are laid when they are turned to.
            let page = screen.chrome.page;
            self.lay(screen, |own, _| own == page);
        }
        if self.shown.borrow().is_none() {
            *self.shown.borrow_mut() = shown;
        }
    }

    /// The list as text for a printer, in the shopper's language.
    fn printout(&self) -> String {
        let shown = self.shown.borrow();
        let Some(screen) = shown.as_ref() else { return String::new() };
        let (format, mut photos) = (self.format.borrow(), self.photos.borrow_mut());
        let showing = Showing::new(screen.chrome.language, &format, &mut photos, &self.ui);
        list::printout(&screen.list, &showing)
    }
}

fn with_window(act: impl FnOnce(&Window)) {
    let window = WINDOW.with(|own| own.borrow().clone());
    if let Some(window) = window {
        act(&window);
    }
}

/// Reaches the window from any thread. What is asked for after the event loop ended is
/// not done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handle;

impl Handle {
    /// Brings the window to `screen`.
    pub fn show(self, screen: Screen) {
        let _ = slint::invoke_from_event_loop(move || with_window(|window| window.show(&screen)));
    }

    /// Puts `text` into the search field.
    pub fn fill_search(self, text: String) {
        let _ = slint::invoke_from_event_loop(move || with_window(|window| search::fill(&text, &window.ui)));
    }

    /// Calls `told` with the list as text.
    pub fn printout(self, told: impl FnOnce(String) + Send + 'static) {
        let _ = slint::invoke_from_event_loop(move || with_window(|window| told(window.printout())));
    }

    /// Calls `told` on the thread of the event loop, which shows that it runs, and sees to
    /// it that keys are heard.
    pub fn ping(self, told: impl FnOnce() + Send + 'static) {
        let _ = slint::invoke_from_event_loop(|| {
            with_window(Window::hold_keys);
            told();
        });
    }

    /// Ends the event loop.
    pub fn quit(self) {
        let _ = slint::quit_event_loop();
    }
}

fn dress(ui: &ui::AppWindow, brand: &Brand) {
    let theme = ui.global::<ui::Theme>();
    let colour = |[red, green, blue]: [u8; 3]| Color::from_rgb_u8(red, green, blue);
    let on = |face: [u8; 3]| if is_light(face) { colour([0, 0, 0]) } else { colour([255; 3]) };
    theme.set_brand(colour(brand.colour));
    theme.set_on_brand(on(brand.colour));
    theme.set_brand_ink(colour(ink(brand.colour)));
    theme.set_highlight(colour(brand.highlight));
    theme.set_on_highlight(on(brand.highlight));
    theme.set_highlight_ink(colour(ink(brand.highlight)));
    theme.set_font(brand.font.as_str().into());
    theme.set_display_font(brand.display_font.as_str().into());
    if let Some(logo) = &brand.logo {
        match Image::load_from_path(logo) {
            Ok(image) => ui.global::<ui::Chrome>().set_logo(image),
            Err(_) => tracing::warn!(logo = %logo.display(), "the logo cannot be read; the name is shown"),
        }
    }
    ui.window().set_fullscreen(brand.fullscreen);
    if let Some((width, height)) = brand.size {
        ui.window().set_size(PhysicalSize::new(width, height));
    }
}

/// Whether black reads better on a colour than white, by WCAG 2.2's relative luminance:
/// the contrast with black is (L + 0.05) / 0.05, with white 1.05 / (L + 0.05).
fn is_light(rgb: [u8; 3]) -> bool {
    let light = luminance(rgb) + 0.05;
    light * light > 0.05 * 1.05
}

/// A colour made dark enough to be read on white: 4.5 to 1 (WCAG 2.2, 1.4.3).
fn ink(rgb: [u8; 3]) -> [u8; 3] {
    let mut ink = rgb;
    while 1.05 / (luminance(ink) + 0.05) < 4.5 {
        // A twentieth darker.
        ink = ink.map(|value| value - value.div_ceil(20));
    }
    ink
}

/// Relative luminance, 0 to 1.
fn luminance(rgb: [u8; 3]) -> f64 {
    let linear = rgb.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_the_brand_colour_can_be_read() {
        assert!(!is_light([15, 92, 74]));
        assert!(is_light([255, 221, 0]));
        assert!(!is_light([0, 0, 0]) && is_light([255; 3]));
        assert_eq!(ink([15, 92, 74]), [15, 92, 74]);
        for light in [[255, 221, 0], [255; 3], [0, 255, 0], [214, 67, 31]] {
            let ratio = 1.05 / (luminance(ink(light)) + 0.05);
            assert!((4.5..5.6).contains(&ratio), "{light:?}: {ratio}");
        }
    }

    #[test]
    fn rows_are_kept_where_they_are_the_same() {
        let first = keep(ModelRc::default(), vec![1, 2, 3]);
        let second = keep(first.clone(), vec![1, 5]);
        assert!(first == second, "the model is the same one");
        assert_eq!(second.iter().collect::<Vec<_>>(), [1, 5]);
        assert_eq!(keep(second, vec![1, 5, 6]).iter().collect::<Vec<_>>(), [1, 5, 6]);
    }
}
