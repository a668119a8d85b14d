//! A text as a QR code (ISO/IEC 18004) that holds the text itself: a phone's camera
//! shows it without any network. Never links anywhere.

use qrcode::{Color, EcLevel, QrCode};
use slint::{Image, Rgb8Pixel, SharedPixelBuffer};

/// Most bytes in a code: what a phone still reads from an arm's length off a screen
/// (version 22 at level L holds 1003).
pub const MAX_BYTES: usize = 1000;
/// Pixels per module of the picture, which the screen scales; and the quiet zone that
/// the standard asks for, in modules.
const SCALE: usize = 4;
const QUIET: usize = 4;

/// The code of `text`; an empty image where it is too long.
#[must_use]
pub fn picture(text: &str) -> Image {
    let level = if text.len() < MAX_BYTES / 3 { EcLevel::M } else { EcLevel::L };
    let Ok(code) = QrCode::with_error_correction_level(text.as_bytes(), level) else {
        return Image::default();
    };
    let modules = code.width();
    let colors = code.to_colors();
    let side = (modules + 2 * QUIET) * SCALE;
    // A code has at most 177 modules a side.
    let Ok(edge) = u32::try_from(side) else { return Image::default() };
    let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(edge, edge);
    let dark = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|at| *at < modules);
    for (at, pixel) in pixels.make_mut_slice().iter_mut().enumerate() {
        let module = dark(at % side).zip(dark(at / side)).map(|(x, y)| colors[y * modules + x]);
        let light = if module == Some(Color::Dark) { 0 } else { 255 };
        *pixel = Rgb8Pixel { r: light, g: light, b: light };
    }
    Image::from_rgb8(pixels)
}

/// As many whole lines as a code holds, and whether that is all of them.
#[must_use]
pub fn fitting(lines: &[String]) -> (String, bool) {
    let mut text = String::new();
    for line in lines {
        if text.len() + line.len() + 1 > MAX_BYTES {
            return (text, false);
        }
        text += line;
        text.push('\n');
    }
    (text, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_quiet_zone_and_finder_patterns() {
        let image = picture("2 x Oat Milk 1 L");
        let pixels = image.to_rgb8().unwrap();
        let at = |x: usize, y: usize| pixels.as_slice()[y * pixels.width() as usize + x].r;
        assert_eq!(at(QUIET * SCALE - 1, QUIET * SCALE - 1), 255);
        assert_eq!(at(QUIET * SCALE, QUIET * SCALE), 0, "the finder's corner");
    }

    #[test]
    fn a_long_list_is_cut_between_lines() {
        let lines: Vec<String> = (0..60).map(|n| format!("{n} x Something with a name é")).collect();
        let (text, whole) = fitting(&lines);
        assert!(!whole && text.len() <= MAX_BYTES && text.ends_with("é\n"));
        assert!(picture(&text).size().width > 0);
        assert!(fitting(&lines[..3]).1);
    }
}
