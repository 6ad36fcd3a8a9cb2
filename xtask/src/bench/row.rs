//! One line of the result: a case at a number of threads, joined with its peers.

use serde_json::{Map, Value, json};

use super::turns::Answer;

/// A case as the program lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub case: String,
    /// The peer that does the work inside our own program.
    pub by: Option<String>,
    /// Part of the short run.
    pub quick: bool,
    /// Measured in a process of its own.
    pub fresh: bool,
    /// The unit of its speed and the work of a call in it.
    pub rate: Option<(String, f64)>,
    /// The unit of its limit and the work of a call in it.
    pub limit: Option<(String, f64)>,
}

impl Entry {
    /// Reads a line of the list.
    pub fn read(line: &Value) -> Option<Entry> {
        let pair = |unit: &str, work: &str| Some((line[unit].as_str()?.to_owned(), line[work].as_f64()?));
        Some(Entry {
            case: line["case"].as_str()?.to_owned(),
            by: line["by"].as_str().map(str::to_owned),
            quick: line["quick"] == true,
            fresh: line["fresh"] == true,
            rate: pair("unit", "work"),
            limit: pair("limit", "limit_work"),
        })
    }
}

/// The machine's limits in GFLOP/s and GB/s.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Arithmetic.
    pub gflops: f64,
    /// Memory.
    pub gbytes_s: f64,
}

/// All turns of one program at one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The middle sample in milliseconds, over all turns.
    pub median: f64,
    /// The shortest.
    pub min: f64,
    /// Whether any turn was noisy.
    pub noisy: bool,
    /// The most memory of any turn.
    pub peak_rss_bytes: u64,
}

impl Measured {
    /// Joins the turns; `None` without any sample.
    pub fn of(turns: &[Answer]) -> Option<Measured> {
        let mut samples: Vec<f64> = turns.iter().flat_map(|turn| turn.samples.iter().copied()).collect();
        samples.sort_by(f64::total_cmp);
        Some(Measured {
            median: *samples.get(samples.len() / 2)?,
            min: *samples.first()?,
            noisy: turns.iter().any(|turn| turn.noisy),
            peak_rss_bytes: turns.iter().map(|turn| turn.peak_rss_bytes).max().unwrap_or(0),
        })
    }
}

/// A case at a number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What it is.
    pub entry: Entry,
    /// On how many threads.
    pub threads: usize,
    /// Ours.
    pub ours: Measured,
    /// Each peer that has the case.
    pub peers: Vec<(String, Measured)>,
    /// The share of the machine's limit.
    pub fraction: Option<f64>,
}

impl Row {
    /// Joins ours, the peers and the limits.
    pub fn new(entry: Entry, threads: usize, ours: Measured, peers: Vec<(String, Measured)>, limits: &Limits) -> Row {
        let fraction = entry.limit.as_ref().map(|(unit, work)| {
            let limit = if unit == "gflops" { limits.gflops } else { limits.gbytes_s };
            work / (ours.median / 1e3) / limit
        });
        Row { entry, threads, ours, peers, fraction: fraction.filter(|fraction| fraction.is_finite()) }
    }

    /// The fastest peer.
    pub fn best(&self) -> Option<&(String, Measured)> {
        self.peers.iter().min_by(|a, b| a.1.median.total_cmp(&b.1.median))
    }

    /// How many times faster than the best peer.
    pub fn ratio(&self) -> Option<f64> {
        self.best().map(|(_, peer)| peer.median / self.ours.median)
    }

    /// The speed and its unit.
    pub fn speed(&self) -> Option<(&str, f64)> {
        self.entry.rate.as_ref().map(|(unit, work)| (unit.as_str(), work / (self.ours.median / 1e3)))
    }

    /// The line of the JSON file.
    pub fn json(&self) -> Value {
        let mut line = Map::new();
        line.insert("case".into(), json!(self.entry.case));
        line.insert("threads".into(), json!(self.threads));
        line.insert("median_ms".into(), json!(self.ours.median));
        line.insert("min_ms".into(), json!(self.ours.min));
        if let Some((unit, speed)) = self.speed() {
            line.insert(unit.into(), json!(speed));
        }
        if let Some(fraction) = self.fraction {
            line.insert("fraction_of_limit".into(), json!(fraction));
        }
        line.insert("peak_rss_bytes".into(), json!(self.ours.peak_rss_bytes));
        line.insert("noisy".into(), json!(self.ours.noisy));
        if let (Some((name, peer)), Some(ratio)) = (self.best(), self.ratio()) {
            line.insert("peer".into(), json!(name));
            line.insert("peer_median_ms".into(), json!(peer.median));
            line.insert("peer_peak_rss_bytes".into(), json!(peer.peak_rss_bytes));
            line.insert("ratio".into(), json!(ratio));
            let all: Map<String, Value> =
                self.peers.iter().map(|(name, peer)| (name.clone(), json!(peer.median))).collect();
            line.insert("peers_median_ms".into(), Value::Object(all));
        }
        Value::Object(line)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A row of 2 GFLOP in 20 ms beside two peers.
    pub fn row() -> Row {
        let measured = |median| Measured { median, min: median / 2.0, noisy: false, peak_rss_bytes: 9 };
        let entry = json!({"case": "gemm", "by": null, "quick": true, "fresh": false, "unit": "gflops", "work": 2.0,
            "limit": "gflops", "limit_work": 2.0});
        let peers = vec![("slow".to_owned(), measured(60.0)), ("fast".to_owned(), measured(30.0))];
        let limits = Limits { gflops: 200.0, gbytes_s: 10.0 };
        Row::new(Entry::read(&entry).unwrap(), 2, measured(20.0), peers, &limits)
    }

    #[test]
    fn turns_are_pooled() {
        let turn = |samples: &[f64], noisy| Answer { samples: samples.to_vec(), noisy, peak_rss_bytes: 5 };
        let joined = Measured::of(&[turn(&[5.0, 1.0], false), turn(&[2.0], true)]).unwrap();
        assert_eq!(joined, Measured { median: 2.0, min: 1.0, noisy: true, peak_rss_bytes: 5 });
        assert_eq!(Measured::of(&[]), None);
    }

    #[test]
    fn the_ratio_is_above_one_when_ours_is_faster_than_the_best_peer() {
        let row = row();
        assert_eq!((row.best().unwrap().0.as_str(), row.ratio()), ("fast", Some(1.5)));
        assert_eq!((row.speed(), row.fraction), (Some(("gflops", 100.0)), Some(0.5)));
    }

    #[test]
    fn the_line_has_the_promised_keys() {
        let line = row().json();
        for (key, value) in [
            ("case", json!("gemm")),
            ("threads", json!(2)),
            ("median_ms", json!(20.0)),
            ("min_ms", json!(10.0)),
            ("gflops", json!(100.0)),
            ("fraction_of_limit", json!(0.5)),
            ("peak_rss_bytes", json!(9)),
            ("peer", json!("fast")),
            ("peer_median_ms", json!(30.0)),
            ("ratio", json!(1.5)),
        ] {
            assert_eq!(line[key], value, "{key}");
        }
        let alone = Row { peers: Vec::new(), ..row() }.json();
        assert!(alone.get("peer").is_none() && alone.get("ratio").is_none());
    }

    #[test]
    fn an_entry_without_work_has_no_rate() {
        let entry = Entry::read(&json!({"case": "start", "unit": null, "work": null})).unwrap();
        assert_eq!((entry.rate, entry.limit, entry.fresh), (None, None, false));
        assert_eq!(Entry::read(&json!({"name": "x"})), None);
    }
}
