//! Calls of the library that may panic, as it does for some files that are not what they should be.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `call` gives, or nothing if it panics. What a panic would print of itself is held back for this thread: whoever calls has a sentence for it.
pub(super) fn guarded<R>(call: impl FnOnce() -> R) -> Option<R> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let outer = QUIET.replace(true);
    // A tokenizer is not changed by what is asked of it, so nothing is left half done.
    let given = panic::catch_unwind(AssertUnwindSafe(call));
    QUIET.set(outer);
    given.ok()
}
