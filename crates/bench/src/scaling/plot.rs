//! A chart with two logarithmic axes as SVG.

use std::ops::Range;

use plotters::prelude::*;

/// Size of the picture in pixels.
const SIZE: (u32, u32) = (760, 460);
/// Blue, vermilion, green, purple: told apart by people with any colour vision.
const COLORS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// A line in the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// Points with two positive coordinates; others are left out.
    pub points: Vec<(f64, f64)>,
}

/// Why a chart cannot be drawn.
#[derive(Debug)]
pub struct PlotError {
    reason: String,
}

impl std::fmt::Display for PlotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the picture cannot be drawn: {}", self.reason)
    }
}

impl std::error::Error for PlotError {}

/// The curves as SVG text. The same curves give the same bytes.
///
/// # Errors
/// [`PlotError`] from the plotter.
pub fn render(title: &str, (x, y): (&str, &str), curves: &[Curve]) -> Result<String, PlotError> {
    let mut text = String::new();
    plot(&mut text, title, (x, y), curves).map_err(|error| PlotError { reason: error.to_string() })?;
    Ok(text)
}

fn plot(
    text: &mut String,
    title: &str,
    (x_name, y_name): (&str, &str),
    curves: &[Curve],
) -> Result<(), Box<dyn std::error::Error>> {
    let positive = |curve: &Curve| -> Vec<(f64, f64)> {
        curve.points.iter().copied().filter(|(x, y)| *x > 0.0 && *y > 0.0 && x.is_finite() && y.is_finite()).collect()
    };
    let curves: Vec<(&str, Vec<(f64, f64)>)> =
        curves.iter().map(|curve| (curve.label.as_str(), positive(curve))).collect();
    let all = || curves.iter().flat_map(|(_, points)| points);
    let (x, y) = (padded(all().map(|point| point.0)), padded(all().map(|point| point.1)));

    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(224, 224, 224))
        .label_style(("sans-serif", 15))
        .axis_desc_style(("sans-serif", 17))
        .x_desc(x_name)
        .y_desc(y_name)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .draw()?;
    for ((label, points), color) in curves.iter().zip(COLORS.iter().cycle()) {
        let style = color.stroke_width(2);
        let key = move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], style);
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?.label(*label).legend(key);
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, color.filled())))?;
    }
    if !curves.is_empty() {
        chart
            .configure_series_labels()
            .label_font(("sans-serif", 15))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(160, 160, 160))
            .position(SeriesLabelPosition::UpperLeft)
            .draw()?;
    }
    area.present()?;
    Ok(())
}

/// The range of positive values with a little room, never empty.
fn padded(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    if low > high { 1.0..10.0 } else { low / 1.3..high * 1.3 }
}

fn short(x: f64) -> String {
    if !(1e-3..1e5).contains(&x) {
        return format!("{x:.0e}");
    }
    let text = format!("{x:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_has_its_points_and_its_name() {
        let curve = |label: &str, points: &[(f64, f64)]| Curve { label: label.into(), points: points.to_vec() };
        let curves = [
            curve("one thread", &[(1.0, 1.0), (10.0, 90.0), (100.0, 8000.0)]),
            curve("two", &[(1.0, 0.0), (f64::NAN, 1.0), (10.0, 5.0)]),
        ];
        let picture = render("growth", ("length", "ms"), &curves).unwrap();
        assert_eq!(picture.matches("<circle").count(), 4);
        for word in ["growth", "length", "one thread", "two"] {
            assert!(picture.contains(word), "{word}");
        }
        assert_eq!(picture, render("growth", ("length", "ms"), &curves).unwrap());
    }

    #[test]
    fn no_points_and_one_point_can_be_drawn() {
        assert!(render("none", ("x", "y"), &[]).unwrap().contains("</svg>"));
        let one = Curve { label: "a".into(), points: vec![(3.0, 4.0)] };
        assert_eq!(render("one", ("x", "y"), &[one]).unwrap().matches("<circle").count(), 1);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!((short(0.25), short(1000.0), short(1e6)), ("0.25".into(), "1000".into(), "1e6".into()));
    }
}
