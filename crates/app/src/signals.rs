//! Ctrl-C and `kill` as requests: the step is finished and saved, then the process ends. A second one ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anther_train::trainer::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Failure;

/// What the process has been told.
#[derive(Clone, Debug)]
pub struct Signals {
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// Listens from now on, for the rest of the process.
    ///
    /// # Errors
    /// If the system does not let us listen.
    pub fn listen() -> Result<Self, Failure> {
        let received = Arc::new(AtomicUsize::new(0));
        let second = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let register = || {
                // In this order: the first signal finds `second` unset, passes by, and sets it.
                flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&second))?;
                flag::register(signal, Arc::clone(&second))?;
                flag::register_usize(signal, Arc::clone(&received), signal.unsigned_abs() as usize)
            };
            register().map_err(|error| anyhow::anyhow!("the program cannot listen to the signal {signal}: {error}"))?;
        }
        Ok(Signals { received })
    }

    /// The signal that came, if one did.
    pub fn received(&self) -> Option<Signal> {
        match self.received.load(Ordering::Relaxed).try_into() {
            Ok(SIGINT) => Some(Signal::Interrupt),
            Ok(SIGTERM) => Some(Signal::Terminate),
            _ => None,
        }
    }
}

/// The name of a signal that is listened to.
pub fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Interrupt => "SIGINT",
        Signal::Terminate => "SIGTERM",
    }
}
