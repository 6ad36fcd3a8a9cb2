//! Body of the rotary embedding.

use super::{Isa, map};
use crate::rotary::RotaryPairing;
use crate::write::Write;

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "the signature of the table")]
pub(crate) fn rotary<I: Isa>(
    out: &mut [f32],
    x: &[f32],
    cos: &[f32],
    sin: &[f32],
    first_row: usize,
    positions: usize,
    dim: usize,
    pairing: RotaryPairing,
    inverse: bool,
    write: Write,
) {
    let half = dim / 2;
    let direction = if inverse { -1.0 } else { 1.0 };
    for (r, (out, x)) in out.chunks_mut(dim).zip(x.chunks(dim)).enumerate() {
        let position = (first_row + r) % positions;
        let (cos, sin) = (&cos[position * half..][..half], &sin[position * half..][..half]);
        let angles = cos.iter().zip(sin);
        match pairing {
            RotaryPairing::Halves => {
                let (out_u, out_v) = out.split_at_mut(half);
                let (u, v) = x.split_at(half);
                let pairs = u.iter().zip(v).zip(angles);
                map!(write, out_u, pairs.clone(), |((&u, &v), (&cos, &sin))| {
                    I::mul_add(u, cos, -(v * (direction * sin)))
                });
                map!(write, out_v, pairs, |((&u, &v), (&cos, &sin))| I::mul_add(u, direction * sin, v * cos));
            }
            RotaryPairing::Interleaved => {
                let (out, _) = out.as_chunks_mut::<2>();
                let (x, _) = x.as_chunks::<2>();
                for ((out, &[u, v]), (&cos, &sin)) in out.iter_mut().zip(x).zip(angles) {
                    let sin = direction * sin;
                    let turned = [I::mul_add(u, cos, -(v * sin)), I::mul_add(u, sin, v * cos)];
                    match write {
                        Write::Set => *out = turned,
                        Write::Add => *out = [out[0] + turned[0], out[1] + turned[1]],
                    }
                }
            }
        }
    }
}
