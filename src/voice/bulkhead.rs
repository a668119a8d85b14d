//! A wall around code that may panic on hostile input.
//!
//! Audio decoders are memory safe, but their arithmetic meets whatever numbers a
//! file holds, and this program is built with overflow checks (without them, a
//! wrapped number can become an endless loop, which is worse). One bad file must
//! neither take the kiosk down nor print a stack trace at the user.
//!
//! Promises: a panic inside is `None`, silently; panics elsewhere are reported as
//! before. Needs the default `panic = "unwind"`. Never used around our own code:
//! a panic there is a bug to be seen.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` when it panicked. `work` must not leave anything shared
/// half-changed.
pub(super) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                before(panic);
            }
        }));
    });
    let outer = CONTAINED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_stays_inside_and_results_come_out() {
        assert_eq!(contain(|| 7), Some(7));
        let zero = std::hint::black_box(0_u32);
        assert_eq!(contain(|| 1 / zero), None);
        assert_eq!(contain(|| contain(|| 1 / zero)), Some(None));
        assert!(!CONTAINED.get(), "panics after it are reported again");
    }
}
