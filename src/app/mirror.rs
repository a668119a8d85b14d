//! Filling, mending and writing out the mirrored catalog; at a terminal, with progress.
//! What an import decides is `store`'s; here it is only asked for and told.

use super::cli::Import;
use super::folders::Folders;
use super::meaning::searched_by_meaning;
use super::pictures;
use crate::domain::Cents;
use crate::feeds::{self, Mapping, native};
use crate::settings::Settings;
use crate::store::{Catalog, Header, ImportLimits, Record, StoreError};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Replaces the catalog by a file's. What was not used or left out is told on
/// stderr; returns the summary.
///
/// # Errors
/// The file or its mapping is not usable, or the database cannot be written: the
/// old catalog stands.
pub fn import(arguments: &Import, folders: &Folders, settings: &Settings) -> Result<String> {
    let mapping = arguments.mapping.as_deref().map(Mapping::read).transpose()?;
    let mut feed = feeds::open(&arguments.file, mapping.as_ref(), &feeds::Options::default())?;
    let (catalog, aside) = Catalog::open_or_rebuild(&folders.data)?;
    if let Some(path) = aside {
        tracing::warn!("the catalog was damaged; it is kept as {}", path.display());
    }
    let limits = ImportLimits {
        max_price_cents: Cents::from(settings.catalog.max_price) * 100,
        bad_share: settings.catalog.max_bad_share,
        as_of: arguments.as_of.clone(),
        ..ImportLimits::default()
    };
    let bar = progress_bar("importing");
    let report = catalog.import(&mut feed, &limits, &mut |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.read);
    });
    bar.finish_and_clear();
    let report = report?;
    for note in feed.notes() {
        writeln!(io::stderr(), "aisle: {note}")?;
    }
    for bad in &report.rejected {
        writeln!(io::stderr(), "aisle: left out {bad}")?;
    }
    let mut text = format!(
        "Imported {} products as version {} in {:.1} s; {} lines left out.\n",
        report.accepted,
        report.version.number,
        report.took.as_secs_f64(),
        report.rejected_lines
    );
    match pictures::mirror(&catalog, &arguments.file, &folders.photos()) {
        Ok(pictures) if pictures.named > 0 => {
            text += &format!("Photographs: {} of {} are there.\n", pictures.there, pictures.named);
        }
        Ok(_) => {}
        // The catalog is there all the same.
        Err(error) => writeln!(io::stderr(), "aisle: {error}")?,
    }
    let lacking = catalog.lacking_vectors()?;
    if lacking > u64::from(settings.catalog.embedded_at_import) {
        text += &format!(
            "Search goes by words until {lacking} products are compared by meaning: a running kiosk does it \
             in the background, `aisle catalog embed` at once.\n"
        );
    } else if lacking > 0 {
        text += &embed_all(&searched_by_meaning(catalog, &folders.models, settings));
    }
    Ok(text)
}

/// Reads a kiosk's catalog for damage before it runs on. Where head office brings another, a
/// damaged one is put aside: the kiosk then waits for that, and nobody need come to it.
///
/// # Errors
/// The folder or a file cannot be used, or it is damaged and no head office is set.
pub fn mend(folders: &Folders, settings: &Settings) -> Result<(), StoreError> {
    if settings.sync.broker.is_empty() {
        return Ok(());
    }
    if let (_, Some(aside)) = Catalog::open_or_rebuild(&folders.data)? {
        let aside = aside.display();
        tracing::error!("the catalog was damaged and is kept as {aside}; head office's comes anew");
    }
    Ok(())
}

/// Makes the vectors that products lack; returns the summary.
///
/// # Errors
/// There is no catalog.
pub fn embed(folders: &Folders, settings: &Settings) -> Result<String> {
    let catalog = Catalog::open(&folders.data)?;
    catalog.info()?;
    Ok(embed_all(&searched_by_meaning(catalog, &folders.models, settings)))
}

/// The catalog is there already: a model that fails only leaves search to words.
fn embed_all(catalog: &Catalog) -> String {
    let bar = progress_bar("comparing by meaning");
    let made = catalog.embed(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let made = match made {
        Ok(made) => made,
        Err(error) => return format!("Search goes by words alone: {error}\n"),
    };
    match catalog.lacking_vectors() {
        Ok(0) if made > 0 => format!("Compared {made} products by meaning.\n"),
        Ok(0) => String::new(),
        Ok(left) => format!("Search goes by words for {left} products.\n"),
        Err(error) => format!("{error}\n"),
    }
}

/// Writes the catalog, as corrected by the shop, in Aisle's own format; "-" is
/// standard output. A file appears whole or not at all.
///
/// # Errors
/// There is no catalog, or the file cannot be written.
pub fn export(file: &Path, folders: &Folders) -> Result<()> {
    let catalog = Catalog::open(&folders.data)?;
    if file == Path::new("-") {
        return write(&catalog, &mut BufWriter::new(io::stdout().lock()));
    }
    let cannot = || format!("cannot write {}", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut whole = tempfile::NamedTempFile::new_in(folder).with_context(cannot)?;
    write(&catalog, &mut BufWriter::new(&mut whole)).with_context(cannot)?;
    whole.as_file().sync_all().with_context(cannot)?;
    whole.persist(file).with_context(cannot)?;
    Ok(())
}

fn write(catalog: &Catalog, out: &mut impl Write) -> Result<()> {
    let info = catalog.info()?;
    let header = Header { name: info.name, currency: info.currency, as_of: info.as_of };
    let head = std::iter::once(Record::Header(header))
        .chain(catalog.option_groups()?.into_iter().map(Record::OptionGroup))
        .chain(catalog.areas()?.into_iter().map(Record::Area))
        .chain(catalog.kiosk()?.map(Record::Kiosk));
    native::write::<io::Error>(out, head.map(Ok))?;
    let mut written = Ok(0);
    catalog.for_each_product(|product| {
        if written.is_ok() {
            written = native::write::<io::Error>(out, [Ok(Record::Product(Box::new(product)))]);
        }
    })?;
    written?;
    out.flush()?;
    Ok(())
}

fn progress_bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {percent}% {eta}") {
        bar.set_style(style);
    }
    bar.set_prefix(what);
    bar
}
