//! What a check found wrong.

use std::fmt;

use crate::close::Mismatch;

/// One thing that should hold for a case and does not.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The op or module.
    pub op: String,
    /// The label of the case.
    pub label: String,
    /// The name of the check, one of those in the documentation of [`failures`](crate::failures).
    pub check: &'static str,
    /// Which tensor is wrong, and under what circumstances.
    pub what: String,
    /// The first element that is wrong, unless the failure is about no element.
    pub mismatch: Option<Mismatch>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}), {}: {}", self.op, self.label, self.check, self.what)?;
        if let Some(mismatch) = &self.mismatch { write!(f, ": {mismatch}") } else { Ok(()) }
    }
}
