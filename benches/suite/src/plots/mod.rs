//! The results as pictures, on white, so that they can be read on light and dark pages.

mod axes;
mod chart;

use crate::database::Engine;
use crate::phases::closed::{Closed, Group};
use crate::phases::flat::Flat;
use crate::phases::long::{Latency, Long};
use crate::report::{EngineReport, Report};
use crate::roles::{CONSTANT, PEER, PIPELINED, ROSTER, SAME_ROWS, SCIM, SCIM2_SERVER, Scenario};
use crate::round::Cell;
use crate::stats::{Spread, number};
use anyhow::Result;
use chart::{Chart, Line, Point, Scale};
use std::path::Path;

/// Draws all that there is.
pub fn draw(report: &Report, directory: &Path) -> Result<()> {
    for (engine, report) in &report.engines {
        draw_engine(*engine, report, directory)?;
    }
    Ok(())
}

fn draw_engine(engine: Engine, report: &EngineReport, directory: &Path) -> Result<()> {
    let file = |what: &str| directory.join(format!("{}-{what}.svg", engine.title().to_lowercase()));
    if let Some(closed) = &report.closed {
        chart::draw(&file("throughput"), &throughput(engine, closed))?;
        chart::draw(&file("p99"), &p99(engine, closed))?;
    }
    if let Some(long) = &report.long {
        chart::draw(&file("ten-minutes"), &[ten_minutes(engine, long)])?;
    }
    if let Some(flat) = &report.flat {
        // Older results know no groups.
        let groups = (!flat.groups.is_empty()).then(|| groups(engine, flat));
        let charts: Vec<Chart> =
            [sizes(engine, flat), pages(engine, flat)].into_iter().chain(groups).collect();
        chart::draw(&file("flat"), &charts)?;
    }
    Ok(())
}

fn throughput(engine: Engine, closed: &Closed) -> Vec<Chart> {
    against_connections(engine, closed, "requests a second", Scale::FromZero, |cell| cell.throughput, 1.0)
}

fn p99(engine: Engine, closed: &Closed) -> Vec<Chart> {
    against_connections(engine, closed, "p99, ms", Scale::Log, |cell| cell.p99, 1000.0)
}

fn against_connections(
    engine: Engine,
    closed: &Closed,
    y: &str,
    scale: Scale,
    pick: fn(&Cell) -> Spread,
    unit: f64,
) -> Vec<Chart> {
    let of = |scenario| {
        let groups: Vec<&Group> = closed.groups.iter().filter(|group| group.scenario == scenario).collect();
        Chart {
            title: format!("{}: {scenario}", engine.title()),
            x: "connections".to_owned(),
            y: y.to_owned(),
            scale,
            ticks: groups.iter().map(|group| group.connections.to_string()).collect(),
            lines: lines(&groups, pick, unit),
        }
    };
    Scenario::ALL.into_iter().map(of).filter(|chart| !chart.lines.is_empty()).collect()
}

fn lines(groups: &[&Group], pick: fn(&Cell) -> Spread, unit: f64) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (place, group) in groups.iter().enumerate() {
        for cell in &group.cells {
            let point = Point::of(place, pick(cell), unit);
            match lines.iter_mut().find(|line| line.name == cell.server) {
                Some(line) => line.points.push(point),
                None => {
                    let (name, colour) = (cell.server.clone(), colour(&cell.server));
                    lines.push(Line { name, colour, points: vec![point] });
                }
            }
        }
    }
    lines
}

/// The same server has the same colour everywhere.
fn colour(server: &str) -> usize {
    let known = [ROSTER, PEER, CONSTANT, PIPELINED, SAME_ROWS, SCIM, SCIM2_SERVER];
    known.iter().position(|name| *name == server).unwrap_or(known.len())
}

fn ten_minutes(engine: Engine, long: &Long) -> Chart {
    let line = |name: &str, colour, pick: fn(&Latency) -> f64| {
        let points =
            long.slots.iter().enumerate().map(|(place, slot)| Point::exact(place, pick(slot) / 1000.0));
        Line { name: name.to_owned(), colour, points: points.collect() }
    };
    let label = |place: usize| if place.is_multiple_of(6) { (place / 6).to_string() } else { String::new() };
    Chart {
        title: format!(
            "{}: 90/10 at half of the capacity, {:.0} requests a second",
            engine.title(),
            long.rate
        ),
        x: "minutes".to_owned(),
        y: "latency, ms".to_owned(),
        scale: Scale::Log,
        ticks: (0..long.slots.len()).map(label).collect(),
        lines: vec![
            line("p50", 0, |slot| slot.p50),
            line("p99", 1, |slot| slot.p99),
            line("p99.9", 2, |slot| slot.p999),
            line("longest", 4, |slot| slot.max),
        ],
    }
}

fn sizes(engine: Engine, flat: &Flat) -> Chart {
    let points = flat.sizes.iter().enumerate().map(|(place, size)| {
        let Spread { median, min, max } = size.cell.throughput;
        Point { place, y: 1e6 / median, low: 1e6 / max, high: 1e6 / min }
    });
    Chart {
        title: format!("{}: a read among so many", engine.title()),
        x: "users".to_owned(),
        y: "µs a request, 64 connections".to_owned(),
        scale: Scale::FromZero,
        ticks: flat.sizes.iter().map(|size| size.users.to_string()).collect(),
        lines: vec![Line { name: ROSTER.to_owned(), colour: 0, points: points.collect() }],
    }
}

fn pages(engine: Engine, flat: &Flat) -> Chart {
    let points = flat.pages.iter().enumerate().map(|(place, page)| Point::of(place, page.latency, 1.0));
    Chart {
        title: format!("{}: a page of 50", engine.title()),
        x: "page".to_owned(),
        y: "µs, one connection".to_owned(),
        scale: Scale::FromZero,
        ticks: flat.pages.iter().map(|page| page.number.to_string()).collect(),
        lines: vec![Line { name: ROSTER.to_owned(), colour: 0, points: points.collect() }],
    }
}

fn groups(engine: Engine, flat: &Flat) -> Chart {
    let points = flat.groups.iter().enumerate().map(|(place, group)| Point::of(place, group.latency, 1.0));
    Chart {
        title: format!("{}: adding a member", engine.title()),
        x: "members of the group".to_owned(),
        y: "µs, one connection".to_owned(),
        scale: Scale::FromZero,
        ticks: flat.groups.iter().map(|group| group.members.to_string()).collect(),
        lines: vec![Line { name: ROSTER.to_owned(), colour: 0, points: points.collect() }],
    }
}

impl Point {
    fn of(place: usize, spread: Spread, unit: f64) -> Self {
        Self { place, y: spread.median / unit, low: spread.min / unit, high: spread.max / unit }
    }

    fn exact(place: usize, y: f64) -> Self {
        Self { place, y, low: y, high: y }
    }

    fn x(&self) -> f64 {
        number(self.place as u64)
    }
}
