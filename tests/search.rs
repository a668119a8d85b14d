//! What the search finds in the demo store: a table of queries as shoppers say,
//! type and mishear them, wishes as filters, and texts meant to do harm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod support;

use aisle::domain::product::AllergenFact;
use aisle::domain::{Size, Sku};
use aisle::models::ModelDir;
use aisle::models::encoder::MiniLm;
use aisle::models::onnx::Runtime;
use aisle::store::{Catalog, Filters, SearchOutcome, SearchRequest};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};
use support::queries::{ELECTRONICS, GROCERIES, TABLE, Want::*};

fn store() -> &'static Catalog {
    static STORE: OnceLock<(tempfile::TempDir, Catalog)> = OnceLock::new();
    &STORE.get_or_init(support::demo).1
}

/// The same store, searched by meaning too, with the real model.
fn store_by_meaning() -> &'static Catalog {
    static STORE: OnceLock<(tempfile::TempDir, Catalog)> = OnceLock::new();
    let open = || {
        let (folder, catalog) = support::demo();
        let models = ModelDir::open(common::models()).unwrap();
        let runtime = Runtime::load(&models.ready("onnxruntime").unwrap()).unwrap();
        let catalog = catalog.with_encoder(Arc::new(MiniLm::open(&models, &runtime, 2).unwrap()));
        assert_eq!(catalog.embed(&mut |_, _| {}).unwrap(), catalog.info().unwrap().products);
        assert_eq!(catalog.lacking_vectors().unwrap(), 0);
        (folder, catalog)
    };
    &STORE.get_or_init(open).1
}

fn search(text: &str, filters: Filters) -> SearchOutcome {
    store().search(&SearchRequest { text: text.to_owned(), limit: 10, filters, facets: false }).unwrap()
}

#[test]
fn the_table_holds_by_words_alone() {
    holds(store());
}

#[test]
fn the_table_holds_by_meaning_too() {
    holds(store_by_meaning());
}

