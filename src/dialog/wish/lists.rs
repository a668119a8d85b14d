//! The words of `wish`: kinds, colours, materials, parts, wearers and the small
//! words of a request. General English only; never a product's or a brand's name.

use std::collections::HashSet;
use std::sync::LazyLock;

pub(super) type Words = LazyLock<HashSet<&'static str>>;

/// Whether a list has a word, in the singular or as it stands.
pub(super) fn known(list: &Words, word: &str) -> bool {
    let has = |stem: Option<&str>| stem.is_some_and(|stem| stem.len() > 2 && list.contains(stem));
    list.contains(word)
        || has(word.strip_suffix('s'))
        || has(word.strip_suffix("es"))
        || word.strip_suffix("ies").is_some_and(|stem| list.contains(format!("{stem}y").as_str()))
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident = $words:literal)*) => {
        $($(#[$doc])* pub(super) static $name: Words =
            LazyLock::new(|| $words.split_whitespace().collect());)*
    };
}

lists! {
    /// Kinds that are worn: sizes by letter, and shades with a name of their own.
    CLOTHES = "
        shirt t-shirt tshirt tee top blouse tunic sweater sweatshirt hoodie pullover cardigan jacket coat
        blazer vest suit tuxedo dress skirt gown jumpsuit romper bodysuit pant pants jean jeans trouser shorts
        legging sweatpant jogger overall swimsuit swimwear bikini bra panty brief boxer underwear lingerie
        pajama sleepwear nightgown robe sock stocking tights glove mitten scarf hat cap beanie belt apron
        uniform costume cami camisole tank polo flannel parka poncho raincoat outerwear outfit clothing trunks
        leotard kimono henley windbreaker jersey bottoms loungewear sportswear tankini shapewear bralette
        waistcoat slacks chinos corset cloak cape bathrobe onesie sleepshirt undershirt workwear"
    /// Worn on the feet: sizes by number.
    FOOTWEAR = "
        shoe sneaker boot sandal slipper loafer heels pumps flats clog flip-flop flop moccasin oxford stiletto
        trainer cleat bootie mule wedges espadrille flipflop footwear workboot"
    /// Kinds that come in shades.
    MAKEUP = "
        concealer foundation lipstick gloss eyeshadow shadow blush mascara eyeliner lipliner liner bronzer
        highlighter polish dye wig extension hairpiece luminizer primer"
    /// Kinds that come in colours of wood.
    FURNITURE = "
        table desk chair stool barstool bench sofa couch loveseat ottoman recliner futon bed bedframe daybed
        mattress headboard footboard nightstand dresser cabinet bookcase bookshelf shelf shelves shelving rack
        stand sideboard buffet wardrobe organizer chest cupboard armchair hutch bunk frame mirror console
        furniture divider panel spring center"
    /// Kinds whose colour words name a flavour.
    FOOD = "
        food snack bar cookie cracker chips crisp pretzel popcorn nuts candy gum gummy lollipop cake cupcake
        brownie muffin bread bagel tortilla pasta noodle rice flour salt pepper spice seasoning herb sauce
        ketchup dressing dip salsa hummus jam jelly syrup cheese milk creamer yogurt egg tea coffee cocoa
        juice soda drink beverage beer mocktail cocktail mix smoothie shake fruit berry bean lentil pea seeds
        granola cereal oatmeal oats jerky meat beef chicken turkey sausage bacon ham fish tuna salmon sardine
        anchovy seafood seaweed soup broth stew pizza sandwich sweetener vinegar pickle chickpea quinoa
        vegetable dates raisin mayo mayonnaise mustard margarine biscuit pastry pie dessert pudding popsicle
        icing frosting donut doughnut waffle pancake flavoring extract patty meatball puffs bites flakes
        kernel spread preserve wine spirit ale lemonade seed stick salami burger wrap cracklings"
    /// Ingredients: a product only where no other is named.
    FLAVOURS = "
        chocolate almonds cashews peanuts pecans walnuts pistachios hazelnuts honey mints sugar butter apples
        bananas strawberries mangoes blueberries cranberries raspberries avocado tomatoes potatoes onions
        garlic oranges lemons limes peaches pears grapes cherries plums pineapple coconut olives truffles
        macadamia leaf matcha"
    /// All other kinds.
    GOODS = "
        case cover protector charger cable adapter cord headset headphone earphone earbud speaker soundbar
        radio camera camcorder lens tripod tablet phone smartphone computer pc laptop desktop monitor keyboard
        mouse printer scanner projector tv television antenna remote control receiver amplifier subwoofer
        player controller router modem switch hub drive ssd battery bulb lamp light lighting chandelier sconce
        lantern fixture fan clock watch smartwatch watchband band strap bracelet necklace ring earrings bag
        backpack purse wallet tote suitcase luggage cart storage bin basket box drawer art poster print
        painting wallpaper decal sticker sign statue vase rug carpet mat curtain drape blind shade valance
        blanket throw comforter duvet bedspread quilt sheet pillow pillowcase cushion slipcover tablecloth
        towel napkin toothbrush toothpaste paste floss flosser mouthwash brush comb razor shaver trimmer
        clipper scissors tweezers sponge scrubber roller massager mask cream lotion serum oil moisturizer
        cleanser toner scrub soap wash shampoo conditioner treatment spray mist gel balm deodorant sunscreen
        antiperspirant anti-perspirant perfume cologne toilette fragrance candle diffuser bottle jar container
        dispenser pump mug tumbler plate bowl pan pot knife set kit bundle accessory product tool topper picks
        decoration decor supplies balloon binoculars telescope monocular scope microscope backdrop background
        hook hanger holder mount rod faucet toy game puzzle doll book pen pencil notebook glue card wreath
        unit station dock tower system device transmitter booster converter splitter connector plug outlet
        screen film skin lashes eyelashes nails tattoo glitter powder palette crayon eyebrow pad wipe tissue
        detergent cleaner bleach broom mop bucket ladder drill hammer screwdriver screw nail paint tape rope
        hose umbrella tent cooler flashlight thermometer bandage vitamin supplement capsule diaper stroller
        crib leash litter treats aquarium cage ink cartridge stapler folder envelope calendar coaster tray tin
        kettle toaster blender microwave oven stove fridge refrigerator freezer dishwasher vacuum heater
        humidifier purifier iron dryer machine maker grinder filter liner insole runner cloth gift assortment
        stylus earpiece webcam intercom turntable piano guitar ukulele drum bike bicycle helmet scooter
        skateboard racket ball bat dumbbell treadmill hammock grill charcoal toothpicks moisturiser lipbalm
        chapstick color coloring artwork remover cutter opener peeler faceplate bonnet console strip glasses
        microphone"
    /// Nouns that belong to the kind when they stand before it: "energy drink".
    JOINS = "
        energy walking running hiking water tennis basketball golf football soccer work snow rain ankle ballet
        flip lip nail eye face facial body hair skin hand foot teeth tooth dental oral beard shaving shave
        bath shower bathing swim beach laundry toiletry cosmetic makeup make up party birthday cake cupcake
        dining kitchen end side accent coffee gaming office entertainment wall floor ceiling pendant vanity
        night area window door picture photo photography cell hdmi usb coaxial ethernet vga dvi displayport
        rca audio video ac dc power security dash digital trail dome memory flash signal virtual reality smart
        sound home care room coat book file filing dog cat pet yoga lounge cargo sports track sweat active pea
        trench puffer bomber baking pancake barbecue bbq graham bloody blood mary protein greeting soy corn
        potato tomato cooking salad screen car computer blind bar polo tank pajama skirt sleep boxer garden
        patio bedroom bathroom utility sewing steering fishing camping bird air essential eau de dress box
        shelving first aid dish dishwasher toilet paper trash garbage ice rice gift diner number media alarm
        counter massage growth hairdressing spotting living tongue back scalp jar carrying throw board cutting
        remote platform lash baby sea frying boat house bedside drafting standing mouth docking charging
        travel lightning wine"
    /// Kinds that are another thing's feature when they stand before it.
    LONE = "
        band top cover set light fit shade oil tin boot control remote switch print color ring chocolate honey
        butter chip gel cream mist powder spring seeds leaf bundle flannel nuts glitter mask crisp cap tank
        pump ball iron tape rope machine cloth heels bat flats pads product oxford throw jean pot tray treats
        runner plug spirit glue blush"
    /// Colours of anything.
    COLOURS = "
        black white grey gray red blue green yellow orange purple pink brown beige tan gold golden silver navy
        teal turquoise violet indigo maroon burgundy khaki ivory cyan magenta fuchsia lilac coral bronze
        copper multicolor multicolored multi-color multi-colored rainbow charcoal taupe nude aqua crimson
        scarlet mauve rust blonde blond brunette clear nickel chrome pewter gunmetal camo camouflage off-white
        colorless transparent greenish bluish reddish auburn"
    /// Colours named for things; of clothes, shoes, make-up and furniture only.
    THING_COLOURS = "
        walnut oak espresso cherry toffee wine camel olive mocha cream peach mint plum amber ruby pearl
        champagne salmon rose mustard emerald sapphire lime lemon chestnut mahogany cognac caramel oatmeal
        sand stone ash slate graphite wheat apricot eggplant berry denim chocolate coffee almond leopard
        heather onyx ebony maple pine teak lavender"
    /// What may stand before a colour.
    SHADES = "
        light dark deep pale bright sky baby royal hot neon army forest rose matte dusty cool warm vintage
        antique medium midnight burnt heather snow jet pastel ash metallic navy steel powder electric ocean
        sea lake aqua olive mint lime wine brick blood cherry coffee chocolate walnut honey sand sandy smoky
        smoke soft dusk brushed rustic strawberry platinum golden natural slate stone solid true classic
        hunter mustard clear retro marble oil-rubbed artisan satin polished old fluorescent ultra ombre"
    /// After these no colour is meant: "gold plated", "white tea".
    NO_COLOURS = "
        plated tone tea chocolate ray circle rice sugar pepper bean label eye eyed wine tooth teeth spot head
        friday friendly chip cheddar chai"
    /// What a thing is made of.
    MATERIALS = "
        wood wooden steel metal aluminum aluminium iron brass plastic acrylic glass ceramic porcelain leather
        suede fleece cotton polyester spandex nylon wool linen silk satin velvet denim canvas microfiber
        rubber silicone vinyl bamboo rattan wicker chenille cashmere corduroy chiffon rayon viscose lycra
        elastane mdf concrete titanium resin tpu polycarbonate fur neoprene sherpa flannel jute hemp latex wax
        beeswax fiber plywood particleboard ethylene acetate polypropylene modal lace"
    /// What may stand before a material.
    MATERIAL_KINDS = "
        solid engineered faux fake pu stainless tempered clear genuine real carbon synthetic vegan polar
        organic patent soy recycled reclaimed manufactured pine oak frosted stained sterling"
    /// Parts: their material or colour is a feature of the whole.
    PARTS = "
        sole outsole insole frame leg shade handle base lining lined finish finished plated coated band strap
        lid toe cap button tip bottom wheel edge trim bristle connector upper screen conductor footbed heel
        hardware plating accent look color colored grain candy swab ball round pad letter top surface waist
        waistband closure print design pattern arm seat up front stitching logo cushion roast footrest buckle
        framed"
    /// What stands before "of" and is not the thing itself.
    CONTAINERS = "
        pair pack set bottle bag box case can jar tube carton package packet bundle lot bunch couple piece
        count quantity tub roll container kind type sort variety assortment dozen ounce stick size"
    /// What a number before counts.
    COUNTED = "
        pack pk ct count pc pcs packs pieces counts package nos"
    /// Units of a measure.
    UNITS = "
        inch inches ft foot feet cm centimeter mm millimeter meter metre yard yd oz ounce lb pound g gram kg
        kilogram ml milliliter l liter litre gallon qt quart pint m inseam"
    /// Sides of a measure.
    SIDES = "
        w l h d wide long tall high deep width length height depth"
    /// Wearers, wherever they are named.
    WHOM = "
        womens womans women woman mens men boys girls kids kid children childrens toddler ladies youth unisex"
    /// Wearers that are named after "for" only.
    PERSONS = "
        man boy girl child baby infant newborn lady teen teenager adult daughter son wife husband mom mother
        dad father sister brother grandma grandpa girlfriend boyfriend niece nephew"
    /// Ends of a feature of several words: "wide leg", "long lasting".
    CLOSERS = "
        fit leg sleeve toe closure waist duty speed lasting performance definition quality resolution plated
        free resistant wicking support covered friendly mounted use wear clean install assemble eat prepare
        pitch rise drying washable proof hd shaped themed scented flavored flavor lined heel neck collar style
        power band zoom core lte ram tier spectrum spf"
    /// Words that describe, and are no kind by themselves.
    PLAIN = "
        wireless bluetooth mini modern portable soft super easy ready high low long short wide slim heavy dual
        new compact professional durable stylish cute casual comfortable comfy elegant classic contemporary
        vintage natural pure fresh premium luxury luxurious gourmet variety assorted original special unique
        smart perfect good great nice best big round square rectangular oval flat thin thick solid plain
        striped floral plaid double single triple quick fast full half extra ultra multi hd indoor outdoor
        waterproof water-resistant non-slip anti aging flavor flavour vanilla style type kind scent size one
        ones thing something anything option brand design pattern color colour quality daily everyday winter
        summer spring fall autumn halloween christmas valentine valentines holiday friendly moisture machine
        hand ground imported baggy loose skinny relaxed regular straight stretch stretchy elastic lightweight
        weight warm cozy clear crystal bright matte quad intel core gb tb 4k stereo certified permanent
        temporary sensitive damaged dry oily healthy crunchy chewy creamy spicy sweet salty sour hot cold
        instant raw wild rich deep shag fuzzy plush fluffy hands heart bohemian boho rustic industrial
        traditional cotton replacement official sexy funny athletic knee synthetic human salon"
    /// What a request is made with.
    TRIGGERS = "
        looking lookin searching shopping want wanted wants need needed like love buy find get show order
        interested locate seek"
    /// All that may stand in a request before the thing.
    FRAME = "
        i im id am is was looking lookin searching shopping hunting for want wanted would like love need needs
        to buy buying purchase purchasing get getting find finding show me my order ordering can could you
        please help hello hi hey there some a an the any in of interested acquiring go ahead and that those
        these this do we have sell carry direct point see add list trying hoping also with us where are your
        if it try seeking give pick grab ill take one out up about something really just look search shop
        locate seek"
    /// Where a noun phrase ends.
    ENDS = "
        that which who with for in on made is are was were it its has have having by from also but please i my
        thats comes come coming featuring features designed preferably ideally should must suitable compatible
        can where what like without at so they then around under about containing contains using whose while
        when need would will if or does do id im choose pick this these those their you used such select"
}
