//! A case: a name, the work of one call, and how to build what is called.

/// The limit of the machine that a case is held against, with the work of one call in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Floating-point operations, a multiply-add counted as two.
    Flops(f64),
    /// Bytes to and from memory: each input read once, each output written once.
    Bytes(f64),
}

/// What one call does, in the unit that its speed is stated in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Work {
    /// Stated in GFLOP/s.
    Flops(f64),
    /// Stated in GB/s.
    Bytes(f64),
    /// Stated in items a second.
    Items {
        /// What is counted.
        of: Item,
        /// Items of a call.
        count: f64,
        /// What the machine has to do for them.
        limit: Limit,
    },
    /// Only the time counts.
    Time,
}

/// What a step works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A token of a text.
    Token,
    /// An image.
    Image,
}

impl Work {
    /// The key of the speed in a report, and the work of a call in its unit.
    #[must_use]
    pub fn rate(self) -> Option<(&'static str, f64)> {
        match self {
            Work::Flops(flops) => Some(("gflops", flops / 1e9)),
            Work::Bytes(bytes) => Some(("gbytes_s", bytes / 1e9)),
            Work::Items { of: Item::Token, count, .. } => Some(("tokens_s", count)),
            Work::Items { of: Item::Image, count, .. } => Some(("images_s", count)),
            Work::Time => None,
        }
    }

    /// The limit that the work runs into.
    #[must_use]
    pub fn limit(self) -> Option<Limit> {
        match self {
            Work::Flops(flops) => Some(Limit::Flops(flops)),
            Work::Bytes(bytes) => Some(Limit::Bytes(bytes)),
            Work::Items { limit, .. } => Some(limit),
            Work::Time => None,
        }
    }
}

/// What is timed: one call with inputs that it owns.
pub type Body = Box<dyn FnMut()>;

/// Something to be measured.
pub struct Case {
    /// The name, the same as that of the peers' case.
    pub name: String,
    /// What one call does.
    pub work: Work,
    /// Part of the short run.
    pub quick: bool,
    /// Measured in a process of its own, because its memory is part of the result.
    pub fresh: bool,
    /// The crate that does the work instead of ours, for a yardstick that runs in this process.
    pub peer: Option<&'static str>,
    build: Box<dyn Fn() -> Body + Send + Sync>,
}

impl Case {
    /// A case whose inputs `build` makes. Nothing is built before [`Case::build`].
    pub fn new<F: FnMut() + 'static>(
        name: impl Into<String>,
        work: Work,
        build: impl Fn() -> F + Send + Sync + 'static,
    ) -> Case {
        let build = Box::new(move || Box::new(build()) as Body);
        Case { name: name.into(), work, quick: false, fresh: false, peer: None, build }
    }

    /// The same case as part of the short run.
    #[must_use]
    pub fn quick(self) -> Case {
        Case { quick: true, ..self }
    }

    /// The same case, in the short run if `quick`.
    #[must_use]
    pub fn quick_if(self, quick: bool) -> Case {
        Case { quick, ..self }
    }

    /// The same case, measured in a process of its own.
    #[must_use]
    pub fn fresh(self) -> Case {
        Case { fresh: true, ..self }
    }

    /// The same case as a yardstick: `peer` does the work.
    #[must_use]
    pub fn by(self, peer: &'static str) -> Case {
        Case { peer: Some(peer), ..self }
    }

    /// Builds the inputs. They are freed with the body.
    #[must_use]
    pub fn build(&self) -> Body {
        (self.build)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_stated_in_their_units() {
        assert_eq!(Work::Flops(2e9).rate(), Some(("gflops", 2.0)));
        assert_eq!(Work::Bytes(3e9).rate(), Some(("gbytes_s", 3.0)));
        for (of, unit) in [(Item::Token, "tokens_s"), (Item::Image, "images_s")] {
            let items = Work::Items { of, count: 7.0, limit: Limit::Bytes(5.0) };
            assert_eq!((items.rate(), items.limit()), (Some((unit, 7.0)), Some(Limit::Bytes(5.0))));
        }
        assert_eq!((Work::Time.rate(), Work::Time.limit()), (None, None));
    }

    #[test]
    fn inputs_are_built_only_when_the_case_runs() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static BUILT: AtomicUsize = AtomicUsize::new(0);
        let case = Case::new("a", Work::Time, || {
            BUILT.fetch_add(1, Ordering::Relaxed);
            || ()
        });
        assert_eq!(BUILT.load(Ordering::Relaxed), 0);
        case.build()();
        assert_eq!(BUILT.load(Ordering::Relaxed), 1);
    }
}