/// An import keeps the vectors of texts that it brings again.
#[test]
fn vectors_outlive_an_import() {
    let (_folder, catalog) = support::demo();
    let models = ModelDir::open(common::models()).unwrap();
    let runtime = Runtime::load(&models.ready("onnxruntime").unwrap()).unwrap();
    let catalog = catalog.with_encoder(Arc::new(MiniLm::open(&models, &runtime, 2).unwrap()));
    let made = catalog.embed(&mut |_, _| {}).unwrap();
    assert!(made > 700);
    support::import(&catalog, &support::demo_file()).unwrap();
    assert_eq!(catalog.lacking_vectors().unwrap(), 0);
    assert_eq!(catalog.embed(&mut |_, _| {}).unwrap(), 0);
    let renamed = serde_json::from_str(r#"{"as_of":"2026-11-24T09:00:00Z","title":"Moon Cheese"}"#).unwrap();
    catalog.correct(&Sku::new("DA-1001").unwrap(), renamed).unwrap();
    assert_eq!(catalog.embed(&mut |_, _| {}).unwrap(), 1);
}

fn holds(store: &Catalog) {
    let mut wrong = Vec::new();
    for (query, want) in TABLE {
        let request = SearchRequest { text: (*query).to_owned(), limit: 10, ..SearchRequest::default() };
        let outcome = store.search(&request).unwrap();
        let titles: Vec<&str> =
            outcome.hits.iter().take(3).map(|hit| hit.product.title.as_deref().unwrap()).collect();
        let holds = |title: &&str, parts: &[&str]| parts.iter().any(|part| title.contains(part));
        let kinds = || outcome.hits.iter().take(3).filter_map(|hit| hit.product.category.last());
        let right = match want {
            First(parts) => titles.first().is_some_and(|title| holds(title, parts)),
            Top(parts) => titles.iter().any(|title| holds(title, parts)),
            Kind(names) => kinds().count() > 0 && kinds().all(|kind| names.contains(&kind.as_str())),
            NoMatch => outcome.no_match,
        };
        if !right || outcome.no_match != outcome.hits.is_empty() {
            wrong.push(format!("{query:?} gives {titles:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

#[test]
fn hits_are_ordered_and_say_why() {
    let outcome = search("oatmilk", Filters::default());
    assert!(outcome.hits.is_sorted_by(|a, b| a.score >= b.score));
    assert!(outcome.hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score) && !hit.reason.is_empty()));
    let corrected = search("brockoli", Filters::default());
    assert!(corrected.hits[0].reason.starts_with("understood as “broccoli”"));
    assert_eq!(search("oj", Filters::default()).hits[0].reason, "also called “oj”");
    assert!(search("croissant", Filters::default()).hits.iter().any(|hit| !hit.is_mention));
}

#[test]
fn a_missing_kind_has_the_nearest_beside_it() {
    let outcome = search("coconut yogurt", Filters::default());
    assert!(outcome.no_match && !outcome.alternatives.is_empty());
    assert!(outcome.alternatives.iter().all(|hit| hit.product.label().contains("Yogurt")));
    assert!(
        search("garden hose", Filters::default()).alternatives.is_empty(),
        "garden peas are not near a hose"
    );
}

#[test]
fn a_size_is_heeded_where_the_shop_has_it() {
    let volume = |millilitres| Size { millilitres: Some(millilitres), ..Size::default() };
    let sized = |size| Filters { size: Some(size), ..Filters::default() };
    let litre = search("milk", sized(volume(1000.0)));
    assert!(litre.hits.len() > 1 && !litre.other_size);
    let packs = litre.hits.iter().map(|hit| hit.product.pack.as_ref());
    assert!(packs.flatten().all(|pack| volume(1000.0).fits(pack)));
    let none = search("milk", sized(volume(7000.0)));
    assert!(none.other_size && !none.hits.is_empty() && !none.no_match);
    let cheap = Filters { max_price_cents: Some(1), ..sized(volume(1000.0)) };
    assert!(search("milk", cheap).no_match, "other wishes still hold when the size is let go");
    let missing = search("garden hose", sized(Size { pieces: Some(6), ..Size::default() }));
    assert!(missing.no_match && !missing.other_size);
}

/// A feed may tell size and diet in its titles only.
#[test]
fn titles_tell_what_no_field_does() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let product = |sku: &str, title: &str, more: &str| {
        format!(r#"{{"record":"product","sku":"{sku}","title":"{title}"{more}}}"#)
    };
    let lines = [
        support::HEADER.to_owned(),
        product("A", "Gluten Free Oat Bread 500 g", ""),
        product("B", "Gluten-Free Rye Bread 0.5 kg", r#","allergens":{"contains":["gluten"]}"#),
        product("C", "White Bread 750g", ""),
        product("D", "Brown Bread 500 g", r#","pack":{"amount":1,"unit":"kg"}"#),
    ];
    let file = support::write(folder.path(), "catalog.jsonl", &lines.join("\n"));
    support::import(&catalog, &file).unwrap();
    let found = |filters: Filters| {
        let request = SearchRequest { text: "bread".into(), limit: 9, filters, facets: false };
        let outcome = catalog.search(&request).unwrap();
        let mut skus: Vec<String> = outcome.hits.iter().map(|hit| hit.product.sku.to_string()).collect();
        skus.sort();
        (skus.concat(), outcome.other_size)
    };
    let diet = Filters { dietary: vec!["gluten-free".into()], ..Filters::default() };
    assert_eq!(found(diet).0, "A", "a label that says otherwise outweighs a title");
    let grams = |grams| Size { grams: Some(grams), ..Size::default() };
    let size = |size| Filters { size: Some(size), ..Filters::default() };
    assert_eq!(found(size(grams(500.0))), ("AB".into(), false), "a stated pack outweighs a title");
    assert_eq!(found(size(grams(1000.0))), ("D".into(), false));
    assert_eq!(found(size(grams(300.0))), ("ABCD".into(), true));
}

/// A name of letters and digits is typed in one, and said or heard in two.
#[test]
fn letters_and_digits_of_one_name_may_be_apart() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let titles = [
        "Vitamin D3 Capsules",
        "Vitamin B12 Capsules",
        "7up Lemonade",
        "WD40 Spray",
        "Up Lamp",
        "A4 Paper",
        "Eggs",
    ];
    let product = |(n, title): (usize, &&str)| {
        format!(r#"{{"record":"product","sku":"P-{n}","title":"{title}","category":["All","Kind {n}"]}}"#)
    };
    let lines: Vec<String> =
        std::iter::once(support::HEADER.to_owned()).chain(titles.iter().enumerate().map(product)).collect();
    let file = support::write(folder.path(), "catalog.jsonl", &lines.join("\n"));
    support::import(&catalog, &file).unwrap();
    let first = |text: &str| {
        let request = SearchRequest { text: text.into(), limit: 9, ..SearchRequest::default() };
        catalog.search(&request).unwrap().hits.first().map(|hit| hit.product.label())
    };
    for (text, title) in [
        ("vitamin d3", 0),
        ("vitamin d 3", 0),
        ("vitamin b 12", 1),
        ("7up", 2),
        ("7 up", 2),
        ("wd 40", 3),
        ("a 4 paper", 5),
        ("6 eggs", 6),
    ] {
        assert_eq!(first(text).as_deref(), Some(titles[title]), "{text}");
    }
    // Another number is another thing.
    for text in ["vitamin d 4", "vitamin b 3"] {
        assert_eq!(first(text), None, "{text}");
    }
}

#[test]
fn wishes_filter_and_the_unknown_meets_none() {
    let cheap = search("milk", Filters { max_price_cents: Some(250), ..Filters::default() });
    assert!(!cheap.hits.is_empty() && cheap.hits.iter().all(|hit| hit.product.price_cents.unwrap() <= 250));
    let dear = search("wine", Filters { min_price_cents: Some(1200), ..Filters::default() });
    assert!(dear.hits.iter().chain(&dear.alternatives).all(|hit| hit.product.price_cents.is_some()));
    let vegan = search("cheese", Filters { dietary: vec!["Vegan".to_owned()], ..Filters::default() });
    assert!(
        !vegan.hits.is_empty()
            && vegan.hits.iter().all(|hit| hit.product.dietary.contains(&"vegan".to_owned()))
    );
    let brand = search("milk", Filters { brand: Some("arla".to_owned()), ..Filters::default() });
    assert!(
        !brand.hits.is_empty() && brand.hits.iter().all(|hit| hit.product.brand.as_deref() == Some("Arla"))
    );
    let there = search("milk", Filters { in_stock: true, ..Filters::default() });
    assert!(!there.hits.is_empty() && there.hits.iter().all(|hit| hit.product.stock.unwrap() > 0));
    let kind =
        Filters { category: vec!["dairy & eggs".to_owned(), "cheese".to_owned()], ..Filters::default() };
    let kind = search("butter or cheese", kind);
    assert!(!kind.hits.is_empty() && kind.hits.iter().all(|hit| hit.product.category[1] == "Cheese"));
    let free = search("bread", Filters { free_from: vec!["gluten".to_owned()], ..Filters::default() });
    assert!(!free.hits.is_empty());
    for product in free.hits.iter().map(|hit| &hit.product) {
        let stated = product.allergen("gluten");
        let says = stated == AllergenFact::FreeFrom || product.dietary.contains(&"gluten-free".to_owned());
        assert!(says && stated != AllergenFact::Contains, "{}", product.label());
    }
    // Only filters, no words: what meets them.
    let all = search("please", Filters { dietary: vec!["halal".to_owned()], ..Filters::default() });
    assert!(
        !all.hits.is_empty() && all.hits.iter().all(|hit| hit.product.dietary.contains(&"halal".to_owned()))
    );
    // Nothing meets them: what was asked for stands among the alternatives.
    let none = search("milk", Filters { max_price_cents: Some(1), ..Filters::default() });
    assert!(none.no_match && none.hits.is_empty() && !none.alternatives.is_empty());
}

/// A brand or a colour beside what is asked for tells one thing from another.
#[test]
fn a_brand_and_a_colour_are_heeded() {
    let all = |text: &str, part: &str| {
        let outcome = search(text, Filters::default());
        assert!(!outcome.hits.is_empty(), "{text}");
        for hit in &outcome.hits {
            assert!(hit.product.label().contains(part), "{text}: {}", hit.product.label());
        }
    };
    all("arla milk", "Arla");
    all("oatly oat milk", "Oatly");
    all("red wine", "Red Wine");
    let none = search("blue wine", Filters::default());
    assert!(none.no_match && none.alternatives.iter().any(|hit| hit.product.label().contains("Wine")));
}

#[test]
fn what_was_found_is_counted_for_narrowing() {
    let request = SearchRequest { text: "milk".into(), limit: 3, facets: true, ..SearchRequest::default() };
    let outcome = store().search(&request).unwrap();
    let facets = outcome.facets.unwrap();
    assert_eq!(outcome.hits.len(), 3);
    assert!(outcome.found > 3);
    // Narrowing to a value finds as many as it was said to.
    for brand in &facets.brands {
        let filters = Filters { brand: Some(brand.value.clone()), ..Filters::default() };
        let narrowed = SearchRequest { filters, limit: 200, ..request.clone() };
        assert_eq!(store().search(&narrowed).unwrap().found as u64, brand.count, "{}", brand.value);
    }
    for word in &facets.dietary {
        let filters = Filters { dietary: vec![word.value.clone()], ..Filters::default() };
        let narrowed = SearchRequest { filters, limit: 200, ..request.clone() };
        assert_eq!(store().search(&narrowed).unwrap().found as u64, word.count, "{}", word.value);
    }
    assert!(facets.brands.len() > 1 && facets.dietary.len() > 1 && facets.kinds.len() > 1);
    assert!(facets.brands.is_sorted_by(|a, b| a.count >= b.count));
    let (low, high) = facets.prices.unwrap();
    assert!(low > 0 && low < high);
    assert!(facets.in_stock > 0 && facets.in_stock <= outcome.found as u64);
    assert!(store().search(&SearchRequest { facets: false, ..request }).unwrap().facets.is_none());
    // Wishes alone can be narrowed too.
    let filters = Filters { dietary: vec!["halal".into()], ..Filters::default() };
    let wishes = SearchRequest { text: String::new(), limit: 2, filters, facets: true };
    let outcome = store().search(&wishes).unwrap();
    assert!(outcome.hits.len() == 2 && outcome.found > 2 && !outcome.facets.unwrap().kinds.is_empty());
}

/// What another kind of shop sells is not sold here, and what is sold here is.
#[test]
fn a_foreign_request_is_refused() {
    let refused = |query: &&&str| {
        let request = SearchRequest { text: (**query).to_owned(), limit: 3, ..SearchRequest::default() };
        store_by_meaning().search(&request).unwrap().no_match
    };
    let sold: Vec<&&str> = GROCERIES.iter().filter(refused).collect();
    assert!(sold.is_empty(), "refused all the same: {sold:?}");
    let not_sold = ELECTRONICS.iter().filter(|query| !refused(query)).count();
    assert!(not_sold * 25 <= ELECTRONICS.len(), "{not_sold} of {} are sold", ELECTRONICS.len());
}

#[test]
fn operators_and_quotes_are_words() {
    for text in [
        "\"milk",
        "milk\" OR \"1",
        "title:milk",
        "milk*",
        "^milk",
        "NEAR(milk bread, 5)",
        "milk AND",
        "NOT milk",
        "{title} : milk",
        "milk -bread",
        "milk + bread",
        "('milk')",
        "milk; DROP TABLE products; --",
        "%",
        "\\",
        "\0milk\0",
        "mi\u{301}lk",
        "ＭＩＬＫ",
        "\u{202e}klim",
        "🥛",
        "🥛 milk 🥛",
        "ミルク",
        "молоко",
        "חלב",
        "a.b.c.d",
        "1.2.3",
        "....",
        "' OR 1=1",
        "rank",
        "bm25(search)",
        "*",
        "\"\"",
        "((((((",
        "-",
        "milk\nbread\r\n\tcheese",
    ] {
        let outcome = search(text, Filters::default());
        assert_eq!(outcome.no_match, outcome.hits.is_empty(), "{text:?}");
    }
    for wide in ["ＭＩＬＫ", "\"milk", "MILK!!!", "mílk", "🥛 milk 🥛"] {
        assert!(search(wide, Filters::default()).hits[0].product.label().contains("Milk"), "{wide:?}");
    }
    let long = "milk ".repeat(100_000);
    assert!(search(&long, Filters::default()).hits[0].product.label().contains("Milk"));
    search(&"é".repeat(5000), Filters::default());
    search(&"ab ".repeat(200), Filters::default());
    let hostile = "\"') OR 1=1 --".to_owned();
    let filters = Filters {
        brand: Some(hostile.clone()),
        dietary: vec![hostile.clone()],
        free_from: vec![hostile.clone()],
        category: vec![hostile],
        ..Filters::default()
    };
    assert!(search("milk", filters).no_match);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_a_query(text in "\\PC{0,60}") {
        let outcome = search(&text, Filters::default());
        prop_assert_eq!(outcome.no_match, outcome.hits.is_empty());
    }

    #[test]
    fn any_mix_of_words_and_operators_is_a_query(
        parts in prop::collection::vec(
            prop::sample::select(vec!["milk", "\"", "AND", "OR", "NOT", "NEAR", "(", ")", "*", ":", "^", "-", "'", "2%", "\0", "title", "{", "}", ",", "+", "1.5", "l"]),
            0..12,
        )
    ) {
        let outcome = search(&parts.join(" "), Filters::default());
        prop_assert_eq!(outcome.no_match, outcome.hits.is_empty());
        let outcome = search(&parts.concat(), Filters::default());
        prop_assert_eq!(outcome.no_match, outcome.hits.is_empty());
    }
}
