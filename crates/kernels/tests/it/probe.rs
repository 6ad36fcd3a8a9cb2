//! The probe of multiply-adds computes what it says, at every level, whatever does not fill the registers.

use anther_kernels::{Level, PROBE_LEN, multiply_add_probe, with_level};

#[test]
fn the_probe_iterates_its_map_at_every_level() {
    for len in [0, 1, 7, 48, 95, 96, 97, 383, 384, 385, PROBE_LEN, PROBE_LEN + 5] {
        let start = |i: usize| (i % 17) as f64 - 8.0;
        for rounds in [0, 1, 5] {
            let mut expected: Vec<f64> = (0..len).map(start).collect();
            multiply_add_probe(&mut expected, 0.75, 0.5, rounds);
            for level in Level::available() {
                let mut x: Vec<f32> = (0..len).map(|i| start(i) as f32).collect();
                with_level(level, || multiply_add_probe(&mut x, 0.75, 0.5, rounds)).unwrap();
                // Few binary digits, so nothing is rounded.
                assert!(x.iter().zip(&expected).all(|(&x, &y)| f64::from(x) == y), "{level} {len} {rounds}");
            }
        }
    }
    // x = a x + b at x = b / (1 - a).
    let mut x = [0.0_f64; 3];
    multiply_add_probe(&mut x, 0.5, 1.0, 60);
    assert_eq!(x, [2.0; 3]);
}
