//! Measuring on demand, so that another program can take turns between this one and the peers.
//!
//! A request is a JSON object on a line: `{"case": NAME, "by": PEER or null, "seconds": S, "wait": S, "fewest": N}`. Its answer is a line
//! too: the samples, or `{"case": NAME, "error": WHY}`.

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use crate::case::Case;
use crate::measure::Budget;
use crate::report;

/// Answers requests until there are no more.
///
/// # Errors
/// If reading or writing fails.
pub fn serve(cases: &[Case], threads: usize, requests: impl BufRead, mut answers: impl Write) -> std::io::Result<()> {
    for request in requests.lines() {
        writeln!(answers, "{}", answer(cases, threads, &request?))?;
        answers.flush()?;
    }
    Ok(())
}

fn answer(cases: &[Case], threads: usize, request: &str) -> Value {
    let request: Value = match serde_json::from_str(request) {
        Ok(request) => request,
        Err(error) => return json!({"case": null, "error": format!("the request is not JSON: {error}")}),
    };
    let (name, peer) = (&request["case"], &request["by"]);
    let wanted = |case: &&Case| *name == case.name.as_str() && peer.as_str() == case.peer;
    match cases.iter().find(wanted) {
        None => json!({"case": name, "error": "there is no such case"}),
        Some(case) => report::samples(case, &report::time(case, threads, &budget(&request))),
    }
}

fn budget(request: &Value) -> Budget {
    let usual = Budget::default();
    Budget {
        seconds: request["seconds"].as_f64().unwrap_or(usual.seconds),
        wait: request["wait"].as_f64().unwrap_or(usual.wait),
        fewest: request["fewest"].as_u64().map_or(usual.fewest, |fewest| usize::try_from(fewest).unwrap_or(1).max(1)),
        most: usual.most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Work;

    #[test]
    fn every_request_gets_one_answer() {
        let cases = [Case::new("a", Work::Time, || || ()), Case::new("a", Work::Time, || || ()).by("other")];
        let requests = "{\"case\": \"a\", \"seconds\": 0, \"wait\": 0, \"fewest\": 2}\n{\"case\": \"b\"}\nnonsense\n\
                        {\"case\": \"a\", \"by\": \"other\", \"wait\": 0}\n{\"case\": \"a\", \"by\": \"else\"}\n";
        let mut answers = Vec::new();
        serve(&cases, 1, requests.as_bytes(), &mut answers).unwrap();
        let answers: Vec<Value> =
            String::from_utf8(answers).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(answers.len(), 5);
        assert!(answers[0]["samples_ms"].as_array().unwrap().len() >= 2);
        assert_eq!(answers[1]["error"], "there is no such case");
        assert!(answers[2]["error"].as_str().unwrap().contains("not JSON"));
        assert!(answers[3]["samples_ms"].is_array() && answers[4]["error"].is_string());
    }
}
