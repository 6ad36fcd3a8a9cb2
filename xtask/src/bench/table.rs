//! The rows as a table, for the terminal and for a page.

use super::row::Row;

const HEAD: [&str; 8] = ["case", "threads", "ours, ms", "speed", "best peer", "peer, ms", "ratio", "of limit"];

/// What else a reader of the page has to know.
pub struct Facts {
    /// The processor.
    pub cpu: String,
    /// The day, year first.
    pub date: String,
    /// Of compiler, program and peers.
    pub versions: String,
    /// How to make the page again.
    pub command: String,
}

fn cells(row: &Row) -> [String; 8] {
    let number = |x: f64| {
        if x >= 100.0 {
            format!("{x:.0}")
        } else if x >= 1.0 {
            format!("{x:.2}")
        } else {
            format!("{x:.4}")
        }
    };
    let speed = row.speed().map_or_else(String::new, |(unit, speed)| {
        let unit = match unit {
            "gflops" => "GFLOP/s",
            "gbytes_s" => "GB/s",
            "images_s" => "images/s",
            _ => "tokens/s",
        };
        format!("{} {unit}", number(speed))
    });
    let (name, peer) = row.best().map_or_else(Default::default, |(name, peer)| (name.clone(), number(peer.median)));
    // A star marks what was measured while other programs ran.
    let star = if row.ours.noisy { "*" } else { "" };
    [
        row.entry.case.clone(),
        row.threads.to_string(),
        format!("{}{star}", number(row.ours.median)),
        speed,
        name,
        peer,
        row.ratio().map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        row.fraction.map_or_else(String::new, |fraction| format!("{:.0} %", fraction * 100.0)),
    ]
}

/// Columns for a terminal.
pub fn plain(rows: &[Row]) -> String {
    let lines: Vec<[String; 8]> = std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
        text.push_str(padded.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A page with the facts and the table.
pub fn markdown(rows: &[Row], facts: &Facts) -> String {
    let Facts { cpu, date, versions, command } = facts;
    let mut text = format!(
        "# Benchmarks\n\nMeasured on {date} on {cpu} with {versions}, by `{command}`.\n\n\
         Ours and the peers took turns in one run. A ratio above 1 means that ours is faster than the best peer; the limit is that of\n\
         multiply-adds in registers or of memory beyond the caches, by our own probes, so work on data that stay in a cache can exceed\n\
         it. A star marks a median over samples that other programs may have disturbed.\n\n"
    );
    text.push_str(&format!("| {} |\n|{}\n", HEAD.join(" | "), "---|".repeat(HEAD.len())));
    for row in rows {
        text.push_str(&format!("| {} |\n", cells(row).join(" | ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn a_row_says_it_all() {
        let expected = ["gemm", "2", "20.00", "100 GFLOP/s", "fast", "30.00", "1.50", "50 %"];
        assert_eq!(cells(&row()), expected.map(str::to_owned));
        let mut noisy = Row { peers: Vec::new(), fraction: None, ..row() };
        noisy.ours.noisy = true;
        assert_eq!(cells(&noisy)[2..], ["20.00*", "100 GFLOP/s", "", "", "", ""].map(str::to_owned));
    }

    #[test]
    fn tables_have_a_line_for_each_row() {
        let rows = [row(), row()];
        assert_eq!(plain(&rows).lines().count(), 3);
        let facts =
            Facts { cpu: "a CPU".into(), date: "2000-01-02".into(), versions: "x 1".into(), command: "run".into() };
        let page = markdown(&rows, &facts);
        assert_eq!(page.lines().filter(|line| line.starts_with("| gemm |")).count(), 2);
        assert!(["a CPU", "2000-01-02", "x 1", "`run`"].iter().all(|fact| page.contains(fact)));
    }
}
