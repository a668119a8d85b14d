//! The checker's own proof, run first: a right report passes, and each way of making it
//! wrong is caught, as the kind of fault that it is.

use crate::checker::{Past, Said, judge};
use crate::shop::{Group, Product, Shop};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn shop() -> Shop {
    let allergens =
        |lists: [&[&str]; 3]| lists.map(|list| list.iter().map(|word| (*word).to_owned()).collect());
    let product = |sku: &str, title: &str, cents: i64, stock: Option<i64>, aisle: &str| Product {
        sku: sku.into(),
        title: title.into(),
        regular: Some(cents),
        stock,
        aisle: Some(aisle.into()),
        bay: Some(3),
        shelf: Some(4),
        allergens: Some(allergens([&["milk"], &["egg"], &["gluten"]])),
        dietary: vec!["vegetarian".into()],
        price_as_of: Some("2026-11-20T06:00:00Z".into()),
        dates: vec!["2026-11-20T06:00:00Z".into()],
        ..Product::default()
    };
    let mut drink = product("D", "latte", 459, Some(200), "C");
    drink.groups = vec![0, 1];
    let mut offer = product("O", "Roanoke Cola 6 x 330 ml", 449, Some(9), "9");
    (offer.offer, offer.pack) = (Some(379), vec!["330".into(), "6".into()]);
    let unknown = product("U", "Goat Milk 1 L", 500, None, "4");
    let empty = product("E", "Garlic Butter 125 g", 349, Some(0), "4");
    let milk = product("M", "Whole Milk 1 L", 149, Some(34), "4");
    let foreign = product("F", "Rye Bread 500 g", 429, Some(12), "7");
    let mut shop = Shop::of(vec![drink, offer, unknown, empty, milk, foreign]);
    let value = |name: &str, delta| (name.to_owned(), delta, Vec::new());
    let size = vec![value("small", -40), value("medium", 0), value("large", 60), value("twenty ounce", 110)];
    let milk = vec![value("oat milk", 70), value("cream", 30)];
    shop.groups = vec![
        Group { id: "size".into(), amounts: Vec::new(), values: size, default: Some("medium".into()) },
        Group { id: "milk".into(), amounts: vec!["extra".into(), "no".into()], values: milk, default: None },
    ];
    shop
}

fn card(shop: &Shop, sku: &str) -> Value {
    let product = &shop.products[shop.find(sku).unwrap_or(0)];
    let mut card = json!({
        "sku": sku, "title": product.title, "price_cents": product.price(), "currency": "USD",
        "stock": product.stock, "as_of": product.price_as_of,
        "location": {"aisle": product.aisle, "bay": product.bay, "shelf": product.shelf},
    });
    if product.offer.is_some() {
        card["regular_price_cents"] = json!(product.regular);
    }
    card
}

fn report(shop: &Shop, skus: &[&str], order: &Value, reply: &str, speech: &str) -> Value {
    let cards: Vec<Value> = skus.iter().map(|sku| card(shop, sku)).collect();
    json!({"id": "1", "transcript": "", "intent": "", "cards": cards, "order": order, "reply": reply, "speech": speech,
        "facts": [], "timings_ms": {}})
}

/// A report that is right, and wrongs: texts to replace in it, and the fault to be found.
struct Case {
    skus: &'static [&'static str],
    order: Value,
    reply: &'static str,
    speech: &'static str,
    wrongs: &'static [(&'static str, &'static str, &'static str)],
}

/// # Panics
/// Where the checker finds a fault in a right report or none in a wrong one.
pub fn run() {
    let shop = shop();
    let said = Said { text: "add that please".into(), meant: "add that please".into(), ..Said::default() };
    let past = Past::default();
    let kinds = |said: &Said, answer: &Value| {
        judge(&shop, said, &past, answer).0.into_iter().map(|fault| fault.kind).collect::<Vec<_>>()
    };
    let mut caught = 0;
    for case in cases() {
        let right = report(&shop, case.skus, &case.order, case.reply, case.speech);
        let found = judge(&shop, &said, &past, &right).0;
        assert!(found.is_empty(), "a right report is blamed: {} {found:?}", case.reply);
        for (from, to, kind) in case.wrongs {
            assert!(case.reply.contains(from) || case.speech.contains(from), "nothing to replace: {from}");
            let [reply, speech] = [case.reply, case.speech].map(|text| text.replace(from, to));
            let found = kinds(&said, &report(&shop, case.skus, &case.order, &reply, &speech));
            assert!(
                found.contains(kind),
                "not caught as {kind}: {from} -> {to} in {} ({found:?})",
                case.reply
            );
            caught += 1;
        }
    }
    let reply = "Whole Milk 1 L is $1.49.";
    let right = report(&shop, &["M"], &json!([]), reply, "Whole Milk one liter is one forty-nine.");
    let changes: [(&str, Value, &str); 6] = [
        ("/cards/0/price_cents", json!(139), "card: price"),
        ("/cards/0/stock", json!(33), "card: stock"),
        ("/cards/0/title", json!("Whole Milk 2 L"), "card: title"),
        ("/cards/0/location/shelf", json!(5), "card: location"),
        ("/cards/0/sku", json!("X"), "card: no such product"),
        ("/order", json!([{"sku": "M", "title": "Whole Milk 1 L", "quantity": 1}]), "unasked action"),
    ];
    let asks = Said {
        text: "how much is the milk".into(),
        meant: "how much is the milk".into(),
        asks: true,
        ..Said::default()
    };
    assert!(kinds(&asks, &right).is_empty());
    for (at, value, kind) in changes {
        let mut wrong = right.clone();
        *wrong.pointer_mut(at).unwrap_or(&mut Value::Null) = value;
        let found = kinds(&asks, &wrong);
        assert!(found.contains(&kind), "not caught as {kind}: {found:?}");
        caught += 1;
    }
    println!("The checker catches {caught} planted faults.");
}

