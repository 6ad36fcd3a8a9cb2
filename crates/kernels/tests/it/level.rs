//! The choice of a level.

use anther_kernels::{Level, LevelError, level, parse_level, set_default_level, with_level};

#[test]
fn names_round_trip() {
    for level in Level::ALL {
        assert_eq!(level.to_string().parse::<Level>(), Ok(level));
    }
    assert_eq!(parse_level("auto"), Ok(Level::detect()));
    assert_eq!(parse_level("portable"), Ok(Level::Portable));
}

#[test]
fn unknown_names_are_refused_with_the_valid_ones() {
    let error = parse_level("sse9").unwrap_err();
    assert_eq!(error, LevelError::Unknown { name: "sse9".to_owned() });
    assert_eq!(error.to_string(), "unknown SIMD level \"sse9\": use one of auto, scalar, portable, avx2, avx512");
}

#[test]
fn missing_instructions_are_an_error_that_lists_what_there_is() {
    let message = LevelError::Unsupported { level: Level::Avx512 }.to_string();
    assert!(message.starts_with("the SIMD level avx512 needs instructions that this CPU lacks"), "{message}");
    for level in Level::available() {
        assert!(message.contains(level.name()), "{message}");
    }
    for level in Level::ALL {
        if !level.is_available() {
            let refused = Err(LevelError::Unsupported { level });
            assert_eq!(parse_level(level.name()).map(|_| ()), refused);
            assert_eq!(set_default_level(level), refused);
            assert_eq!(with_level(level, || panic!("ran without the instructions")), refused);
        }
    }
}

#[test]
fn detection_finds_the_widest_available() {
    let available = Level::available();
    assert!(available.starts_with(&[Level::Scalar, Level::Portable]));
    assert_eq!(available.last(), Some(&Level::detect()));
}

#[test]
fn overrides_nest_and_end() {
    let outside = level();
    with_level(Level::Scalar, || {
        assert_eq!(level(), Level::Scalar);
        with_level(Level::Portable, || assert_eq!(level(), Level::Portable)).unwrap();
        assert_eq!(level(), Level::Scalar);
        let other = std::thread::spawn(level).join().unwrap();
        assert_eq!(other, outside, "an override is its thread's own");
    })
    .unwrap();
    assert_eq!(level(), outside);
}

#[test]
fn an_override_ends_when_the_closure_panics() {
    let outside = level();
    let result = std::panic::catch_unwind(|| with_level(Level::Scalar, || panic!("on purpose")));
    assert!(result.is_err());
    assert_eq!(level(), outside);
}

/// Runs in a process of its own, since the default is the process's: this binary again, with this test alone.
#[test]
fn the_default_is_the_whole_process_s() {
    const CHILD: &str = "ANTHER_KERNELS_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        assert_eq!(level(), Level::detect());
        set_default_level(Level::Portable).unwrap();
        assert_eq!(level(), Level::Portable);
        assert_eq!(std::thread::spawn(level).join().unwrap(), Level::Portable);
        with_level(Level::Scalar, || assert_eq!(level(), Level::Scalar)).unwrap();
        return;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "level::the_default_is_the_whole_process_s"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && stdout.contains("1 passed"), "{stdout}");
}
