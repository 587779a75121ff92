//! Catches panics of the system under test. A panic is a finding: it does not end a swarm and does
//! not clutter the terminal.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// The message of this thread's last panic, while panics are being caught.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `work`. A panic becomes an error with the panic's message and source location.
pub(super) fn catch(work: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(install_hook);
    let before = CATCHING.replace(true);
    // The world that panicked is dropped with the closure. Of the state that it may have left
    // half-changed, only the watcher is used again, and its counts are those of the last complete
    // event.
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.set(before);
    result.map_err(|_| CAUGHT.take().unwrap_or_else(|| "a panic without a message".to_owned()))
}

/// Silences panics that are being caught. All others go to the previous hook.
fn install_hook() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !CATCHING.with_borrow(|catching| *catching) {
            return before(info);
        }
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line()));
        CAUGHT.set(Some(format!("{message}{}", place.unwrap_or_default())));
    }));
}

#[cfg(test)]
mod tests {
    use super::catch;

    #[test]
    fn a_panic_becomes_its_message_and_place() {
        let caught = catch(|| panic!("member c1 of group g"));
        let message = caught.unwrap_err();
        assert!(message.starts_with("member c1 of group g (src/run/crash.rs:"), "{message}");
        assert_eq!(catch(|| ()), Ok(()));
    }
}
