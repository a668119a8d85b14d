//! Orders as they are said and misheard.

use super::super::words::words;
use super::*;
use crate::domain::{OptionGroup, Product};
use proptest::prelude::*;

fn menu() -> Menu {
    let drinks =
        ["coffee", "iced coffee", "house coffee", "latte", "mocha", "iced mocha", "cappuccino", "espresso"];
    let groups = r#"[
        {"id":"size","name":"size","prompt":"","values":[{"name":"small"},{"name":"medium"},{"name":"large"},
          {"name":"twelve ounce","synonyms":["12 oz"]}]},
        {"id":"roast","name":"roast","prompt":"","values":[{"name":"dark roast"},{"name":"medium roast"}]},
        {"id":"shots","name":"shots","prompt":"","values":[{"name":"double shot","synonyms":["two shots"]}]},
        {"id":"milk","name":"milk","prompt":"","amounts":["a bit of","lots of","no"],
          "values":[{"name":"milk"},{"name":"soy milk","synonyms":["soy"]},{"name":"cream"}]},
        {"id":"sweetener","name":"sweetener","prompt":"","amounts":["a bit of","lots of","no"],
          "values":[{"name":"sugar"},{"name":"brown sugar"}]}]"#;
    let groups: Vec<OptionGroup> = serde_json::from_str(groups).unwrap();
    let ids: Vec<_> = groups.iter().map(|g| g.id.clone()).collect();
    let item = |(n, title): (usize, &&str)| {
        let json = serde_json::json!({"sku": format!("C{n}"), "title": title, "option_groups": ids});
        serde_json::from_value::<Product>(json).unwrap()
    };
    Menu::new(drinks.iter().enumerate().map(item).collect(), groups)
}

/// `quantity item group=value ...`, joined by `;`.
fn show(text: &str) -> String {
    let reading = read(&menu(), &words(text));
    let line = |l: &HeardLine| {
        let options: Vec<_> = l.options.iter().map(|(g, v)| format!(" {g}={v}")).collect();
        format!("{} {}{}", l.quantity, l.item, options.concat())
    };
    reading.lines.iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn orders_are_read_in_any_word_order() {
    let cases = [
        ("Can I get a large latte with soy milk, please?", "1 latte milk=soy milk size=large"),
        (
            "two 12oz iced coffees with lots of brown sugar",
            "2 iced coffee size=twelve ounce sweetener=lots of brown sugar",
        ),
        (
            "with a bit of cream a dark roast house coffee",
            "1 house coffee milk=a bit of cream roast=dark roast",
        ),
        ("a latte with a double shot of espresso", "1 latte shots=double shot"),
        ("a mocha without sugar", "1 mocha sweetener=no sugar"),
        ("I want a medium medium roast coffee", "1 coffee roast=medium roast size=medium"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn several_drinks_keep_their_own_options() {
    assert_eq!(
        show("a large latte with soy milk and a small mocha with sugar"),
        "1 latte milk=soy milk size=large; 1 mocha size=small sweetener=sugar"
    );
    assert_eq!(
        show("large latte with soy milk, small mocha"),
        "1 latte milk=soy milk size=large; 1 mocha size=small"
    );
}

#[test]
fn mishearings_are_repaired() {
    let cases = [
        ("I'd like a cap a chino", "1 cappuccino"),
        ("a large ice coffee", "1 iced coffee size=large"),
        ("a small late with milk", "1 latte milk=milk size=small"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn corrections_replace() {
    assert_eq!(show("a coffee, sorry, a latte, small, no, large"), "1 latte size=large");
}

#[test]
fn what_is_on_no_menu_is_left_over() {
    let reading = read(&menu(), &words("a latte and a chainsaw"));
    assert_eq!(reading.leftover, ["chainsaw"]);
    assert!(read(&menu(), &words("where are the tomatoes")).lines.is_empty());
    assert!(read(&menu(), &words("do you have 7 liters of milk")).lines.is_empty());
}

proptest! {
    #[test]
    fn any_words_are_survived(text in "[a-z0-9 ]{0,120}") {
        let _ = read(&menu(), &words(&text));
    }
}
