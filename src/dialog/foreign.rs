//! Words of other languages that shoppers mix into English: courtesies, question
//! words, numbers and everyday goods of Spanish, German and French. Translates
//! nothing that is also an English word, and is no language pack.

/// Runs of words, accents taken off, and what they are in English. Where one run
/// begins another, the longer one counts. An empty meaning is dropped.
const MEANINGS: &[(&str, &str)] = &[
    // What is English, or a name, as it stands.
    ("dulce de leche", "dulce de leche"),
    ("cafe con leche", "latte"),
    ("chili con carne", "chili con carne"),
    ("creme fraiche", "creme fraiche"),
    ("creme brulee", "creme brulee"),
    ("eau de toilette", "eau de toilette"),
    ("au lait", "au lait"),
    // Spanish: courtesies.
    ("hola", "hello"),
    ("buenas tardes", "hello"),
    ("buenos dias", "hello"),
    ("buenas", "hello"),
    ("por favor", "please"),
    ("muchas gracias", "thank you"),
    ("gracias", "thank you"),
    ("adios", "goodbye"),
    ("perfecto", "great"),
    ("bueno", "well"),
    ("vale", "okay"),
    ("claro", "yes"),
    ("perdon", "excuse me"),
    ("disculpe", "excuse me"),
    // Spanish: questions.
    ("donde puedo encontrar", "where can i find"),
    ("donde estan", "where are"),
    ("donde esta", "where is"),
    ("donde tienen", "where do you have"),
    ("cuanto cuestan", "how much are they"),
    ("cuanto cuesta", "how much is it"),
    ("cuanto vale", "how much is it"),
    ("cuanto es", "how much is it"),
    ("cuanto", "how much"),
    ("tienen ustedes", "do you have"),
    ("tienen", "do you have"),
    ("tiene", "do you have"),
    ("hay", "is there"),
    ("estoy buscando", "i am looking for"),
    ("busco", "i am looking for"),
    ("necesito", "i need"),
    ("quisiera", "i would like"),
    ("quiero", "i would like"),
    ("me da", "give me"),
    ("dame", "give me"),
    ("y los banos", "and the toilets"),
    ("los banos", "the toilets"),
    ("el bano", "the toilet"),
    ("donde", "where"),
    ("tambien", "also"),
    ("mejor", "rather"),
    ("mas barato", "cheaper"),
    ("mas barata", "cheaper"),
    ("demasiado caro", "too expensive"),
    ("un poco de", "a bit of"),
    ("mucho", "a lot of"),
    ("sin", "without"),
    ("con", "with"),
    ("pero", "but"),
    ("para", "for"),
    ("grande", "large"),
    ("pequeno", "small"),
    ("mediano", "medium"),
    ("si", "yes"),
    ("y", "and"),
    ("el", "the"),
    ("los", "the"),
    ("las", "the"),
    ("un", "a"),
    ("una", "a"),
    ("uno", "one"),
    ("dos", "two"),
    ("tres", "three"),
    ("cuatro", "four"),
    ("cinco", "five"),
    ("seis", "six"),
    ("ocho", "eight"),
    ("diez", "ten"),
    // Spanish: goods.
    ("leche de soya", "soy milk"),
    ("leche de soja", "soy milk"),
    ("leche de avena", "oat milk"),
    ("leche de almendras", "almond milk"),
    ("leche entera", "whole milk"),
    ("leche", "milk"),
    ("lactosa", "lactose"),
    ("azucar", "sugar"),
    ("miel", "honey"),
    ("tortillas de maiz", "corn tortillas"),
    ("tortillas de harina", "flour tortillas"),
    ("aguacates", "avocados"),
    ("aguacate", "avocado"),
    ("huevos", "eggs"),
    ("queso", "cheese"),
    ("mantequilla", "butter"),
    ("arroz", "rice"),
    ("frijoles", "beans"),
    ("pollo", "chicken"),
    ("carne", "meat"),
    ("pescado", "fish"),
    ("manzanas", "apples"),
    ("platanos", "bananas"),
    ("naranjas", "oranges"),
    ("limones", "lemons"),
    ("fresas", "strawberries"),
    ("papas", "potatoes"),
    ("patatas", "potatoes"),
    ("cebollas", "onions"),
    ("tomates", "tomatoes"),
    ("ajo", "garlic"),
    ("agua", "water"),
    ("cerveza", "beer"),
    ("vino", "wine"),
    ("jugo", "juice"),
    ("jabon", "soap"),
    ("panales", "diapers"),
    ("toallitas", "wipes"),
    ("galletas", "cookies"),
    ("helado", "ice cream"),
    // German: courtesies.
    ("hallo", "hello"),
    ("guten tag", "hello"),
    ("guten morgen", "hello"),
    ("bitte", "please"),
    ("vielen dank", "thank you"),
    ("danke schon", "thank you"),
    ("danke", "thank you"),
    ("tschuss", "goodbye"),
    ("tschuess", "goodbye"),
    ("auf wiedersehen", "goodbye"),
    ("entschuldigung", "excuse me"),
    ("genau", "yes"),
    ("nein", "no"),
    // German: questions.
    ("wo finde ich", "where is"),
    ("wo ist", "where is"),
    ("wo sind", "where are"),
    ("was kostet die", "how much is it"),
    ("was kostet das", "how much is it"),
    ("was kostet der", "how much is it"),
    ("was kosten die", "how much are they"),
    ("was kostet", "how much is"),
    ("was kosten", "how much are"),
    ("wie viel kostet", "how much is"),
    ("wieviel kostet", "how much is"),
    ("haben sie", "do you have"),
    ("habt ihr", "do you have"),
    ("gibt es", "is there"),
    ("ich suche", "i am looking for"),
    ("ich brauche", "i need"),
    ("ich mochte", "i would like"),
    ("ich nehme", "i will take"),
    ("ich hatte gern", "i would like"),
    ("zu teuer", "too expensive"),
    ("billiger", "cheaper"),
    ("gunstiger", "cheaper"),
    ("ein bisschen", "a bit of"),
    ("noch eine", "another"),
    ("noch einen", "another"),
    ("noch ein", "another"),
    ("ohne", "without"),
    ("mit", "with"),
    ("und", "and"),
    ("oder", "or"),
    ("auch", "also"),
    ("fur", "for"),
    ("das", "the"),
    ("der", "the"),
    ("den", "the"),
    ("eine", "a"),
    ("einen", "a"),
    ("ein", "a"),
    ("zwei", "two"),
    ("drei", "three"),
    ("vier", "four"),
    ("funf", "five"),
    ("sechs", "six"),
    ("quita", "remove"),
    ("quite", "remove"),
    ("pon", "put"),
    ("ponga", "put"),
    ("entonces", "then"),
    ("wie viel kostet das", "how much is it"),
    ("wie viel kostet die", "how much is it"),
    ("wieviel kostet das", "how much is it"),
    ("wie viel kosten die", "how much are they"),
    ("eins davon", "one of those"),
    ("davon", "of those"),
    ("eins", "one"),
    ("gut", "good"),
    ("sacs", "bags"),
    ("sac", "bag"),
    ("d accord", "okay"),
    ("ca coute how much", "how much is it"),
    ("ca coute combien", "how much is it"),
    ("c est ou", "where is it"),
    ("c est combien", "how much is it"),
    ("croquettes", "dry food"),
    ("bolsas", "bags"),
    ("bolsa", "bag"),
    ("welches ist", "which one is"),
    ("welche ist", "which one is"),
    ("welcher ist", "which one is"),
    ("duft", "fragrance"),
    ("boites", "packs"),
    ("boite", "pack"),
    ("paquets", "packs"),
    ("paquet", "pack"),
    ("bouteilles", "bottles"),
    ("bouteille", "bottle"),
    ("paquetes", "packs"),
    ("paquete", "pack"),
    ("botellas", "bottles"),
    ("botella", "bottle"),
    ("latas", "cans"),
    ("lata", "can"),
    ("packungen", "packs"),
    ("packung", "pack"),
    ("flaschen", "bottles"),
    ("flasche", "bottle"),
    ("gross", "large"),
    ("klein", "small"),
    // German: goods.
    ("milch", "milk"),
    ("hafermilch", "oat milk"),
    ("sojamilch", "soy milk"),
    ("mandelmilch", "almond milk"),
    ("haferflocken", "rolled oats"),
    ("brot", "bread"),
    ("brotchen", "rolls"),
    ("kase", "cheese"),
    ("eier", "eggs"),
    ("zucker", "sugar"),
    ("mehl", "flour"),
    ("nudeln", "pasta"),
    ("reis", "rice"),
    ("kartoffeln", "potatoes"),
    ("zwiebeln", "onions"),
    ("apfel", "apples"),
    ("bananen", "bananas"),
    ("erdbeeren", "strawberries"),
    ("wasser", "water"),
    ("saft", "juice"),
    ("bier", "beer"),
    ("wein", "wine"),
    ("fleisch", "meat"),
    ("hahnchen", "chicken"),
    ("wurst", "sausage"),
    ("seife", "soap"),
    ("windeln", "diapers"),
    ("toilettenpapier", "toilet paper"),
    ("schokolade", "chocolate"),
    ("honig", "honey"),
    ("kekse", "cookies"),
    // French: courtesies.
    ("bonjour", "hello"),
    ("bonsoir", "hello"),
    ("salut", "hello"),
    ("s il vous plait", "please"),
    ("merci beaucoup", "thank you"),
    ("merci", "thank you"),
    ("au revoir", "goodbye"),
    ("excusez moi", "excuse me"),
    ("oui", "yes"),
    // French: questions.
    ("ou est ce que je trouve", "where is"),
    ("ou se trouve", "where is"),
    ("ou est", "where is"),
    ("ou sont", "where are"),
    ("combien coute", "how much is"),
    ("c est combien", "how much is it"),
    ("combien ca coute", "how much is it"),
    ("combien", "how much"),
    ("est ce que vous avez", "do you have"),
    ("avez vous", "do you have"),
    ("vous avez", "do you have"),
    ("je cherche", "i am looking for"),
    ("j ai besoin de", "i need"),
    ("je voudrais", "i would like"),
    ("je prends", "i will take"),
    ("trop cher", "too expensive"),
    ("moins cher", "cheaper"),
    ("un peu de", "a bit of"),
    ("beaucoup de", "a lot of"),
    ("aussi", "also"),
    ("sans", "without"),
    ("avec", "with"),
    ("et", "and"),
    ("le", "the"),
    ("la", "the"),
    ("les", "the"),
    ("une", "a"),
    ("deux", "two"),
    ("trois", "three"),
    ("quatre", "four"),
    // French: goods.
    ("lait de soja", "soy milk"),
    ("lait d avoine", "oat milk"),
    ("lait d amande", "almond milk"),
    ("lait", "milk"),
    ("c est", "is it"),
    ("riz", "rice"),
    ("pain", "bread"),
    ("fromage", "cheese"),
    ("beurre", "butter"),
    ("oeufs", "eggs"),
    ("sucre", "sugar"),
    ("farine", "flour"),
    ("pommes de terre", "potatoes"),
    ("pommes", "apples"),
    ("bananes", "bananas"),
    ("fraises", "strawberries"),
    ("poulet", "chicken"),
    ("viande", "meat"),
    ("poisson", "fish"),
    ("eau", "water"),
    ("biere", "beer"),
    ("savon", "soap"),
    ("couches", "diapers"),
    ("miel", "honey"),
];

