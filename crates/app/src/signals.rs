//! Ctrl-C and `kill` as requests: the step is finished and saved, then the process ends. A second one ends it at once, and so does the first while there is
//! nothing to be saved.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anther_train::trainer::Signal;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::Failure;
use crate::output;

/// How often it is looked whether a signal has come that ends the process: soon for a person, seldom for a CPU.
const PAUSE: Duration = Duration::from_millis(20);

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

    /// Ends the process at the first signal, with its exit code and a sentence, until what is returned is dropped.
    #[must_use]
    pub fn end_at_once(&self, sentence: &'static str) -> Ending {
        let armed = Arc::new(Mutex::new(true));
        let (signals, watched) = (self.clone(), Arc::clone(&armed));
        thread::spawn(move || {
            loop {
                // Held while the process ends, so that whoever drops the other half goes on either for good or not at all.
                let armed = watched.lock().unwrap_or_else(PoisonError::into_inner);
                if !*armed {
                    return;
                }
                signals.end_if_received(sentence);
                drop(armed);
                thread::sleep(PAUSE);
            }
        });
        Ending { signals: self.clone(), sentence, armed }
    }

    fn end_if_received(&self, sentence: &str) {
        if let Some(signal) = self.received() {
            output::tell(&format!("{}: {sentence}", name(signal)));
            std::process::exit(signal.exit_code().into());
        }
    }
}

/// As long as this lives, a signal ends the process.
#[derive(Debug)]
pub struct Ending {
    signals: Signals,
    sentence: &'static str,
    armed: Arc<Mutex<bool>>,
}

impl Ending {
    /// The end of what a signal ends at once: also one that came so late that nobody has looked since.
    pub fn go_on(self) {
        // Held so that the sentence is told once.
        let _armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);
        self.signals.end_if_received(self.sentence);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }
}

/// The name of a signal that is listened to.
pub fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Interrupt => "SIGINT",
        Signal::Terminate => "SIGTERM",
    }
}
