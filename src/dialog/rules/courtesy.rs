//! The shop itself, its people, and courtesies. Never about a product.

use super::subject::{Rule, rule, split_words};
use crate::dialog::constraint::allergens_in;
use crate::dialog::tool::{Tool, Topic};
use std::sync::LazyLock;

pub(super) static COURTESIES: LazyLock<Vec<Rule<Tool>>> = LazyLock::new(|| {
    vec![
        rule(
            r"^(?:(?:can|could) you )?(?:say|repeat) (?:that|it|this)(?: again)?(?: .*)?$|^(?:repeat|again|pardon|pardon me|come again|once more|one more time|say again|sorry what|what)$|\bwhat (?:did|was it) you (?:just )?(?:say|said)\b|^what was that(?: again)?$|\bi did not (?:hear|catch|get) (?:that|you)\b|\bsay (?:that|it) again\b",
            |_, _| Some(Tool::Repeat),
        ),
        rule(
            r"\b(?:when|what time|how late|how long|until when)\b.*\b(?:open|close|closed|closing|opening)\b|\b(?:opening|store|business|shop) hours\b|^hours$|\bare you (?:still )?open\b",
            |_, _| Some(Tool::StoreFact { topic: Topic::Hours }),
        ),
        rule(
            r"\b(?:toilets?|restrooms?|bathrooms?|washrooms?|loo)$|\b(?:where|is there|have|find)\b.*\b(?:toilets?|restrooms?|bathrooms?|washrooms?|loo)(?: (?:in|around|near|close|somewhere|please|for) ?.*)?$",
            |_, _| Some(Tool::StoreFact { topic: Topic::Toilets }),
        ),
        rule(r"\b(?:return|refund|exchange|bring back)\b.*|\breturn policy\b", |_, _| {
            Some(Tool::StoreFact { topic: Topic::Returns })
        }),
        rule(
            r"\b(?:can i|how (?:can|do) i|do you (?:take|accept)|is it okay to) (?:pay|cash|cards?|credit|debit|contactless|apple pay|google pay|checks?)\b|\bpay (?:by|with|in) \w+|\bpayment methods?\b",
            |_, _| Some(Tool::StoreFact { topic: Topic::Payment }),
        ),
        rule(r"\b(?:where|can|how|is there|do you have|is)\b.*\b(?:park|parking)\b|^parking$", |_, _| {
            Some(Tool::StoreFact { topic: Topic::Parking })
        }),
        rule(
            r"\b(?:come (?:and|to|over)\b.*\bhelp|help me (?:reach|carry|lift))\b|\b(?:talk|speak) (?:to|with) (?:a |an |some|the |your )|\b(?:call|get|need|want|fetch|find) (?:a |an |me a |me an |me some |me |some |the )?(?:real |actual |human )?(?:person|human(?: being)?|employee|staff(?: member)?|colleague|assistant|manager|clerk|somebody|someone|worker|member of staff)\b|\breal person (?:please|now)\b|^(?:a )?(?:real )?(?:person|human|colleague|employee|manager)$|\b(?:can|could) (?:someone|somebody|anyone) (?:help|come|assist)\b",
            |_, _| Some(Tool::CallStaff),
        ),
        rule(r"\bservice (?:desk|counter)\b|\binformation desk\b|\bcustomer service\b", |_, _| {
            Some(Tool::StoreFact { topic: Topic::ServiceDesk })
        }),
        rule(
            r"^(?:help(?: me)?(?: out)?|what can (?:you|i) (?:\w+ )*(?:do|ask|say|help)(?: .*)?|how (?:does this|do you|do i) (?:work|use).*|what is this(?: thing)?|what are you|what do you do|what are my options)$",
            |_, _| Some(Tool::Help),
        ),
        rule(
            r"^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|howdy|greetings)(?: there)?$",
            |_, _| Some(Tool::Greet),
        ),
        rule(
            r"\b(?:bye|goodbye|good bye|see you|see ya|have a (?:nice|good|great) (?:day|one|evening))\b|^(?:no )?(?:that is|that will be|this is) (?:all|it|everything|me done|me)(?: for (?:now|today|me))?(?: (?:thanks|thank you|cheers).*)?$|^(?:no )?(?:thank you|thanks|cheers)(?: (?:bye|very much|a lot|so much|for your help))*$|^(?:i am|we are) (?:done|finished|good|all set)\b|^nothing(?: else| more)?$|^(?:no )?nothing else$",
            |_, _| Some(Tool::Goodbye),
        ),
        rule(
            r"^(?:how are you(?: .*)?|how is it going|are you (?:a |an )?(?:real|human|robot|machine|ai|person|computer|alive|there|listening|okay)\b.*|what is your name|who are you|who made you|do you (?:sleep|dream|like|love|have feelings)\b.*|tell me (?:a joke|something funny|a story)|sing .*|i (?:love|like|hate) you|will you marry me|you are (?:\w+ )*(?:great|nice|funny|stupid|useless|smart|awesome|helpful|the best|an idiot|cute|slow|wrong|annoying|amazing)\b.*|shut up|(?:nice|pleased) to meet you|how old are you|where are you from|is (?:anyone|anybody|someone) (?:there|in there)|what is the weather.*|what (?:is (?:the|today)(?: \w+)? (?:date|day|time)(?: .*)?|(?:day|date|time) is it(?: .*)?)|are you serious)$",
            |_, _| Some(Tool::SmallTalk),
        ),
        rule(
            r"^(?:(?:great|perfect|cool|nice|good|fine|awesome|excellent|wonderful|lovely|super|brilliant|wow|aha|right|alright|all right|okay|ok|sure|really|seriously|come on|got it|i see|understood|never mind|no worries|no problem|sorry|excuse me|interesting|whatever|hm+|too (?:bad|expensive|much|pricey|dear)|oh (?:well|no)|aw+(?: man)?|damn|shame|what a (?:shame|pity)|pity|makes sense|sounds good|that will do(?: nicely| fine)?|that is the one|yay|hurry up|wait|hang on|hold on|one (?:moment|second)|let me think|just looking|i am just looking|haha|ha|lol|kidding|just kidding|joking|just joking|yes|yeah|yep|then|it is|that is(?: a bit| too| so| very)? (?:expensive|pricey|good|great|perfect|fine|okay|nice|cool|too bad|a shame|a pity|right|silly|crazy|wrong|enough|a lot|perfect|it then)|i do not mind|it is for (?:\w+ )?\w+|ouch) ?)+$",
            |_, _| Some(Tool::Acknowledge),
        ),
        rule(
            r"^.*\b(?:promotions?|deals?|special offers?|offers|specials|discounts|on sale|sales|on special|on offer|reduced|bargains?)\b",
            |found, _| {
                // "Two of those on offer" and "add the one on sale" ask for the thing.
                let first = found[0].split(' ').next().unwrap_or_default();
                (!names_one(first)).then_some(Tool::ListPromotions)
            },
        ),
    ]
});

