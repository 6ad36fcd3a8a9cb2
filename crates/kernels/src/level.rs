//! SIMD levels: which instruction sets the `f32` kernels may use, and how one is chosen.
//!
//! The level in force for a call is the override of the calling thread ([`with_level`]), else the level of the process
//! ([`set_default_level`]), else the best one of the CPU ([`Level::detect`]).

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// A set of instructions that kernels over `f32` may use. `f64` always runs the scalar twins, whatever the level.
///
/// The order is the order of preference: a later level is wider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// The readable specification: naive loops, sums in `f64`, functions of the standard library.
    Scalar = 0,
    /// The vectorised bodies compiled for the baseline of the target (SSE2 on x86-64, NEON on AArch64).
    Portable = 1,
    /// The same bodies with AVX2 and FMA.
    Avx2 = 2,
    /// The same bodies with AVX-512 (F, BW, DQ, VL), AVX2 and FMA.
    Avx512 = 3,
}

/// Why a level was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LevelError {
    /// No level has this name.
    Unknown {
        /// The name as it was given.
        name: String,
    },
    /// The CPU lacks the instructions of this level.
    Unsupported {
        /// The level that was asked for.
        level: Level,
    },
}

impl fmt::Display for LevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LevelError::Unknown { name } => {
                write!(f, "unknown SIMD level \"{name}\": use one of auto, {}", names(&Level::ALL))
            }
            LevelError::Unsupported { level } => write!(
                f,
                "the SIMD level {level} needs instructions that this CPU lacks: use one of auto, {}",
                names(&Level::available())
            ),
        }
    }
}

impl std::error::Error for LevelError {}

fn names(levels: &[Level]) -> String {
    let names: Vec<&str> = levels.iter().map(|level| level.name()).collect();
    names.join(", ")
}

impl Level {
    /// Every level, narrowest first, whether the CPU has it or not.
    pub const ALL: [Level; 4] = [Level::Scalar, Level::Portable, Level::Avx2, Level::Avx512];

    /// The name that [`FromStr`] reads: `scalar`, `portable`, `avx2` or `avx512`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Scalar => "scalar",
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    /// Whether this CPU can run the level.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Level::Scalar | Level::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => {
                Level::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Level::Avx2 | Level::Avx512 => false,
        }
    }

    /// The levels that this CPU can run, narrowest first; never empty.
    #[must_use]
    pub fn available() -> Vec<Level> {
        Level::ALL.into_iter().filter(|level| level.is_available()).collect()
    }

    /// The best level that this CPU can run.
    #[must_use]
    pub fn detect() -> Level {
        Level::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Level::Portable)
    }

    const fn from_index(index: u8) -> Option<Level> {
        match index {
            0 => Some(Level::Scalar),
            1 => Some(Level::Portable),
            2 => Some(Level::Avx2),
            3 => Some(Level::Avx512),
            _ => None,
        }
    }

    fn checked(self) -> Result<Level, LevelError> {
        if self.is_available() { Ok(self) } else { Err(LevelError::Unsupported { level: self }) }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    /// Reads a level's name. Says nothing about the CPU: see [`parse_level`].
    fn from_str(name: &str) -> Result<Level, LevelError> {
        Level::ALL
            .into_iter()
            .find(|level| level.name() == name)
            .ok_or_else(|| LevelError::Unknown { name: name.to_owned() })
    }
}

/// Reads a level's name, where `auto` is the best level of this CPU.
///
/// # Errors
/// [`LevelError::Unknown`] when no level has the name, [`LevelError::Unsupported`] when the CPU lacks it.
pub fn parse_level(name: &str) -> Result<Level, LevelError> {
    if name == "auto" { Ok(Level::detect()) } else { name.parse::<Level>()?.checked() }
}

/// The default of the process; `UNSET` until somebody asks, then the detected level, so that detection runs once.
static DEFAULT: AtomicU8 = AtomicU8::new(UNSET);
const UNSET: u8 = u8::MAX;

thread_local! {
    static OVERRIDE: Cell<Option<Level>> = const { Cell::new(None) };
}

/// Sets the level of the whole process, for every thread without an override of its own.
///
/// # Errors
/// [`LevelError::Unsupported`] when the CPU lacks the level; the level in force then stays.
pub fn set_default_level(level: Level) -> Result<(), LevelError> {
    DEFAULT.store(level.checked()? as u8, Ordering::Relaxed);
    Ok(())
}

/// Runs `body` with `level` in force on the calling thread, and restores the former level after it, also when it panics.
///
/// A kernel reads the level on the thread that calls it and hands it to its parallel tasks, and so do
/// [`parallel_blocks2`](crate::parallel_blocks2) and the like; kernels that `body` starts on *other* threads by other means use the level of those
/// threads.
///
/// # Errors
/// [`LevelError::Unsupported`] when the CPU lacks the level; `body` is then not run.
pub fn with_level<R>(level: Level, body: impl FnOnce() -> R) -> Result<R, LevelError> {
    Ok(at(level.checked()?, body))
}

/// Like [`with_level`] with a level that was in force, so that the CPU has it.
pub(crate) fn at<R>(level: Level, body: impl FnOnce() -> R) -> R {
    struct Restore(Option<Level>);
    impl Drop for Restore {
        fn drop(&mut self) {
            OVERRIDE.set(self.0);
        }
    }
    let _restore = Restore(OVERRIDE.replace(Some(level)));
    body()
}

/// The level in force on the calling thread.
#[must_use]
pub fn level() -> Level {
    if let Some(level) = OVERRIDE.get() {
        return level;
    }
    Level::from_index(DEFAULT.load(Ordering::Relaxed)).unwrap_or_else(|| {
        let level = Level::detect();
        // A concurrent `set_default_level` wins over what we detected.
        match DEFAULT.compare_exchange(UNSET, level as u8, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => level,
            Err(set) => Level::from_index(set).unwrap_or(level),
        }
    })
}
