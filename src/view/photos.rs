//! Photographs for the screen: read and shrunk on a thread of their own, and kept within
//! a bound. A photograph that is missing or broken is none;
//! the card then shows what kind of thing it is.

use super::ui;
use crate::domain::product::is_photo_name;
use image::imageops::FilterType;
use image::{ImageReader, Limits};
use lru::LruCache;
use slint::{Image, Rgba8Pixel, SharedPixelBuffer};
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// Photographs kept: more than the largest page shows (200 cards) with what stands beside
/// it. At [`EDGE`] pixels a side one takes 0.5 MB at most, all of them 145 MB.
const KEPT: usize = 280;
/// Longest edge that is kept, in pixels.
const EDGE: u32 = 360;
/// Time after which a photograph that could not be shown is asked for again.
const AGAIN: Duration = Duration::from_secs(120);
/// How often it is looked whether one has come that was missing, while no other is asked for: an
/// import brings them after its products.
const LOOK: Duration = Duration::from_secs(2);
/// Photographs that may wait to be decoded; what is asked for beyond is asked for again
/// with the next showing.
const WAITING: usize = 256;
/// Largest file and picture that is read.
const MAX_BYTES: u64 = 20 << 20;
const MAX_EDGE: u32 = 8000;

type Pixels = SharedPixelBuffer<Rgba8Pixel>;

/// What is known of a photograph.
enum Known {
    Asked,
    Shown(Image),
    /// Missing or broken when it was looked for.
    None(Instant),
}

/// The photographs of the catalog.
pub struct Photos {
    kept: LruCache<String, Known>,
    wanted: Option<SyncSender<String>>,
}

impl Photos {
    /// Reads from `folder`; `done` is called from the decoding thread with each result.
    pub fn new(folder: PathBuf, done: impl Fn(Decoded) + Send + 'static) -> Self {
        let (wanted, asked) = sync_channel(WAITING);
        let kept = LruCache::new(NonZeroUsize::new(KEPT).unwrap_or(NonZeroUsize::MIN));
        let thread = thread::Builder::new().name("photos".into());
        // Without a thread there are pictograms only.
        let wanted = thread.spawn(move || decode_all(&folder, &asked, done)).ok().map(|_| wanted);
        Self { kept, wanted }
    }

    /// The photograph `name`, or an empty image while there is none.
    pub fn get(&mut self, name: Option<&str>) -> Image {
        let Some(name) = name else { return Image::default() };
        let key = name.to_owned();
        match self.kept.get(&key) {
            Some(Known::Shown(image)) => return image.clone(),
            Some(Known::None(at)) if at.elapsed() >= AGAIN => {}
            Some(_) => return Image::default(),
            None => {}
        }
        match self.wanted.as_ref().map(|wanted| wanted.try_send(key.clone())) {
            Some(Ok(())) => drop(self.kept.put(key, Known::Asked)),
            Some(Err(TrySendError::Full(_))) => {}
            Some(Err(TrySendError::Disconnected(_))) | None => {
                drop(self.kept.put(key, Known::None(Instant::now())))
            }
        }
        Image::default()
    }

    /// Takes in what was decoded.
    pub fn take(&mut self, decoded: Decoded) {
        let known = decoded
            .pixels
            .map_or_else(|| Known::None(Instant::now()), |pixels| Known::Shown(Image::from_rgba8(pixels)));
        self.kept.put(decoded.key, known);
    }
}

/// A photograph that was decoded, or could not be.
pub struct Decoded {
    key: String,
    pixels: Option<Pixels>,
}

