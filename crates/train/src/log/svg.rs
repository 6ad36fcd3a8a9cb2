//! Curves as SVG: the losses of a run in `loss.svg`, and what pruning costs.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use super::{LogError, Row};
use crate::fs::{Disk, replace_file};

/// Size of the picture in pixels.
const SIZE: (u32, u32) = (800, 480);
/// The most points drawn of one curve; more are averaged in groups, one would not see them apart.
const POINTS: usize = 1000;
/// Blue, vermilion, green, purple, orange: told apart by people with any colour vision.
const COLORS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
];

/// A line in the picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// Step (or another count) and value; what is not finite is left out.
    pub points: Vec<(u64, f64)>,
}

impl Curve {
    /// The curve of one metric in the rows of a log.
    #[must_use]
    pub fn of(rows: &[Row], metric: &str, label: &str) -> Self {
        let value = |row: &Row| row.values.iter().find(|(name, _)| name == metric).and_then(|(_, value)| *value);
        let points = rows.iter().filter_map(|row| Some((row.step, value(row)?))).collect();
        Self { label: label.to_owned(), points }
    }
}

/// What stands at the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axes<'a> {
    /// Along the horizontal axis.
    pub x: &'a str,
    /// Along the vertical axis.
    pub y: &'a str,
}

/// The axes of a run.
pub const LOSS_BY_STEP: Axes<'static> = Axes { x: "step", y: "loss" };

/// Draws the curves into an SVG file, replacing it whole. The same curves give the same bytes.
///
/// # Errors
/// [`LogError::Draw`] from the plotter, [`LogError::Fs`] from the disk.
pub fn draw(path: &Path, title: &str, axes: Axes<'_>, curves: &[Curve]) -> Result<(), LogError> {
    let picture = render(title, axes, curves)?;
    Ok(replace_file(&Disk, path, picture.as_bytes())?)
}

/// The picture as SVG text; see [`draw`]. Without any point the axes stand alone.
///
/// # Errors
/// [`LogError::Draw`].
pub fn render(title: &str, axes: Axes<'_>, curves: &[Curve]) -> Result<String, LogError> {
    let mut text = String::new();
    plot(&mut text, title, axes, curves).map_err(|error| LogError::Draw { reason: error.to_string() })?;
    Ok(text)
}

fn plot(text: &mut String, title: &str, axes: Axes<'_>, curves: &[Curve]) -> Result<(), Box<dyn std::error::Error>> {
    let curves: Vec<(&str, Vec<(f64, f64)>)> =
        curves.iter().map(|curve| (curve.label.as_str(), thin(&curve.points))).collect();
    let all = || curves.iter().flat_map(|(_, points)| points);
    let x = padded(all().map(|point| point.0));
    let y = padded(all().map(|point| point.1));

    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 22))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(224, 224, 224))
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 18))
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| short(*y))
        .draw()?;
    for ((label, points), color) in curves.iter().zip(COLORS.iter().cycle()) {
        let style = color.stroke_width(2);
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style);
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?.label(*label).legend(key);
        // A line through one point is invisible.
        if let [point] = points[..] {
            chart.draw_series([Circle::new(point, 3, color.filled())])?;
        }
    }
    if !curves.is_empty() {
        chart
            .configure_series_labels()
            .label_font(("sans-serif", 17))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(160, 160, 160))
            .position(SeriesLabelPosition::UpperRight)
            .draw()?;
    }
    area.present()?;
    Ok(())
}

/// The finite points, averaged in equal groups when there are too many.
#[expect(clippy::cast_precision_loss, reason = "steps and group sizes are far below 2^53")]
fn thin(points: &[(u64, f64)]) -> Vec<(f64, f64)> {
    // The plotter's own arithmetic must not overflow to infinity on a loss that exploded.
    let finite: Vec<(f64, f64)> =
        points.iter().filter(|(_, y)| y.abs() < 1e100).map(|&(step, y)| (step as f64, y)).collect();
    let group = finite.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let sum = part.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / n, sum.1 / n)
    };
    finite.chunks(group).map(mean).collect()
}

/// The range of the values with a little room, never empty.
fn padded(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
    if low > high {
        return 0.0..1.0;
    }
    // The second term keeps the range wide enough for the tick marks when all values are equal.
    let room = (high - low).mul_add(0.03, 1e-6 * low.abs().max(high.abs()).max(1e-3));
    low - room..high + room
}

fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.2e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