#[allow(clippy::too_many_lines)]
fn cases() -> Vec<Case> {
    let lattes = json!([{"sku": "D", "title": "latte", "quantity": 2,
        "options": {"size": "large", "milk": "oat milk"}, "defaults": {}}]);
    let both = json!([
        {"sku": "M", "title": "Whole Milk 1 L", "quantity": 2, "options": {}, "defaults": {}},
        {"sku": "D", "title": "latte", "quantity": 1, "options": {"milk": "extra cream"}, "defaults": {"size": "medium"}},
    ]);
    let none = json!([]);
    vec![
        Case {
            skus: &["M", "E"],
            order: none.clone(),
            reply: "I found 2. The first is Whole Milk 1 L, $1.49, in aisle 4, bay 3, shelf 4.",
            speech: "I found two. The first is Whole Milk one liter, one forty-nine, in aisle four, bay three, shelf four.",
            wrongs: &[
                ("$1.49", "$1.39", "amount"),
                ("$1.49", "$3.49", "amount"),
                ("one forty-nine", "one thirty-nine", "reply and speech differ: amounts"),
                ("aisle 4", "aisle 7", "place claim"),
                ("shelf four", "shelf three", "place claim"),
                ("aisle 4, bay 3", "aisle 4, bay 4", "place claim"),
                ("found 2", "found 17", "number without a source"),
                ("found two", "found three", "reply and speech differ: numbers"),
                ("Whole Milk 1 L", "Rye Bread 500 g", "foreign title"),
                (".", "{0}.", "template or broken text"),
                (".", "\u{1b}.", "control character"),
                ("I found 2", "You turn what a shopper says into one search", "prompt leaked"),
            ],
        },
        Case {
            skus: &["M"],
            order: none.clone(),
            reply: "Whole Milk 1 L: 34 in stock, in aisle 4. It contains milk, may contain egg and is stated free from gluten.",
            speech: "Whole Milk one liter: thirty-four in stock, in aisle four. It contains milk, may contain egg and is \
                     stated free from gluten.",
            wrongs: &[
                ("34 in", "33 in", "stock claim"),
                ("34 in", "out of", "stock claim"),
                ("34 in stock", "not in stock", "stock claim"),
                ("contains milk", "contains soy", "allergen claim"),
                ("contains milk", "does not contain milk", "allergen claim"),
                ("may contain egg", "may contain tree nuts", "allergen claim"),
                ("free from gluten", "free from egg", "allergen claim"),
                ("contains milk", "is vegan", "dietary claim"),
                ("contains milk", "is not vegetarian", "dietary claim"),
                ("contains milk", "is nut-free", "dietary claim"),
                ("contains milk", "has no statement about milk", "allergen claim"),
            ],
        },
        Case {
            skus: &["E", "U"],
            order: none.clone(),
            reply: "Garlic Butter 125 g: out of stock. Goat Milk 1 L: I do not know how many are left.",
            speech: "Garlic Butter one hundred twenty-five grams: out of stock. Goat Milk one liter: I do not know how many \
                     are left.",
            wrongs: &[
                ("out of stock", "in stock", "stock claim"),
                ("out of stock", "3 in stock", "stock claim"),
                ("I do not know how many are left", "out of stock", "stock claim"),
                ("I do not know how many are left", "in stock", "stock claim"),
                (
                    "Garlic Butter 125 g: out of stock",
                    "I do not know how many Garlic Butter 125 g are left",
                    "stock claim",
                ),
            ],
        },
        Case {
            skus: &["O"],
            order: none,
            reply: "Roanoke Cola 6 x 330 ml was $3.79 instead of $4.49 on Nov 20, 6:00 am.",
            speech: "Roanoke Cola six by three hundred thirty milliliters was three seventy-nine instead of four forty-nine \
                     on November twentieth at six am.",
            wrongs: &[
                ("$4.49", "$4.29", "amount"),
                ("three seventy-nine", "three seventy-eight", "amount"),
                ("Nov 20", "Nov 2", "date"),
                ("6:00", "7:00", "time"),
                ("six am", "six pm", "reply and speech differ: dates"),
            ],
        },
        Case {
            skus: &["D"],
            order: lattes,
            reply: "2 large latte with oat milk, $11.78. Anything else?",
            speech: "Two large latte with oat milk, eleven seventy-eight. Anything else?",
            wrongs: &[
                ("$11.78", "$9.18", "amount"),
                ("2 large", "3 large", "quantity"),
                ("oat milk", "cream", "option claim"),
                ("large latte", "small latte", "option claim"),
                ("eleven seventy-eight", "eleven dollars and eight cents", "amount"),
            ],
        },
        Case {
            skus: &["M", "D"],
            order: both,
            reply: "2 Whole Milk 1 L, and latte with extra cream, $7.87.",
            speech: "Two Whole Milk one liter, and latte with extra cream, seven eighty-seven.",
            wrongs: &[
                ("$7.87", "$7.57", "amount"),
                ("$7.87", "$9.37", "amount"),
                ("2 Whole", "1 Whole", "quantity"),
            ],
        },
    ]
}

