//! Queries to the demo store as shoppers say, type and mishear them, with what must
//! come first: a test, and what `make tune-search` learns from beside judged queries.

#![allow(dead_code)] // Each user takes its own part.

pub enum Want {
    /// The first hit's title holds one of these.
    First(&'static [&'static str]),
    /// Each of the first three hits is in one of these narrowest categories.
    Kind(&'static [&'static str]),
    /// One of the first three titles holds one of these.
    Top(&'static [&'static str]),
    NoMatch,
}
use Want::{First, Kind, NoMatch, Top};

#[rustfmt::skip]
pub const TABLE: &[(&str, Want)] = &[
    // Plain names: the thing itself, not what is made with it.
    ("milk", Kind(&["Milk"])),
    ("apple", First(&["Apple"])),
    ("apples", Kind(&["Fruit"])),
    ("orange", First(&["Orange"])),
    ("banana", First(&["Banana"])),
    ("tomatoes", First(&["Tomato"])),
    ("cucumber", First(&["Cucumber"])),
    ("chocolate", Kind(&["Chocolate & Candy"])),
    ("bread", Kind(&["Bread"])),
    ("cheese", Kind(&["Cheese"])),
    ("eggs", Kind(&["Eggs"])),
    ("butter", Kind(&["Cream & Butter"])),
    ("yogurt", Kind(&["Yogurt"])),
    ("chicken", Kind(&["Poultry", "Prepared Food"])),
    ("salt", First(&["Salt"])),
    ("sugar", Kind(&["Flour & Sugar"])),
    ("rice", Kind(&["Rice & Grains"])),
    ("honey", First(&["Honey"])),
    ("beer", First(&["Beer", "Lager"])),
    ("tuna", First(&["Tuna"])),
    ("shampoo", First(&["Shampoo"])),
    ("coffee", First(&["coffee"])),
    ("latte", First(&["latte"])),
    // Two and more words.
    ("apple juice", First(&["Apple Juice"])),
    ("chocolate milk", First(&["Chocolate Milk"])),
    ("dark chocolate", First(&["Dark Chocolate"])),
    ("peanut butter", First(&["Peanut Butter 454 g", "Peanut Butter 340 g"])),
    ("olive oil", First(&["Olive Oil"])),
    ("greek yogurt", First(&["Greek Yogurt"])),
    ("gluten free bread", First(&["Gluten-Free"])),
    ("gluten-free pasta", Kind(&["Pasta"])),
    ("vegan cheese", Top(&["Vegan"])),
    ("lactose free milk", First(&["Lactose-Free"])),
    ("brown sugar", First(&["Brown Sugar"])),
    ("ground beef", First(&["Ground Beef"])),
    ("chicken wings", First(&["Chicken Wings"])),
    ("toilet paper", First(&["Toilet Paper"])),
    ("black beans", First(&["Black Beans"])),
    ("ice cream", Kind(&["Ice Cream"])),
    ("sparkling water", First(&["Sparkling Water"])),
    ("christmas lights", First(&["String Lights"])),
    ("halal chicken", First(&["Halal"])),
    ("2% milk", First(&["2% Milk", "2 % Milk"])),
    ("two percent milk", First(&["2% Milk", "2 % Milk"])),
    // As it is said.
    ("do you have any oat milk", Top(&["Oat Milk", "Oat Drink"])),
    ("I'm looking for peanut butter, please", Top(&["Peanut Butter"])),
    ("where can I find the toothpaste?", First(&["Toothpaste"])),
    ("a dozen eggs", Kind(&["Eggs"])),
    ("a bottle of red wine", First(&["Red Wine"])),
    ("a loaf of bread", Kind(&["Bread"])),
    ("food for my cat", Kind(&["Cat"])),
    ("something for a headache", Kind(&["Medicine"])),
    ("stuffing for the turkey", First(&["Stuffing"])),
    // Other words for it.
    ("oj", First(&["Orange Juice"])),
    ("loo roll", First(&["Toilet Paper"])),
    ("nappies", First(&["Diapers"])),
    ("bin liners", First(&["Trash Bags"])),
    ("courgette", First(&["Zucchini"])),
    ("double a batteries", First(&["AA Batteries"])),
    ("paracetamol", First(&["Acetaminophen"])),
    // Misspelled.
    ("brockoli", First(&["Broccoli"])),
    ("avacado", First(&["Avocado"])),
    ("mozarella", First(&["Mozzarella"])),
    ("chedar cheese", First(&["Cheddar"])),
    ("yoghurt", Kind(&["Yogurt"])),
    ("zuchini", First(&["Zucchini"])),
    ("spagetti", First(&["Spaghetti"])),
    ("tooth paste", First(&["Toothpaste"])),
    ("oatmilk", Top(&["Oat Milk", "Oat Drink"])),
    ("water melon", First(&["Watermelon"])),
    ("jalapeno", First(&["Jalapeño"])),
    // Misheard.
    ("all purpose flower", First(&["Flour"])),
    ("leaks", First(&["Leek"])),
    ("serial", Top(&["Cereal", "Flakes"])),
    ("cheery tomatoes", First(&["Cherry Tomatoes"])),
    ("all pro almond drink", Top(&["Alpro Unsweetened Almond"])),
    ("red beat", First(&["Red Beet"])),
    // Several things at once.
    ("milk and eggs", Top(&["Milk"])),
    ("milk, eggs and bread", Top(&["Egg"])),
    ("mac and cheese", Top(&["Mac", "Macaroni"])),
    // Not carried: an honest no.
    ("iphone charger", NoMatch),
    ("car tires", NoMatch),
    ("garden hose", NoMatch),
    ("lawn mower", NoMatch),
    ("motor oil", NoMatch),
    ("hammer", NoMatch),
    ("boots", NoMatch),
    ("socks", NoMatch),
    ("television", NoMatch),
    ("cigarettes", NoMatch),
    ("caviar", NoMatch),
    ("coconut yogurt", NoMatch),
    ("fishing rod", NoMatch),
    ("bicycle", NoMatch),
    ("qwertzuiop", NoMatch),
    ("the", NoMatch),
    ("", NoMatch),
];

