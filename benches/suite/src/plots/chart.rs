//! Charts of lines over places that are labelled by hand, side by side in one file.

use super::axes::{Logarithm, Places};
use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;
use std::path::Path;

/// Colours that also the colour-blind tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 86, 86),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
const PANEL: (u32, u32) = (520, 360);
const FONT: &str = "sans-serif";

/// What is drawn in one panel.
pub struct Chart {
    pub title: String,
    pub x: String,
    pub y: String,
    pub scale: Scale,
    /// The labels of the places.
    pub ticks: Vec<String>,
    pub lines: Vec<Line>,
}

/// The axis of values.
#[derive(Clone, Copy, PartialEq)]
pub enum Scale {
    FromZero,
    Log,
}

/// A line with its name.
pub struct Line {
    pub name: String,
    /// The number of its colour.
    pub colour: usize,
    pub points: Vec<Point>,
}

/// A median at a place, with the lowest and the highest.
pub struct Point {
    pub place: usize,
    pub y: f64,
    pub low: f64,
    pub high: f64,
}

/// Draws panels into a file, two in a row.
pub fn draw(file: &Path, charts: &[Chart]) -> Result<()> {
    let columns = charts.len().min(2);
    let rows = charts.len().div_ceil(2);
    let wide = if columns == 1 { 2 } else { 1 };
    let size = (PANEL.0 * wide * u32::try_from(columns)?, PANEL.1 * u32::try_from(rows)?);
    let root = SVGBackend::new(file, size).into_drawing_area();
    root.fill(&WHITE).map_err(|error| anyhow!("{error}"))?;
    for (panel, chart) in root.split_evenly((rows, columns)).iter().zip(charts) {
        draw_one(panel, chart).map_err(|error| anyhow!("{}: {error}", chart.title))?;
    }
    root.present().map_err(|error| anyhow!("{error}"))
}

type Panel<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Failure = Box<dyn std::error::Error>;

fn draw_one(panel: &Panel<'_>, chart: &Chart) -> Result<(), Failure> {
    let highest = chart.values().fold(0.0, f64::max);
    let lowest = chart.values().fold(f64::INFINITY, f64::min);
    // With room above for the names of the lines.
    match chart.scale {
        Scale::FromZero => on_axis(panel, chart, 0.0..highest * 1.3),
        Scale::Log => {
            on_axis(panel, chart, Logarithm(lowest * 0.8..highest * (highest / lowest).powf(0.4) * 1.2))
        }
    }
}

fn on_axis<Y>(
    panel: &Panel<'_>,
    chart: &Chart,
    y: impl AsRangedCoord<CoordDescType = Y, Value = f64>,
) -> Result<(), Failure>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let last = crate::stats::number(chart.ticks.len() as u64) - 1.0;
    let mut context = ChartBuilder::on(panel)
        .caption(&chart.title, (FONT, 15))
        .margin(10)
        .x_label_area_size(38)
        .y_label_area_size(60)
        .build_cartesian_2d(Places(-0.2..last + 0.2), y)?;
    let label = |x: &f64| chart.label(*x);
    let value = |y: &f64| plain(*y);
    let mut mesh = context.configure_mesh();
    mesh.x_labels(chart.ticks.len()).y_labels(6).x_label_formatter(&label).y_label_formatter(&value);
    mesh.x_desc(&chart.x).y_desc(&chart.y).label_style((FONT, 12)).axis_desc_style((FONT, 12));
    mesh.light_line_style(TRANSPARENT).bold_line_style(RGBColor(225, 225, 225)).draw()?;
    for line in &chart.lines {
        let colour = COLOURS.get(line.colour).unwrap_or(&BLACK);
        let style = colour.stroke_width(2);
        let points = line.points.iter().map(|point| (point.x(), point.y));
        let drawn = context.draw_series(LineSeries::new(points, style))?;
        drawn.label(&line.name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], style));
        if line.points.len() < 20 {
            let spans =
                line.points.iter().map(|p| PathElement::new([(p.x(), p.low), (p.x(), p.high)], *colour));
            context.draw_series(spans)?;
            context.draw_series(line.points.iter().map(|p| Circle::new((p.x(), p.y), 3, colour.filled())))?;
        }
    }
    if chart.lines.len() > 1 {
        let mut legend = context.configure_series_labels();
        legend.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.85));
        legend.label_font((FONT, 12)).draw()?;
    }
    Ok(())
}

impl Chart {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| &line.points).flat_map(|point| [point.low, point.high])
    }

    /// The label of the place at a coordinate.
    fn label(&self, x: f64) -> String {
        let labels = self.ticks.iter().enumerate();
        let mut near = labels.filter(|(place, _)| (crate::stats::number(*place as u64) - x).abs() < 0.01);
        near.next().map_or(String::new(), |(_, label)| label.clone())
    }
}

/// A number without needless zeros.
fn plain(value: f64) -> String {
    format!("{}", (value * 1000.0).round() / 1000.0)
}
