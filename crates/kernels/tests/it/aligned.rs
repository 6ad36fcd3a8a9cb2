//! Aligned memory.

use anther_kernels::{ALIGNMENT, AlignedVec};

#[test]
fn memory_is_aligned_zeroed_and_writable() {
    for len in [0, 1, 15, 16, 17, 1000] {
        let mut memory = AlignedVec::<f32>::zeroed(len);
        assert_eq!(memory.len(), len);
        assert_eq!(memory.as_ptr().addr() % if len == 0 { align_of::<f32>() } else { ALIGNMENT }, 0);
        assert!(memory.iter().all(|&x| x == 0.0));
        memory.iter_mut().enumerate().for_each(|(i, x)| *x = i as f32);
        let copy = memory.clone();
        memory.fill(-1.0);
        assert!(copy.iter().enumerate().all(|(i, &x)| x == i as f32), "a clone shares nothing");
        assert_eq!(AlignedVec::from_slice(&copy)[..], copy[..]);
    }
}

#[test]
fn memory_moves_between_threads() {
    let memory = AlignedVec::from_slice(&[1.0f64, 2.0]);
    let sum = std::thread::scope(|scope| scope.spawn(|| memory.iter().sum::<f64>()).join().unwrap());
    assert_eq!(sum, 3.0);
    assert_eq!(std::thread::spawn(move || memory[1]).join().unwrap(), 2.0);
}

#[test]
#[should_panic(expected = "more than memory can hold")]
fn impossible_length_panics() {
    let _ = AlignedVec::<f64>::zeroed(usize::MAX / 4);
}
