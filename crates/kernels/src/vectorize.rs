//! The door through which safe code of a caller gets the instructions of the level in force.

use crate::level::{Level, level};

/// A piece of plain code that [`vectorize`] compiles once for each level. Its fields are what a closure would capture.
pub trait Vectorize {
    /// What the code gives.
    type Output;

    /// The code. Mark it, and the functions it calls in its loops, `#[inline(always)]`: only what is inlined gets the instructions of the level.
    fn run(self) -> Self::Output;
}

/// Runs the code with the instructions of the level in force on the calling thread, as far as the compiler makes vectors of its loops. Loops
/// over arrays of fixed length, such as `[T; PANEL]`, vectorise well. Products and sums are not contracted, so all levels give the same bits;
/// [`Real::mul_add`](crate::Real::mul_add) asks for a fused one.
///
/// ```
/// use anther_kernels::{Vectorize, vectorize};
///
/// struct Distance<'a>(&'a [[f32; 16]], &'a [[f32; 16]]);
///
/// impl Vectorize for Distance<'_> {
///     type Output = f32;
///
///     #[inline(always)]
///     fn run(self) -> f32 {
///         let mut sums = [0.0; 16];
///         for (a, b) in self.0.iter().zip(self.1) {
///             for lane in 0..16 {
///                 sums[lane] += (a[lane] - b[lane]).abs();
///             }
///         }
///         sums.iter().sum()
///     }
/// }
///
/// assert_eq!(vectorize(Distance(&[[1.0; 16]; 4], &[[3.0; 16]; 4])), 128.0);
/// ```
#[inline]
pub fn vectorize<F: Vectorize>(code: F) -> F::Output {
    match level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => {
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
            fn compiled<F: Vectorize>(code: F) -> F::Output {
                code.run()
            }
            // SAFETY: a level comes into force only after `Level::is_available` has found these features on this CPU.
            unsafe { compiled(code) }
        }
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => {
            #[target_feature(enable = "avx2,fma")]
            fn compiled<F: Vectorize>(code: F) -> F::Output {
                code.run()
            }
            // SAFETY: as above.
            unsafe { compiled(code) }
        }
        _ => code.run(),
    }
}
