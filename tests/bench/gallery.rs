//! Pictures of every page, with the pages' own preview data, in both formats, contrasts
//! and two languages: a sheet each, into the folder that is named (default: ui/pictures).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../common/pages.rs"]
mod pages;

use aisle::view::ui::{AppWindow, Chrome, Contrast, Page, Theme};
use aisle::view::window::Window;
use image::{RgbImage, imageops};
use pages::{PAGES, brand};
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{Platform, PlatformError, WindowAdapter};
use slint::{ComponentHandle, PhysicalSize, Rgb8Pixel};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Width of a page on its sheet, in pixels, and the pages of a row.
const PORTRAIT: (u32, u32) = (300, 5);
const LANDSCAPE: (u32, u32) = (480, 3);
const GAP: u32 = 12;

struct Bare {
    window: Rc<MinimalSoftwareWindow>,
    started: Instant,
}

impl Platform for Bare {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(Rc::clone(&self.window) as Rc<dyn WindowAdapter>)
    }

    fn duration_since_start(&self) -> Duration {
        self.started.elapsed()
    }
}

fn main() {
    let named = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder =
        named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).unwrap();
    let window = MinimalSoftwareWindow::new(RepaintBufferType::NewBuffer);
    slint::platform::set_platform(Box::new(Bare { window: Rc::clone(&window), started: Instant::now() }))
        .unwrap();
    let screen = Window::open(&brand(), |_| {}).unwrap();
    let ui = screen.component();
    ui.show().unwrap();
    for (format, (width, height), (small, columns)) in
        [("portrait", (1080, 1920), PORTRAIT), ("landscape", (1280, 800), LANDSCAPE)]
    {
        for language in ["en", "de"] {
            for (mode, contrast) in [("light", Contrast::Normal), ("contrast", Contrast::High)] {
                slint::select_bundled_translation(language).unwrap();
                ui.global::<Theme>().set_contrast(contrast);
                let pages: Vec<RgbImage> =
                    PAGES.iter().map(|page| picture(ui, &window, *page, width, height)).collect();
                let sheet = sheet(&pages, small, small * height / width, columns);
                save(&sheet, &folder.join(format!("{format}-{mode}-{language}.jpg")));
                if (format, language, mode) == ("portrait", "en", "light") {
                    let shown: Vec<RgbImage> =
                        [0, 1, 4, 5, 8].iter().map(|index| pages[*index].clone()).collect();
                    save(&self::sheet(&shown, 380, 380 * height / width, 5), &folder.join("overview.jpg"));
                }
            }
        }
    }
    slint::select_bundled_translation("en").unwrap();
    let theme = ui.global::<Theme>();
    theme.set_contrast(Contrast::Normal);
    let modes: Vec<RgbImage> = [(true, false), (false, true)]
        .into_iter()
        .flat_map(|(large, reach)| {
            theme.set_large_text(large);
            theme.set_low_reach(reach);
            [Page::Home, Page::Results].map(|page| picture(ui, &window, page, 1080, 1920))
        })
        .collect();
    save(&sheet(&modes, 380, 675, 4), &folder.join("large-text-low-reach.jpg"));
    println!("The pictures are in {}.", folder.display());
}

fn picture(
    ui: &AppWindow,
    window: &Rc<MinimalSoftwareWindow>,
    page: Page,
    width: u32,
    height: u32,
) -> RgbImage {
    window.set_size(PhysicalSize::new(width, height));
    ui.global::<Chrome>().set_page(page);
    let mut pixels = vec![Rgb8Pixel::default(); (width * height) as usize];
    // Twice: what is laid out by what was measured comes with the second frame.
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(450));
        slint::platform::update_timers_and_animations();
        window.request_redraw();
        window.draw_if_needed(|renderer| {
            renderer.render(&mut pixels, width as usize);
        });
    }
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = pixels[(y * width + x) as usize];
        image::Rgb([pixel.r, pixel.g, pixel.b])
    })
}

fn sheet(pages: &[RgbImage], width: u32, height: u32, columns: u32) -> RgbImage {
    let rows = u32::try_from(pages.len()).unwrap().div_ceil(columns);
    let size = (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, image::Rgb([120, 120, 118]));
    for (index, page) in pages.iter().enumerate() {
        let index = u32::try_from(index).unwrap();
        let small = imageops::resize(page, width, height, imageops::FilterType::CatmullRom);
        let (x, y) = (GAP + index % columns * (width + GAP), GAP + index / columns * (height + GAP));
        imageops::replace(&mut sheet, &small, x.into(), y.into());
    }
    sheet
}

fn save(picture: &RgbImage, path: &Path) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 82);
    picture.write_with_encoder(encoder).unwrap();
}
