//! The measurements behind the pictures.

use anther_tensor::Element;
use rayon::ThreadPoolBuilder;

use super::plot::{Curve, PlotError, render};
use crate::case::Case;
use crate::cases::gpt::Size;
use crate::cases::{attention_step, training_step};
use crate::measure::{Budget, measure};

/// What is swept.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The model from which one size at a time is changed.
    pub base: Size,
    /// Lengths of attention alone and of a training step.
    pub lengths: &'static [usize],
    /// Widths; heads stay 64 wide where they can.
    pub widths: &'static [usize],
    /// Numbers of blocks.
    pub layers: &'static [usize],
    /// Time for each point.
    pub budget: Budget,
}

/// The pictures of the documentation.
pub const FULL: Grid = Grid {
    base: Size { layers: 2, width: 256, heads: 4, feed_forward: 1024, context: 256, batch: 4, vocabulary: 2048 },
    lengths: &[128, 256, 512, 1024, 2048, 4096, 8192, 16_384],
    widths: &[64, 128, 256, 512, 1024],
    layers: &[1, 2, 4, 8, 16],
    budget: Budget { seconds: 0.2, wait: 3.0, fewest: 3, most: 50 },
};

/// One point: milliseconds a call, and the most bytes of tensors at once.
type Point = (f64, f64);

/// File names and SVG texts.
///
/// # Errors
/// [`PlotError`] from the plotter.
pub fn pictures(threads: usize, grid: &Grid) -> Result<Vec<(&'static str, String)>, PlotError> {
    let mut counts = vec![1, threads];
    counts.dedup();
    let base = grid.base;
    let step = |size: Size| training_step("step", size);
    let width = |&width: &usize| {
        let heads = (width / 64).max(1);
        (width, Size { width, heads, feed_forward: 4 * width, ..base })
    };

    let attention: Vec<_> =
        grid.lengths.iter().map(|&length| (length, attention_step([1, base.heads, length, 64], true))).collect();
    // The same tokens in fewer, longer sequences: what grows is attention.
    let tokens = base.tokens();
    let by_length: Vec<_> = grid
        .lengths
        .iter()
        .map(|&context| (context, step(Size { context, batch: (tokens / context).max(1), ..base })))
        .collect();
    let by_width: Vec<_> = grid.widths.iter().map(width).map(|(x, size)| (x, step(size))).collect();
    let by_layers: Vec<_> = grid.layers.iter().map(|&layers| (layers, step(Size { layers, ..base }))).collect();

    let mut pictures = Vec::new();
    for (name, x, cases) in [
        ("attention-length", "length of the sequence", attention),
        ("step-length", "length of a sequence", by_length),
        ("step-width", "width of the model", by_width),
        ("step-layers", "blocks", by_layers),
    ] {
        let (time, memory) = sweep(&counts, &cases, grid);
        let (time_name, memory_name) = files(name);
        pictures.push((time_name, render(&format!("{name}: time"), (x, "ms"), &time)?));
        pictures.push((memory_name, render(&format!("{name}: tensors"), (x, "MB at once"), &memory)?));
    }
    let all: Vec<usize> = (1..=threads).collect();
    let by_threads = threads_curve(&all, &step(base), grid);
    pictures.push(("step-threads.svg", render("step-threads", ("threads", "tokens a second"), &[by_threads])?));
    Ok(pictures)
}

/// The files of a sweep: time and memory.
fn files(name: &str) -> (&'static str, &'static str) {
    match name {
        "attention-length" => ("attention-length-time.svg", "attention-length-memory.svg"),
        "step-length" => ("step-length-time.svg", "step-length-memory.svg"),
        "step-width" => ("step-width-time.svg", "step-width-memory.svg"),
        _ => ("step-layers-time.svg", "step-layers-memory.svg"),
    }
}

/// A curve of times for each number of threads, and one of memory, which does not depend on it.
fn sweep(counts: &[usize], cases: &[(usize, Case)], grid: &Grid) -> (Vec<Curve>, Vec<Curve>) {
    let mut times = Vec::new();
    let mut memory = Curve { label: "forward and backward".into(), points: Vec::new() };
    for &threads in counts {
        let points: Vec<(f64, Point)> =
            cases.iter().map(|(x, case)| (*x as f64, on(threads, case, &grid.budget))).collect();
        memory.points = points.iter().map(|(x, point)| (*x, point.1 / 1e6)).collect();
        let label = if threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
        times.push(Curve { label, points: points.into_iter().map(|(x, point)| (x, point.0)).collect() });
    }
    (times, vec![memory])
}

fn threads_curve(counts: &[usize], case: &Case, grid: &Grid) -> Curve {
    let tokens = grid.base.tokens() as f64;
    let point = |&threads: &usize| (threads as f64, tokens / on(threads, case, &grid.budget).0 * 1e3);
    Curve { label: "a training step".into(), points: counts.iter().map(point).collect() }
}

/// Times a case on a pool of its own.
fn on(threads: usize, case: &Case, budget: &Budget) -> Point {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("some threads can be started");
    pool.install(|| {
        f32::pool().trim();
        f32::pool().reset_peak();
        let timing = measure(&mut *case.build(), threads, budget);
        (timing.median() * 1e3, f32::pool().peak_bytes() as f64)
    })
}
