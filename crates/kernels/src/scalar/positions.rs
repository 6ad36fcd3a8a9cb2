//! Twin of the rotary embedding.

use super::store;
use crate::real::Real;
use crate::rotary::RotaryPairing;
use crate::write::Write;

#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn rotary<T: Real>(
    out: &mut [T],
    x: &[T],
    cos: &[T],
    sin: &[T],
    first_row: usize,
    positions: usize,
    dim: usize,
    pairing: RotaryPairing,
    inverse: bool,
    write: Write,
) {
    let half = dim / 2;
    for (r, (out, x)) in out.chunks_mut(dim).zip(x.chunks(dim)).enumerate() {
        let position = (first_row + r) % positions;
        for j in 0..half {
            let (u, v) = match pairing {
                RotaryPairing::Interleaved => (2 * j, 2 * j + 1),
                RotaryPairing::Halves => (j, j + half),
            };
            let (cos, sin) = (cos[position * half + j], sin[position * half + j]);
            let sin = if inverse { -sin } else { sin };
            store(&mut out[u], x[u] * cos - x[v] * sin, write);
            store(&mut out[v], x[u] * sin + x[v] * cos, write);
        }
    }
}
