//! What stands around every page: bars, sheets, captions, and the shopper's own settings.

use super::format::Language;
use super::scanner::Scanner;
use super::touch::Touch;
use super::ui;
use super::window::{Sender, Showing};
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle, SharedString, Timer};
use std::cell::RefCell;
use std::time::{Duration, Instant};

pub use super::ui::{Ear, Page, Sheet};

/// F1, which audio keypads for blind people send from their help key.
const AUDIO_KEY: char = '\u{f704}';

/// What makes the kiosk easier to use; each visit begins without.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    pub high_contrast: bool,
    pub large_text: bool,
    pub low_reach: bool,
    pub still: bool,
}

/// What was just done, in a word of the shopper's language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// This was put on the list.
    Added(String),
    Undone,
    /// The code that was scanned is of nothing that the shop has.
    UnknownCode,
    /// No more than four can be compared.
    ComparedMost,
    /// The assistant's own words.
    Said(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub store: String,
    pub page: Page,
    pub sheet: Sheet,
    pub can_back: bool,
    pub voice: bool,
    pub sound: bool,
    pub speaking: bool,
    /// What is being said, in words.
    pub caption: String,
    /// Whether the shopper is heard.
    pub ear: Ear,
    /// What is heard, as it is heard.
    pub heard: String,
    /// How loud they are, 0 to 1.
    pub level: f32,
    /// The talk button is kept pressed.
    pub holding: bool,
    /// Too loud here to be understood.
    pub noisy: bool,
    /// Stage timings for developers; empty: not shown.
    pub trace: String,
    pub notice: Option<Notice>,
    pub undoable: bool,
    pub pieces: u32,
    pub language: Language,
    pub access: Access,
    /// 0 to 10.
    pub volume: u8,
    /// Seconds until the visit is erased, while that is asked.
    pub idle_seconds: Option<u32>,
    /// That is asked because "start over" was touched.
    pub leaving: bool,
    pub busy: bool,
}

pub(super) fn show(model: &Model, window: &ui::AppWindow, showing: &mut Showing<'_>) {
    let theme = window.global::<ui::Theme>();
    let access = model.access;
    theme.set_contrast(if access.high_contrast { ui::Contrast::High } else { ui::Contrast::Normal });
    theme.set_large_text(access.large_text);
    theme.set_low_reach(access.low_reach);
    theme.set_still(access.still);
    let chrome = window.global::<ui::Chrome>();
    chrome.set_store(model.store.as_str().into());
    chrome.set_page(model.page);
    chrome.set_sheet(model.sheet);
    chrome.set_can_back(model.can_back);
    chrome.set_voice(model.voice);
    chrome.set_sound(model.sound);
    chrome.set_speaking(model.speaking);
    chrome.set_caption(model.caption.as_str().into());
    chrome.set_ear(model.ear);
    chrome.set_heard(model.heard.as_str().into());
    chrome.set_level(model.level.clamp(0.0, 1.0));
    chrome.set_holding(model.holding);
    chrome.set_noisy(model.noisy);
    chrome.set_trace(model.trace.as_str().into());
    let words = &showing.words;
    let notice = model.notice.as_ref().map(|notice| match notice {
        Notice::Added(title) => words.invoke_added(title.into()),
        Notice::Undone => words.invoke_undone(),
        Notice::UnknownCode => words.invoke_unknown_code(),
        Notice::ComparedMost => words.invoke_compared_most(),
        Notice::Said(text) => text.into(),
    });
    chrome.set_notice(notice.unwrap_or_default());
    chrome.set_undoable(model.undoable);
    chrome.set_pieces(i32::try_from(model.pieces).unwrap_or(i32::MAX));
    chrome.set_language(model.language.code().into());
    chrome.set_volume(model.volume.into());
    chrome.set_idle_seconds(model.idle_seconds.and_then(|left| i32::try_from(left).ok()).unwrap_or(0));
    chrome.set_leaving(model.leaving);
    chrome.set_busy(model.busy);
}

pub(super) fn listen(window: &ui::AppWindow, send: &Sender) {
    let chrome = window.global::<ui::Chrome>();
    chrome.on_back(send.plain(Touch::Back));
    chrome.on_home(send.plain(Touch::Home));
    chrome.on_ended(send.plain(Touch::Ended));
    chrome.on_stayed(send.plain(Touch::Stayed));
    chrome.on_list_opened(send.plain(Touch::ListOpened));
    chrome.on_map_opened(send.plain(Touch::MapOpened));
    chrome.on_help_opened(send.plain(Touch::HelpOpened));
    chrome.on_for_you_opened(send.plain(Touch::ForYouOpened));
    chrome.on_consent_opened(send.plain(Touch::ConsentOpened));
    chrome.on_spoke(send.plain(Touch::Spoke));
    chrome.on_talk_pressed(send.plain(Touch::TalkPressed));
    chrome.on_talk_released(send.plain(Touch::TalkReleased));
    chrome.on_hushed(send.plain(Touch::Hushed));
    chrome.on_typed(send.plain(Touch::Typed));
    chrome.on_sheet_opened(send.with(Touch::SheetOpened));
    let own = send.clone();
    chrome.on_language_chosen(move |code| {
        if let Some(language) = Language::parse(&code) {
            own.send(Touch::LanguageChosen(language));
        }
    });
    chrome.on_contrast_toggled(send.plain(Touch::ContrastToggled));
    chrome.on_large_toggled(send.plain(Touch::LargeToggled));
    chrome.on_reach_toggled(send.plain(Touch::ReachToggled));
    chrome.on_still_toggled(send.plain(Touch::StillToggled));
    chrome.on_volume_stepped(send.with(Touch::VolumeStepped));
    chrome.on_read_aloud(send.plain(Touch::ReadAloud));
    chrome.on_silenced(send.plain(Touch::Silenced));
    chrome.on_notice_undone(send.plain(Touch::NoticeUndone));
    chrome.on_held(send.plain(Touch::Held));
    window.global::<ui::Presence>().on_touched(send.plain(Touch::Presence));
    let own = window.as_weak();
    window.global::<ui::Keys>().on_moved(move |on| {
        let key = if on { Key::Tab } else { Key::Backtab };
        let window = own.clone();
        // After the key that is under way.
        Timer::single_shot(Duration::ZERO, move || {
            let Some(window) = window.upgrade() else { return };
            let text = SharedString::from(key);
            let window = window.window();
            window.dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
            window.dispatch_event(WindowEvent::KeyReleased { text });
        });
    });
    let own = send.clone();
    let scanner = RefCell::new(Scanner::default());
    window.on_key_typed(move |text| {
        let Some(key) = text.chars().next() else { return false };
        if key == AUDIO_KEY {
            own.send(Touch::ReadAloud);
            return true;
        }
        let Some(code) = scanner.borrow_mut().key(key, Instant::now()) else { return false };
        // Its Enter is the scanner's, not that of the control that holds the focus.
        own.send(Touch::Scanned(code));
        true
    });
}
