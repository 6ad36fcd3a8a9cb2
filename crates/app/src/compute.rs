//! How the process computes: the number of threads and the SIMD level.

use anther_kernels::{Level, parse_level, set_default_level};

use crate::cli::ComputeArgs;
use crate::failure::Failure;

/// The variable that names a SIMD level when no flag does.
pub const SIMD_VARIABLE: &str = "ANTHER_SIMD";

/// What was chosen, to be recorded with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compute {
    /// Threads of the pool.
    pub threads: usize,
    /// The level in force.
    pub level: Level,
}

impl Compute {
    /// Sets up the process. To be called once, before anything computes.
    ///
    /// # Errors
    /// A mistake of usage for a level that does not exist or that this CPU lacks; a failure if no threads can be started.
    pub fn set_up(args: &ComputeArgs) -> Result<Self, Failure> {
        let level = level(args)?;
        set_default_level(level).map_err(Failure::usage)?;
        // The thread that trains is one of the pool: it does its share of a kernel's work at once, where a thread outside of it would
        // go to sleep until others have woken up and done the work.
        let mut pool = rayon::ThreadPoolBuilder::new().use_current_thread();
        if let Some(threads) = args.threads {
            pool = pool.num_threads(usize::from(threads));
        }
        pool.build_global()
            .map_err(|error| anyhow::anyhow!("the threads cannot be started: {error}; ask for fewer with --threads"))?;
        Ok(Compute { threads: rayon::current_num_threads(), level })
    }
}

/// The level of the flag, else of the variable, else the best of the CPU.
fn level(args: &ComputeArgs) -> Result<Level, Failure> {
    if let Some(name) = &args.simd {
        return parse_level(name)
            .map_err(|error| Failure::usage(anyhow::anyhow!("--simd cannot be {name:?}: {error}")));
    }
    match std::env::var_os(SIMD_VARIABLE).filter(|value| !value.is_empty()) {
        None => Ok(Level::detect()),
        Some(value) => {
            let name = value.to_string_lossy();
            parse_level(&name).map_err(|error| {
                Failure::usage(anyhow::anyhow!("the variable {SIMD_VARIABLE} cannot be {name:?}: {error}"))
            })
        }
    }
}
