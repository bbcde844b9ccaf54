//! Pictures as SVG: lines, both axes logarithmic.

use std::path::Path;

use plotters::prelude::*;

use super::Drawn;
use super::row::Row;

/// A picture of the rows that are [drawn](crate::harness::row::Question::drawn) in it: their first
/// figures, one line for each peer, both axes logarithmic.
#[derive(PartialEq)]
pub struct Chart {
    pub file: &'static str,
    pub title: &'static str,
    pub x: &'static str,
}

/// One for each peer, all of which the colour-blind can tell apart (Okabe and Ito, 2008).
const COLOURS: [RGBColor; 6] = [
    RGBColor(213, 94, 0),
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// A peer's name and its points.
pub type Line = (&'static str, Vec<(f64, f64)>);

/// Draws the charts for which there are at least two points.
pub fn draw(charts: &[&Chart], rows: &[Row], folder: &Path) -> Drawn {
    for chart in charts {
        let places = rows
            .iter()
            .filter_map(|row| Some((row.place_in(chart)?, row)));
        let mut places: Vec<_> = places.collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let [(_, first), _, ..] = places[..] {
            let y = first.question.aspects[0].unit;
            let path = folder.join(chart.file);
            draw_lines(&path, chart.title, (chart.x, y), &along(&places))?;
        }
    }
    Ok(())
}

/// The first figures of the rows, each at its place.
fn along(places: &[(f64, &Row)]) -> Vec<Line> {
    let cells: Vec<_> = places.iter().map(|(x, row)| (*x, row.cell(0))).collect();
    let peers = cells[0].1.peers.iter().enumerate();
    let line = peers.map(|(peer, name)| {
        let points = cells.iter().filter_map(|(x, cell)| {
            let y = cell.figure(peer);
            (y > 0.0).then_some((*x, y))
        });
        (*name, points.collect())
    });
    line.collect()
}

/// One picture, if there are points.
pub fn draw_lines(path: &Path, title: &str, (x, y): (&str, &str), lines: &[Line]) -> Drawn {
    let points = || lines.iter().flat_map(|(_, points)| points);
    if points().next().is_none() {
        return Ok(());
    }
    let (left, right) = bounds(points().map(|point| point.0));
    let (bottom, top) = decades(bounds(points().map(|point| point.1)));
    // To the right of the lines there is room for the key to them.
    let xs = left..right * (right / left).powf(0.25);
    let area = SVGBackend::new(path, (800, 500)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(65)
        .build_cartesian_2d(xs.log_scale(), (bottom..top).log_scale())?;
    // In single precision 0.00001 is no 0.000009999999999999999.
    let label = |value: &f64| (*value as f32).to_string();
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(x).x_label_formatter(&label);
    mesh.y_desc(y).y_label_formatter(&label);
    mesh.light_line_style(TRANSPARENT).draw()?;
    for (index, (name, points)) in lines.iter().enumerate() {
        let style = COLOURS[index].stroke_width(2);
        let line = LineSeries::new(points.iter().copied(), style).point_size(3);
        let key = move |(x, y)| PathElement::new([(x, y), (x + 15, y)], style);
        chart.draw_series(line)?.label(*name).legend(key);
    }
    let mut key = chart.configure_series_labels();
    key.background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}

/// The least and the greatest, with some air.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, greatest) = values.fold((f64::INFINITY, 0.0_f64), |(least, greatest), value| {
        (least.min(value), greatest.max(value))
    });
    (least / 1.2, greatest * 1.2)
}

/// Whole powers of ten around them, so that the axis bears at least two numbers.
fn decades((least, greatest): (f64, f64)) -> (f64, f64) {
    let power = |exponent: f64| 10_f64.powi(exponent as i32);
    (power(least.log10().floor()), power(greatest.log10().ceil()))
}
