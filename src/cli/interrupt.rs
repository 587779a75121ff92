//! Ctrl-C, and the other ways in which a process is asked to end.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::Exit;
use super::out::Failure;

/// A flag that becomes true when the process is asked to end; asked a second time, it ends at once.
pub fn stop_on_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(Exit::Interrupted.code()));
        }
    })
    .map_err(|error| Failure::Usage(format!("cannot listen for Ctrl-C: {error}")))?;
    Ok(stop)
}