/// True for how a sentence about one thing on offer begins.
fn names_one(word: &str) -> bool {
    crate::dialog::words::number(word).is_some_and(|n| n != 1 || word == "one")
        || matches!(word, "add" | "put" | "where" | "take" | "the" | "i" | "that" | "this" | "is" | "compare")
}

/// What somebody must not eat, to be minded in what follows.
pub(super) static MINDED: LazyLock<Vec<Rule<Tool>>> = LazyLock::new(|| {
    vec![
        rule(
            r"\b(?:allergic to|allergy to|intolerant to|can not (?:have|eat|tolerate)|must not eat|avoiding|avoid) (?P<a>.+)$|\b(?:is|am|are|has|have) (?:a |an )?(?:severe |bad )?(?P<b>\w+(?: \w+)?) (?:allergy|allergies|allergic|intolerant|intolerance)\b|\b(?:is|am|are) (?:a )?(?P<c>coeliac|celiac)\b|^(?:and |but )?(?:with|for|because of) (?:a |an |my |his |her |the )?(?:severe |bad )?(?P<d>\w+(?: \w+)?) (?:allergy|allergies|intolerance)$",
            |found, _| {
                let named =
                    found.name("a").or(found.name("b")).or(found.name("c")).or(found.name("d"))?.as_str();
                let words = split_words(named);
                let allergens = allergens_in(&words);
                (!allergens.is_empty()).then_some(Tool::Mind { allergens })
            },
        ),
        rule(r"^(?:my |i |she |he |we |our |one )?.{0,40}\b(?:is|am|are) allergic$", |_, _| {
            Some(Tool::Acknowledge)
        }),
    ]
});
