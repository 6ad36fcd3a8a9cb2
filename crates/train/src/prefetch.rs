//! The batch of the next step, made by a thread of its own while a step is computed.
//!
//! A batch is a function of the step, so it is the same whoever makes it and when. Where kernels have one thread only, the user asked for one core, and batches
//! are made between two steps.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::batch::Batch;
use crate::task::{Task, TaskError};

/// Gives the batches of a task in order, at most one of them ahead of time. Two batches are in memory, and take turns.
pub(crate) struct Prefetch {
    task: Arc<dyn Task>,
    maker: Option<Maker>,
    /// The step whose batch the maker was asked for.
    ahead: Option<u64>,
    /// The place of the next batch, while the maker does not have it.
    spare: Batch,
}

/// A thread that makes one batch after the other in the places that it is given. It ends when nobody can ask any more.
struct Maker {
    ask: SyncSender<(u64, Batch)>,
    made: Receiver<(Batch, Result<(), TaskError>)>,
    thread: JoinHandle<()>,
}

impl Prefetch {
    /// Starts no thread before there is something for it to do.
    pub(crate) fn new(task: Arc<dyn Task>) -> Self {
        Prefetch { task, maker: None, ahead: None, spare: Batch::default() }
    }

    /// Puts the batch of the step that follows `step` steps into `batch`, and begins with the one after it if there are to be more `steps`.
    ///
    /// # Errors
    /// As [`Task::batch`], for this step whoever made its batch.
    ///
    /// # Panics
    /// If making the batch of this step does.
    pub(crate) fn batch(&mut self, step: u64, steps: u64, batch: &mut Batch) -> Result<(), TaskError> {
        match self.ahead.take() {
            None => self.task.batch(step, batch)?,
            Some(ahead) => {
                let result = self.receive();
                if ahead == step {
                    result?;
                    std::mem::swap(batch, &mut self.spare);
                } else {
                    self.task.batch(step, batch)?;
                }
            }
        }
        if step + 1 < steps && anther_kernels::threads() > 1 {
            self.ask(step + 1);
        }
        Ok(())
    }

    /// Asks for a batch, in a thread that may have to be started. If the system gives none, batches are made between two steps.
    fn ask(&mut self, step: u64) {
        if self.maker.is_none() {
            self.maker = Maker::start(Arc::clone(&self.task)).ok();
        }
        if let Some(maker) = &self.maker {
            let place = std::mem::take(&mut self.spare);
            self.ahead = maker.ask.send((step, place)).is_ok().then_some(step);
        }
    }

    /// Waits for what was asked for, and takes its place back.
    fn receive(&mut self) -> Result<(), TaskError> {
        let maker = self.maker.take().expect("a maker was asked");
        match maker.made.recv() {
            Ok((place, result)) => {
                self.spare = place;
                self.maker = Some(maker);
                result
            }
            // The thread ends by itself only if nobody can ask, so it has panicked.
            Err(_) => resume_unwind(maker.thread.join().expect_err("a maker ended that could be asked")),
        }
    }
}

impl Drop for Prefetch {
    /// Waits for a batch in the making, which nobody will ask for.
    fn drop(&mut self) {
        if let Some(Maker { ask, thread, .. }) = self.maker.take() {
            drop(ask);
            // A panic belongs to a step that is not taken.
            let _ = thread.join();
        }
    }
}

impl Maker {
    fn start(task: Arc<dyn Task>) -> std::io::Result<Self> {
        let (ask, asked) = sync_channel::<(u64, Batch)>(1);
        let (give, made) = sync_channel(1);
        let thread = Builder::new().name("anther-batches".to_owned()).spawn(move || {
            for (step, mut place) in asked {
                let result = task.batch(step, &mut place);
                if give.send((place, result)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Maker { ask, made, thread })
    }
}
