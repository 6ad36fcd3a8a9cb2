//! How much memory the process has used.

/// The most memory the process has held at once, in bytes, as Linux counts it; 0 on other systems.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").map_or(0, |status| parse(&status).unwrap_or(0))
}

/// The line `VmHWM:   123 kB` of `/proc/self/status`.
fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t   2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        for wrong in ["", "VmHWM:", "VmHWM: many kB", "VmHWM: 12 MB", "VmHWM: 99999999999999999999 kB"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_memory() {
        let before = peak_rss_bytes();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(before > 0 && peak_rss_bytes() >= before.max(block.len() as u64));
    }
}