/// Most words of a run in the table.
const LONGEST: usize = 6;

/// Short ones that are also letters or names in English: translated only together
/// with another foreign word, so that "Y connector" and "El Paso" stay.
const TIMID: &[&str] = &[
    "gut", "pon", "quite", "le", "la", "les", "pain", "y", "el", "los", "las", "un", "una", "et", "si",
    "das", "der", "den", "mit", "con", "sin", "hay",
];

fn meaning(run: &[String]) -> Option<&'static str> {
    let run = run.join(" ");
    MEANINGS.iter().find(|(words, _)| *words == run).map(|(_, meaning)| *meaning)
}

/// True where `words` hold something foreign that is not timid, or a timid word is
/// all there is.
#[must_use]
pub fn is_foreign(words: &[String]) -> bool {
    let bold = |run: &[String]| {
        let own = meaning(run).is_some_and(|english| english != run.join(" "));
        own && !(run.len() == 1 && TIMID.contains(&run[0].as_str()))
    };
    let any = (1..=LONGEST).any(|n| words.windows(n).any(bold));
    any || (words.len() == 1 && words[0] == "si")
}

/// `words` with what is known of other languages in English; `foreign`: some of what
/// was said is, so that short words count too.
#[must_use]
pub fn english(words: &[String], foreign: bool) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let longest = (1..=LONGEST.min(words.len() - at))
            .rev()
            .find_map(|n| Some((n, meaning(&words[at..at + n])?)))
            .filter(|(n, _)| *n > 1 || foreign || !TIMID.contains(&words[at].as_str()));
        match longest {
            Some((n, meaning)) => {
                out.extend(meaning.split(' ').filter(|word| !word.is_empty()).map(str::to_owned));
                at += n;
            }
            None => {
                out.push(words[at].clone());
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn said(text: &str) -> String {
        let words = words(text);
        english(&words, is_foreign(&words)).join(" ")
    }

    #[test]
    fn mixed_sentences_become_english() {
        for (text, meant) in [
            ("¿Y cuánto cuesta?", "and how much is it"),
            ("¿Tienen leche sin lactosa?", "do you have milk without lactose"),
            ("a latte con leche de soya, por favor", "a latte with soy milk please"),
            ("Und was kostet die?", "and how much is it"),
            ("the one ohne Gluten", "the one without gluten"),
            ("je voudrais deux croissants", "i would like two croissants"),
            ("eine Packung Haferflocken, bitte", "a pack rolled oats please"),
        ] {
            assert_eq!(said(text), meant, "{text}");
        }
    }

    #[test]
    fn english_stays() {
        for text in [
            "dulce de leche ice cream",
            "el paso salsa",
            "a y connector",
            "was the bread sold out",
            "die cast cars",
            "los angeles dodgers cap",
            "sin free candles",
        ] {
            assert_eq!(said(text), text);
        }
    }
}
