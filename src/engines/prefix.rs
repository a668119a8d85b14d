//! Owns the book-keeping of the language model's key/value cache: which token
//! sequences lie in which slot, and how a new prompt reuses them.
//!
//! Promises: a prompt that begins like a cached one pays only for the rest; a
//! primed beginning is overwritten only when no other slot is left; the cells
//! in use never exceed the capacity. Pure: the worker carries the plans out.

/// Token number in the model's vocabulary.
pub type Token = i32;

/// What to do with the cache before a prompt is processed, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Slot the prompt goes to.
    pub slot: usize,
    /// First tokens of the prompt that are cached; always fewer than all, as the
    /// last one must be processed to predict the next.
    pub keep: usize,
    /// Slot to copy those tokens from, when they do not lie in `slot` itself.
    pub copy_from: Option<usize>,
    /// Slots to clear to make room.
    pub evict: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
struct Slot {
    tokens: Vec<Token>,
    /// How many of the first tokens were primed and are worth keeping.
    primed: usize,
    /// Time of last use, in requests.
    used: u64,
}

/// The cache's slots and what they hold.
#[derive(Debug)]
pub struct PrefixCache {
    slots: Vec<Slot>,
    capacity: usize,
    clock: u64,
}

impl PrefixCache {
    /// A cache of `slots` sequences (at least 1) that share `capacity` tokens.
    #[must_use]
    pub fn new(slots: usize, capacity: usize) -> Self {
        Self { slots: vec![Slot::default(); slots.max(1)], capacity, clock: 0 }
    }

    /// Plans how to process `prompt` and then generate up to `room` tokens.
    /// `None` when both together exceed the capacity, or the prompt is empty.
    #[must_use]
    pub fn plan(&self, prompt: &[Token], room: usize) -> Option<Plan> {
        let need = prompt.len().checked_add(room)?;
        if prompt.is_empty() || need > self.capacity {
            return None;
        }
        let (source, keep) = self
            .slots
            .iter()
            .map(|slot| common(&slot.tokens, prompt).min(prompt.len() - 1))
            .enumerate()
            .max_by_key(|&(index, keep)| (keep, std::cmp::Reverse(index)))?;
        let spoils = |index: usize| {
            let slot = self.slots.get(index);
            slot.is_some_and(|slot| common(&slot.tokens, prompt) < slot.primed)
        };
        // Stay in the slot that shares the most, unless that spoils its primed
        // beginning and a slot without one can take a copy.
        let slot = if spoils(source) || (keep == 0 && self.len(source) > 0) {
            (0..self.slots.len())
                .min_by_key(|&index| (spoils(index), self.slots.get(index).map_or(0, |slot| slot.used)))
                .unwrap_or(source)
        } else {
            source
        };
        let mut others: Vec<usize> = (0..self.slots.len()).filter(|&i| i != slot).collect();
        others.sort_by_key(|&index| self.slots.get(index).map_or(0, |slot| slot.used));
        let mut held: usize = others.iter().map(|&index| self.len(index)).sum();
        let mut evict = Vec::new();
        for index in others {
            if held + need <= self.capacity {
                break;
            }
            if self.len(index) > 0 {
                held -= self.len(index);
                evict.push(index);
            }
        }
        Some(Plan { slot, keep, copy_from: (source != slot && keep > 0).then_some(source), evict })
    }

    /// Notes that `plan` was carried out: its slot now holds the first `keep`
    /// tokens of `prompt`.
    pub fn carry_out(&mut self, plan: &Plan, prompt: &[Token]) {
        self.clock += 1;
        let clock = self.clock;
        for &index in &plan.evict {
            self.forget(index);
        }
        if let Some(slot) = self.slots.get_mut(plan.slot) {
            let kept = prompt.get(..plan.keep).unwrap_or(prompt);
            let stays = common(&slot.tokens, kept);
            slot.primed = slot.primed.min(stays);
            slot.tokens = kept.to_vec();
            slot.used = clock;
        }
    }

