//! Results as tables in Markdown.

use crate::bars::Judged;
use crate::database::Engine;
use crate::phases::closed::{Closed, Group};
use crate::phases::flat::Flat;
use crate::report::EngineReport;
use crate::roles::ROSTER;
use crate::round::Cell;
use crate::stats::Spread;

/// All tables of an engine.
pub fn of(engine: Engine, report: &EngineReport) -> String {
    let mut text = format!("\n## {}\n", engine.title());
    text += &bars(&report.bars);
    if let Some(closed) = &report.closed {
        text += &groups(&closed.groups);
        text += &memory(closed);
    }
    if let Some(flat) = &report.flat {
        text += &one_at_a_time(flat);
    }
    text
}

fn bars(bars: &[Judged]) -> String {
    let mut text =
        "\n| bar | must | aim | figure (of rounds) | must met | aim met | |\n|---|---|---|---|---|---|---|\n"
            .to_owned();
    for judged in bars.iter().filter(|judged| judged.figure.is_some()) {
        let limit = |limit: &Option<String>| limit.clone().unwrap_or_default();
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            judged.bar,
            limit(&judged.must),
            limit(&judged.aim),
            judged.figure.map(|figure| spread(&figure)).unwrap_or_default(),
            met(judged.must.is_some(), judged.met_must),
            met(judged.aim.is_some(), judged.met_aim),
            judged.note.as_deref().unwrap_or(""),
        );
    }
    text
}

fn met(is_bar: bool, met: Option<bool>) -> &'static str {
    match (is_bar, met) {
        (false, _) => "",
        (true, Some(true)) => "yes",
        (true, Some(false)) => "**no**",
        (true, None) => "–",
    }
}

/// A median with its lowest and highest.
pub fn spread(spread: &Spread) -> String {
    if spread.min == spread.max {
        return short(spread.median);
    }
    format!("{} ({}–{})", short(spread.median), short(spread.min), short(spread.max))
}

/// Three digits or so.
pub fn short(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

/// The closed loop.
pub fn groups(groups: &[Group]) -> String {
    let mut text = "\n| load | connections | server | requests a second | Roster's by these | p50 ms | p99 ms | p99.9 ms | \
                    CPU µs a request: server, database |\n|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for group in groups {
        let own = group.cells.iter().find(|cell| cell.server == ROSTER);
        for cell in &group.cells {
            text += &row(group, own, cell);
        }
    }
    text
}

fn row(group: &Group, own: Option<&Cell>, cell: &Cell) -> String {
    let other = own.filter(|own| own.server != cell.server);
    let ratio = other.and_then(|own| own.against(cell, |round| Some(round.requests_per_second)));
    let milliseconds = |spread: Spread| short(spread.median / 1000.0);
    let cpu = |spread: Option<Spread>| spread.map_or("?".to_owned(), |spread| short(spread.median));
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {}, {} |\n",
        group.scenario,
        group.connections,
        cell.server,
        spread(&cell.throughput),
        ratio.map(|ratio| spread(&ratio)).unwrap_or_default(),
        milliseconds(cell.p50),
        milliseconds(cell.p99),
        milliseconds(cell.p999),
        cpu(cell.cpu_server),
        cpu(cell.cpu_database),
    )
}

/// What is asked over one connection, one thing at a time.
fn one_at_a_time(flat: &Flat) -> String {
    let row = |what: String, latency: &Spread| format!("| {what} | {} |\n", spread(latency));
    let mut text = "\n| one connection | µs (of rounds) |\n|---|---|\n".to_owned();
    for page in &flat.pages {
        text += &row(format!("page {} of 50", page.number), &page.latency);
    }
    for group in &flat.groups {
        text += &row(format!("adding a member to a group of {}", group.members), &group.latency);
    }
    if let Some(search) = &flat.search {
        text += &row(format!("SCIM `emails.value eq` among {} users", search.users), &search.latency);
    }
    text
}

fn memory(closed: &Closed) -> String {
    let mut text =
        "\n| resident memory, MiB | idle | after 256 connections | peak |\n|---|---|---|---|\n".to_owned();
    for (name, resident) in &closed.memory {
        let after = resident.after_256.map(short).unwrap_or_default();
        text += &format!("| {name} | {} | {after} | {} |\n", short(resident.idle), short(resident.peak));
    }
    text
}