/// Plants faults in the program's own right answers, to tell how many the checker sees in
/// the sentences that are in use.
#[derive(Default)]
pub struct Planter {
    turns: usize,
    /// Planted and caught, by kind.
    pub counts: BTreeMap<&'static str, (usize, usize)>,
}

impl Planter {
    pub fn plant(&mut self, shop: &Shop, said: &Said, past: &Past, answer: &Value) {
        self.turns += 1;
        let other = &shop.products[(self.turns * 7_919) % shop.products.len()];
        let reply = answer["reply"].as_str().unwrap_or_default();
        let told = |kind: &str| {
            let facts = answer["facts"].as_array().into_iter().flatten();
            facts
                .filter(|fact| fact["kind"] == kind)
                .find_map(|fact| fact["value"].as_str())
                .unwrap_or_default()
        };
        let cents = other.price().unwrap_or(0) + 7;
        let figure: String = reply
            .chars()
            .skip_while(|c| *c != '$')
            .take_while(|c| matches!(c, '$' | '.' | '0'..='9'))
            .collect();
        let figure = figure.trim_end_matches('.');
        let aisle = reply
            .split("aisle ")
            .nth(1)
            .and_then(|rest| rest.split([',', '.', ' ']).next())
            .unwrap_or_default();
        let (at, elsewhere) = (format!("aisle {aisle}"), format!("aisle {aisle}7"));
        let turned = [("out of stock", "in stock"), ("in stock", "out of stock")];
        let turned = turned.iter().find(|(from, _)| reply.contains(from)).copied().unwrap_or_default();
        let contains = told("allergen").strip_prefix("contains ").unwrap_or_default();
        let contains = format!("contains {}", contains.split([',', ';']).next().unwrap_or_default());
        let diet = told("dietary");
        let changes: [(&'static str, &str, String); 8] = [
            ("amount", figure, format!("${}.{:02}", cents / 100, cents % 100)),
            ("title", told("title"), other.title.clone()),
            ("aisle", &at, elsewhere),
            ("stock", turned.0, turned.1.to_owned()),
            ("stock of unknown", "I do not know how many are left", "3 in stock".to_owned()),
            ("allergen", &contains, "contains lupin".to_owned()),
            (
                "diet",
                diet,
                if diet.contains("not") { diet.replace("not ", "") } else { format!("not {diet}") },
            ),
            ("count", "I found ", "I found 97 and ".to_owned()),
        ];
        for (kind, from, to) in changes {
            let same = to.eq_ignore_ascii_case(from) || kind == "title" && other.title.len() < 4;
            if from.len() < 3 || from == "aisle " || from == "contains " || same || !reply.contains(from) {
                continue;
            }
            let mut wrong = answer.clone();
            // In both texts: their difference shall not give it away.
            wrong["reply"] = json!(reply.replacen(from, &to, 1));
            wrong["speech"] = wrong["reply"].clone();
            let counts = self.counts.entry(kind).or_default();
            counts.0 += 1;
            let caught = !judge(shop, said, past, &wrong).0.is_empty();
            counts.1 += usize::from(caught);
            if !caught && std::env::var_os("AISLE_REPLAY_MISSED").is_some() {
                println!("missed {kind}: {} | {}", wrong["reply"], answer["reply"]);
            }
        }
        if said.asks {
            let mut wrong = answer.clone();
            let line =
                json!({"sku": other.sku, "title": other.title, "quantity": 1, "options": {}, "defaults": {}});
            if let Some(order) = wrong["order"].as_array_mut() {
                order.push(line);
            }
            let counts = self.counts.entry("unasked line").or_default();
            counts.0 += 1;
            counts.1 += usize::from(!judge(shop, said, past, &wrong).0.is_empty());
        }
    }
}