    /// Notes tokens that were processed in `slot`.
    pub fn extend(&mut self, slot: usize, tokens: &[Token]) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.extend_from_slice(tokens);
        }
    }

    /// Marks all that `slot` holds as worth keeping.
    pub fn mark_primed(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.primed = slot.tokens.len();
        }
    }

    /// Notes that `slot` was cleared.
    pub fn forget(&mut self, slot: usize) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.tokens.clear();
            slot.primed = 0;
        }
    }

    /// Number of tokens in `slot`.
    #[must_use]
    pub fn len(&self, slot: usize) -> usize {
        self.slots.get(slot).map_or(0, |slot| slot.tokens.len())
    }
}

fn common(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(cache: &mut PrefixCache, prompt: &[Token], primed: bool) -> Plan {
        let plan = cache.plan(prompt, 0).unwrap();
        cache.carry_out(&plan, prompt);
        cache.extend(plan.slot, &prompt[plan.keep..]);
        if primed {
            cache.mark_primed(plan.slot);
        }
        plan
    }

    #[test]
    fn a_primed_beginning_is_paid_once() {
        let mut cache = PrefixCache::new(3, 100);
        run(&mut cache, &[1, 2, 3, 4], true);
        for tail in 10..20 {
            let plan = run(&mut cache, &[1, 2, 3, 4, tail, tail], false);
            assert_eq!((plan.slot, plan.keep), (0, 4));
            assert!(plan.evict.is_empty());
        }
    }

    #[test]
    fn two_primed_prompts_do_not_push_each_other_out() {
        let mut cache = PrefixCache::new(3, 100);
        run(&mut cache, &[1, 2, 3, 4], true);
        let second = run(&mut cache, &[1, 2, 9, 9], true);
        assert_eq!((second.keep, second.copy_from), (2, Some(0)));
        for tail in 10..20 {
            assert_eq!(run(&mut cache, &[1, 2, 3, 4, tail], false).keep, 4);
            assert_eq!(run(&mut cache, &[1, 2, 9, 9, tail], false).keep, 4);
            let unrelated = run(&mut cache, &[7, tail], false);
            assert_ne!(unrelated.slot, second.slot);
        }
    }

    #[test]
    fn the_same_prompt_again_needs_only_its_last_token() {
        let mut cache = PrefixCache::new(2, 100);
        run(&mut cache, &[1, 2, 3], false);
        assert_eq!(run(&mut cache, &[1, 2, 3], false).keep, 2);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_does_evicts_the_oldest() {
        let mut cache = PrefixCache::new(3, 10);
        assert_eq!(cache.plan(&[1; 8], 3), None);
        assert_eq!(cache.plan(&[], 1), None);
        run(&mut cache, &[1; 4], true);
        run(&mut cache, &[2; 4], true);
        let plan = cache.plan(&[3; 4], 0).unwrap();
        assert_eq!(plan.evict, [0]);
    }

    proptest! {
        #[test]
        fn plans_are_always_sound(
            prompts in prop::collection::vec(
                (prop::collection::vec(0..3_i32, 1..12), any::<bool>()), 1..40),
            slots in 1_usize..4,
        ) {
            let mut cache = PrefixCache::new(slots, 16);
            for (prompt, primed) in prompts {
                let plan = cache.plan(&prompt, 4).unwrap();
                let source = plan.copy_from.unwrap_or(plan.slot);
                prop_assert!(plan.keep < prompt.len());
                prop_assert_eq!(&cache.slots[source].tokens[..plan.keep], &prompt[..plan.keep]);
                prop_assert!(!plan.evict.contains(&plan.slot));
                cache.carry_out(&plan, &prompt);
                cache.extend(plan.slot, &prompt[plan.keep..]);
                if primed {
                    cache.mark_primed(plan.slot);
                }
                cache.extend(plan.slot, &[9; 4]);
                let held: usize = (0..slots).map(|slot| cache.len(slot)).sum();
                prop_assert!(held <= 16);
            }
        }
    }
}