/// What a grocer sells, and a shop of electronics does not.
#[rustfmt::skip]
pub const GROCERIES: &[&str] = &[
    "oat milk", "bread", "tomatoes", "bananas", "chicken wings", "olive oil",
    "toothpaste", "shampoo", "cat food", "dog food", "red wine", "beer",
    "cheddar cheese", "ground beef", "ice cream", "potato chips", "orange juice", "pasta",
    "rice", "eggs", "butter", "yogurt", "diapers", "toilet paper",
    "dish soap", "sugar", "flour", "salt", "honey", "peanut butter",
    "cereal", "frozen pizza", "salmon", "onions", "garlic", "lettuce",
    "lemons", "apple juice", "sparkling water", "cookies", "chocolate", "vitamins",
    "batteries", "light bulbs", "deodorant", "hand soap", "napkins", "trash bags",
    "cat litter", "laundry detergent", "mustard", "ketchup", "soy sauce", "tortillas",
    "black beans", "tuna", "green tea", "coffee beans", "croissant", "bagel",
    "hummus", "tofu", "granola", "baby food", "sunscreen", "paper towels",
    "aluminum foil",
];

/// What a shop of electronics sells, and a grocer does not.
#[rustfmt::skip]
pub const ELECTRONICS: &[&str] = &[
    "laptop", "digital camera", "hdmi cable", "printer", "toner cartridge", "wireless mouse",
    "gaming keyboard", "monitor", "projector", "smartphone", "external hard drive", "usb stick",
    "memory card", "router", "network switch", "graphics card", "processor", "motherboard",
    "power supply", "webcam", "headset", "headphones", "bluetooth speaker", "television",
    "dvd player", "game console", "playstation 4", "backpack", "laptop bag", "scanner",
    "fax machine", "server", "ups battery", "docking station", "ink cartridge", "vacuum cleaner",
    "washing machine", "refrigerator", "microwave oven", "drone", "smart watch", "e-reader",
    "iphone 11", "samsung galaxy", "nintendo switch", "dell laptop", "cd drive", "memory stick",
    "surge protector",
];

/// What neither of them sells.
#[rustfmt::skip]
pub const NEITHER: &[&str] = &[
    "garden hose", "lawn mower", "car tires", "dining table", "wedding dress", "running shoes",
    "blue jeans", "winter jacket", "perfume", "lipstick", "hair dye", "fishing rod",
    "tent", "yoga mat", "basketball", "guitar", "piano", "wheelchair",
    "hammer", "paint brush", "drill", "bathtub", "toilet", "curtains",
    "mattress", "umbrella", "wrist watch", "gold ring", "dog leash", "aquarium",
    "hamster cage", "rose bouquet", "fertilizer", "cement", "plywood", "motor oil",
    "windshield wiper", "baby stroller", "car seat",
];