fn decode_all(folder: &Path, asked: &Receiver<String>, done: impl Fn(Decoded)) {
    let is_there = |key: &String| folder.join(key).is_file();
    let mut missing: BTreeSet<String> = BTreeSet::new();
    let show = |key: String| {
        // A decoder that panics on a broken file takes the photograph with it, not the kiosk.
        let decode = || decode(folder, &key);
        let pixels = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).ok().flatten();
        if pixels.is_none() {
            tracing::debug!(photo = %key, "the photograph cannot be shown");
        }
        done(Decoded { key, pixels });
    };
    loop {
        match asked.recv_timeout(LOOK) {
            Ok(key) => {
                missing.remove(&key);
                if is_photo_name(&key) && !is_there(&key) && missing.len() < KEPT {
                    missing.insert(key.clone());
                }
                show(key);
            }
            Err(RecvTimeoutError::Timeout) => {
                let come: Vec<String> = missing.iter().filter(|key| is_there(key)).cloned().collect();
                for key in come {
                    missing.remove(&key);
                    show(key);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn decode(folder: &Path, name: &str) -> Option<Pixels> {
    let path = is_photo_name(name).then(|| folder.join(name))?;
    if std::fs::metadata(&path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let mut reader = ImageReader::open(&path).ok()?.with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_EDGE);
    limits.max_image_height = Some(MAX_EDGE);
    reader.limits(limits);
    let image = reader.decode().ok()?;
    // Not enlarged: that is the renderer's.
    let small = if image.width().max(image.height()) > EDGE {
        image.resize(EDGE, EDGE, FilterType::Triangle)
    } else {
        image
    }
    .into_rgba8();
    Some(Pixels::clone_from_slice(small.as_raw(), small.width(), small.height()))
}

/// What kind of thing stands in a category, for its pictogram: by the words of the
/// path, the narrowest level first.
#[must_use]
pub fn kind(category: &[String]) -> ui::Kind {
    use ui::Kind::{
        Alcohol, Baby, Bakery, Baking, Beauty, Breakfast, Cake, Cleaning, Clothing, Coffee, Dairy, Deli,
        Drink, Egg, Electronics, Fish, Flower, Frozen, Fruit, Grain, Household, Meat, Medicine, Pantry, Pet,
        Produce, Seasonal, Snack, Sweet, Tea, World,
    };
    #[rustfmt::skip]
    const WORDS: &[(&str, ui::Kind)] = &[
        ("ice cream", Frozen), ("frozen", Frozen), ("beer", Alcohol), ("wine", Alcohol), ("spirit", Alcohol),
        ("egg", Egg), ("fish", Fish), ("seafood", Fish), ("flower", Flower), ("fruit", Fruit), ("vegetable", Produce),
        ("salad", Produce), ("produce", Produce), ("potato", Produce), ("beef", Meat), ("pork", Meat), ("poultry", Meat),
        ("meat", Meat), ("sausage", Meat), ("cake", Cake), ("pastr", Cake), ("bread", Bakery), ("roll", Bakery),
        ("bakery", Bakery), ("baking", Baking), ("flour", Baking), ("cereal", Breakfast), ("breakfast", Breakfast),
        ("coffee", Coffee), ("café food", Deli), ("café", Coffee), ("tea", Tea), ("milk", Dairy), ("cheese", Dairy),
        ("yog", Dairy), ("butter", Dairy), ("cream", Dairy), ("dairy", Dairy), ("juice", Drink), ("soda", Drink),
        ("water", Drink), ("drink", Drink), ("beverage", Drink), ("chocolate", Sweet), ("candy", Sweet), ("cookie", Snack),
        ("snack", Snack), ("chip", Snack), ("nut", Snack), ("bar", Snack), ("pasta", Grain), ("rice", Grain), ("grain", Grain),
        ("deli", Deli), ("cold cut", Deli), ("sandwich", Deli), ("baby", Baby), ("diaper", Baby), ("pet", Pet), ("dog", Pet),
        ("cat", Pet), ("clean", Cleaning), ("laundry", Cleaning), ("dish", Cleaning), ("trash", Cleaning), ("paper", Household),
        ("household", Household), ("home", Household), ("kitchen", Household), ("medicine", Medicine), ("pharma", Medicine),
        ("health", Beauty), ("beauty", Beauty), ("cosmetic", Beauty), ("hair", Beauty), ("care", Beauty),
        ("season", Seasonal), ("holiday", Seasonal), ("party", Seasonal), ("cloth", Clothing), ("shirt", Clothing),
        ("shoe", Clothing), ("apparel", Clothing), ("fashion", Clothing), ("electronic", Electronics), ("computer", Electronics),
        ("phone", Electronics), ("camera", Electronics), ("notebook", Electronics), ("monitor", Electronics),
        ("world", World), ("asian", World), ("mexican", World), ("indian", World), ("pantry", Pantry), ("canned", Pantry),
        ("sauce", Pantry), ("syrup", Pantry), ("honey", Pantry), ("spice", Pantry), ("condiment", Pantry), ("food", Pantry),
    ];
    category
        .iter()
        .rev()
        .map(|level| level.to_lowercase())
        .find_map(|level| WORDS.iter().find(|(word, _)| level.contains(word)).map(|(_, kind)| *kind))
        .unwrap_or(ui::Kind::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photograph_is_shrunk_and_keeps_its_proportions() {
        let folder = tempfile::tempdir().unwrap();
        let picture = image::RgbImage::from_pixel(900, 600, image::Rgb([10, 200, 30]));
        picture.save(folder.path().join("a.png")).unwrap();
        let pixels = decode(folder.path(), "a.png").unwrap();
        assert_eq!((pixels.width(), pixels.height()), (360, 240));
        assert_eq!(pixels.as_slice()[360 * 120 + 180], Rgba8Pixel { r: 10, g: 200, b: 30, a: 255 });
    }

    #[test]
    fn what_is_no_photograph_of_the_folder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broken.jpg"), b"\xff\xd8\xff\xe0 no picture").unwrap();
        for name in ["broken.jpg", "missing.jpg", "../a.png", "/etc/passwd", "", ".", "..", ".hidden"] {
            assert!(decode(folder.path(), name).is_none(), "{name}");
        }
    }

    #[test]
    fn one_that_comes_later_is_shown_without_being_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let (told, shown) = std::sync::mpsc::channel();
        let mut photos = Photos::new(folder.path().to_owned(), move |decoded| {
            let _ = told.send((decoded.key, decoded.pixels.is_some()));
        });
        let patience = Duration::from_secs(30);
        photos.get(Some("late.png"));
        assert_eq!(shown.recv_timeout(patience).unwrap(), ("late.png".to_owned(), false));
        image::RgbImage::new(4, 4).save(folder.path().join("late.png")).unwrap();
        assert_eq!(shown.recv_timeout(patience).unwrap(), ("late.png".to_owned(), true));
    }

    #[test]
    fn kinds_go_by_the_narrowest_category() {
        let kind = |path: &[&str]| kind(&path.iter().map(|&level| level.to_owned()).collect::<Vec<_>>());
        assert_eq!(kind(&["Dairy & Eggs", "Eggs"]), ui::Kind::Egg);
        assert_eq!(kind(&["Dairy & Eggs", "Plant Milk"]), ui::Kind::Dairy);
        assert_eq!(kind(&["Drinks", "Beer & Wine"]), ui::Kind::Alcohol);
        assert_eq!(kind(&["Frozen", "Pizza & Meals"]), ui::Kind::Frozen);
        assert_eq!(kind(&["Quux"]), ui::Kind::Other);
        assert_eq!(kind(&[]), ui::Kind::Other);
    }
}
