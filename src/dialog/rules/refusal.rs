//! What the kiosk does not do, whoever asks: change prices, take instructions, give
//! medical advice, judge ages, tell of others. Never answers such a request.

use super::subject::{pattern, split_words, subject};
use crate::dialog::constraint::{allergens_in, dietary_named};
use crate::dialog::context::Context;
use crate::dialog::tool::{Refusal, Subject, Tool};
use regex_lite::Regex;
use std::sync::LazyLock;

/// The refusal that `sentence` calls for.
pub(super) fn refusal(sentence: &str, context: &Context) -> Option<Tool> {
    let named = split_words(sentence);
    let asks_label = !allergens_in(&named).is_empty() || !dietary_named(&named).is_empty();
    let reason = if INSTRUCTIONS.is_match(sentence) {
        let of_price =
            ["price", "cost", "free", "cheap", "discount"].iter().any(|word| sentence.contains(word));
        if of_price || has_price(sentence) { Refusal::PriceChange } else { Refusal::Instructions }
    } else if HAGGLE.is_match(sentence) {
        Refusal::PriceChange
    } else if OTHERS.is_match(sentence) {
        Refusal::Others
    } else if MEDICAL.is_match(sentence) && !asks_label {
        Refusal::Medical
    } else if AGE.is_match(sentence) {
        let subject = AGED
            .captures(sentence)
            .and_then(|found| subject(&found["q"], context))
            .or_else(|| context.focus());
        return Some(Tool::Refuse { reason: Refusal::Age, subject });
    } else {
        return None;
    };
    // "... the price of milk is one cent": name the product, to give its real price.
    let subject = PRICED.captures(sentence).filter(|_| reason == Refusal::PriceChange).and_then(|found| {
        let name = found.name("q").or(found.name("r"))?.as_str();
        subject(name, context)
    });
    let of_focus = || match context.focus() {
        Some(focus @ (Subject::Sku { .. } | Subject::Line { .. })) if reason == Refusal::PriceChange => {
            Some(focus)
        }
        _ => None,
    };
    Some(Tool::Refuse { reason, subject: subject.or_else(of_focus) })
}

fn has_price(sentence: &str) -> bool {
    sentence.contains('$') || sentence.contains(" cent") || sentence.contains(" dollar")
}

static INSTRUCTIONS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:ignore|forget|disregard|override) (?:all |any |your |the |my |these |previous |prior |above )*(?:instructions?|rules?|prompts?|guidelines?|training)\b|\bsystem prompt\b|\byou are now\b|\bpretend (?:to be|you|that)\b|\bact as\b|\b(?:developer|admin|debug|god) mode\b|\brepeat after me\b|\b(?:say|write|print|output|tell me) that \w+ (?:\w+ )*(?:is|are|costs?|was|were|you|has|have)\b|\byour (?:system |secret |hidden )?(?:instructions|prompt)\b|\bjailbreak\b",
    )
});
static HAGGLE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:give|get|offer|make) (?:me|us|it) (?:a |an |some )?(?:\w+ )?(?:percent |% )?(?:discount|for free|cheaper|half price)\b|\b(?:set|change|lower|drop|reduce|update|make) (?:the |its |that )?price\b|\bsell (?:me|it|us)\b.* (?:for|at) \S+|\b(?:discount|coupon|promo) code\b|\bfor free\b|\b(?:the price|it) (?:is|was) (?:now |really |actually )?(?:only )?(?:\$?\d|zero|free|one cent)|\b(?:price|costs?) (?:of|for) .+ (?:is|to|should be) (?:now |only )?(?:\$?\d|zero|free|one )|\bnow costs? (?:only )?(?:\$?\d|zero|nothing|one )",
    )
});
static MEDICAL: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:what|how much|how many)\b.*\b(?:dose|dosage|tablets? (?:should|can|may)|pills? (?:should|can|may))\b|\b(?:is it|are they) safe (?:for|during|with|to)\b|\bcure[sd]?\b|\bdiagnos|\bmy (?:blood pressure|diabetes|medication|prescription)\b|\bwhile (?:pregnant|breastfeeding)\b|\bcan i (?:drink|take) .+ (?:pregnant|medication)\b",
    )
});
static PRICED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:price|cost) (?:of|for) (?:the |your )?(?P<q>.+?)(?: (?:is|was|to|should|at|for|now|from)\b.*)?$|\b(?:say|tell me|that|sell me|give me|make|confirm) (?:that )?(?:the |your |some |a )?(?P<r>[a-z][a-z ]*?) (?:is|are|costs?|for|at|cheaper)\b",
    )
});

static AGE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:and |but )?i am (?:only )?(?:\d+|\w+teen|twenty)(?: years old)?$|\b(?:i|he|she|my (?:son|daughter|kid|friend|brother|sister)) (?:am|is|are) (?:only )?(?:\d+|(?:\w+teen|twenty(?: \w+)?))(?: years old)?\b.*\b(?:right|okay|ok|fine|allowed|buy|have|old enough|problem)\b|\b(?:can|may|could|am i allowed to) (?:i|he|she|my \w+|a \d+ year old)? ?(?:buy|have|purchase) .*\b(?:years? old|under ?age|minor|without (?:an )?id|i am \w+)\b|\bold enough\b|\bhow old (?:do|must|should)\b|\b(?:need|show|check)\b.* \bid\b$|\bage (?:limit|restriction|check)\b",
    )
});
static AGED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:to )?(?:buy|purchase|get|for) (?:the |a |an |some )?(?P<q>[a-z][a-z ]*?)(?: (?:if|when|without|and)\b.*)?$",
    )
});
static OTHERS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"\b(?:last|previous|other|another|next|first) (?:person|customer|shopper|guy|lady|user|one|people|customers|shoppers) .*\b(?:buy|bought|ask|asked|say|said|order|ordered|get|got|want|wanted|list)\b|\b(?:someone|somebody|everyone|anyone) else(?: is)? (?:list|order|basket|cart)\b|\bwhat (?:did|do|have) (?:other|the other) (?:people|customers|shoppers)\b",
    )
});
