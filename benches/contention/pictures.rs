//! The pictures, as SVG: figures along a row of sizes, and how waits are distributed.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::row::Row;
use crate::waits::polite_beside;

/// A picture of the rows that are [drawn](crate::row::Question::drawn) in it: their first figures,
/// one line for each peer, both axes logarithmic.
#[derive(PartialEq)]
pub struct Chart {
    file: &'static str,
    title: &'static str,
    x: &'static str,
}

pub const THREADS_AT_MUTEX: Chart = Chart {
    file: "threads-mutex.svg",
    title: "mutex, section 50, gap 500",
    x: "threads",
};

pub const THREADS_AT_RWLOCK: Chart = Chart {
    file: "threads-rwlock.svg",
    title: "rwlock, one write in 1000",
    x: "threads",
};

pub const SECTION_LENGTHS: Chart = Chart {
    file: "sections.svg",
    title: "mutex, 8 threads, gap 500",
    x: "steps in the critical section (none: drawn at 1)",
};

pub const WRITES: Chart = Chart {
    file: "writes.svg",
    title: "rwlock, 2 threads",
    x: "share of writes",
};

pub const LOCKS: Chart = Chart {
    file: "locks.svg",
    title: "2 threads use many mutexes at random",
    x: "mutexes",
};

pub const LOCKS_BESIDE_WAITERS: Chart = Chart {
    file: "locks-beside-waiters.svg",
    title: "2 threads use many mutexes at random, beside 100 waiters",
    x: "mutexes",
};

pub const CROWD: Chart = Chart {
    file: "crowd.svg",
    title: "many wait for one mutex: until all had it",
    x: "waiters",
};

const CHARTS: [&Chart; 7] = [
    &THREADS_AT_MUTEX,
    &THREADS_AT_RWLOCK,
    &SECTION_LENGTHS,
    &WRITES,
    &LOCKS,
    &LOCKS_BESIDE_WAITERS,
    &CROWD,
];

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
type Line = (&'static str, Vec<(f64, f64)>);

/// Draws all for which there are at least two points.
pub fn draw(rows: &[Row], folder: &Path) -> Result<(), Box<dyn Error>> {
    for chart in CHARTS {
        let rows: Vec<_> = rows.iter().filter(|row| row.is_in(chart)).collect();
        if let [first, _, ..] = rows[..] {
            let y = first.question.aspects[0].unit;
            draw_lines(
                &folder.join(chart.file),
                chart.title,
                (chart.x, y),
                &along(&rows),
            )?;
        }
    }
    for hogs in [2, 8] {
        let name = polite_beside(hogs);
        if let Some(row) = rows.iter().find(|row| row.question.name == name) {
            let path = folder.join(format!("waits-{hogs}.svg"));
            let axes = ("one wait in so many is longer", "µs");
            draw_lines(&path, &name, axes, &waits(row))?;
        }
    }
    Ok(())
}

/// The first figures of the rows.
fn along(rows: &[&Row]) -> Vec<Line> {
    let peers = rows[0].question.peers.iter().enumerate();
    let line = peers.map(|(peer, (name, _))| {
        let points = rows.iter().filter_map(|row| {
            let (_, x) = row.question.drawn?;
            let y = row.figure(0, peer);
            (y > 0.0).then_some((x, y))
        });
        (*name, points.collect())
    });
    line.collect()
}

/// How long the longest of 1, 2, 4, … waits is.
fn waits(row: &Row) -> Vec<Line> {
    let peers = row.question.peers.iter().enumerate();
    let line = peers.map(|(peer, (name, _))| {
        let waits = row.waits(peer);
        let powers = (0..64).map(|power| 2_f64.powi(power));
        let points = powers
            .take_while(|&one_in| one_in <= waits.len() as f64)
            .map(|one_in| {
                let nanoseconds = waits.value_at_quantile(1.0 - 1.0 / one_in);
                (one_in, nanoseconds.max(1) as f64 / 1e3)
            });
        (*name, points.collect())
    });
    line.collect()
}

fn draw_lines(
    path: &Path,
    title: &str,
    (x, y): (&str, &str),
    lines: &[Line],
) -> Result<(), Box<dyn Error>> {
    let points = || lines.iter().flat_map(|(_, points)| points);
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
