//! The bars that Roster has to clear, and whether it did.

use crate::database::Engine;
use crate::phases::fixed::FixedRound;
use crate::report::EngineReport;
use crate::roles::{CONSTANT, PEER, ROSTER, SAME_ROWS, SCIM, SCIM2_SERVER, Scenario};
use crate::round::Round;
use crate::stats::Spread;
use serde::{Deserialize, Serialize};

/// A bar: where it holds, what it looks at, what must be and what is aimed at.
struct Bar {
    name: &'static str,
    engines: &'static [Engine],
    figure: Figure,
    sense: Sense,
    must: Option<f64>,
    aim: Option<f64>,
}

/// What a bar looks at.
#[derive(Clone, Copy)]
enum Figure {
    /// Requests a second of Roster by those of another in the same rounds.
    Throughput(Scenario, u32, &'static str),
    /// The same of Roster asked by SCIM.
    Scim(Scenario, u32, &'static str),
    /// Processor time a request, of server and database, by the peer's.
    Cpu(Scenario, u32),
    /// Latency at half of the own capacity by the peer's at the same rate.
    OpenP50(Scenario),
    OpenP99(Scenario),
    OpenP999(Scenario),
    /// MiB.
    IdleMemory,
    LoadedMemory,
    /// Milliseconds.
    Start,
    /// Page 1,000 by page 1; a read among the most users by one among the fewest; a member of the largest group by one
    /// of the smallest; the last minute by the second.
    FlatPage,
    FlatRead,
    FlatMember,
    Drift,
}

#[derive(Clone, Copy, PartialEq)]
enum Sense {
    AtLeast,
    AtMost,
}

const BOTH: &[Engine] = &[Engine::Sqlite, Engine::Postgres];
const SQLITE: &[Engine] = &[Engine::Sqlite];
const POSTGRES: &[Engine] = &[Engine::Postgres];

/// At least.
const fn least(name: &'static str, engines: &'static [Engine], figure: Figure, must: f64, aim: f64) -> Bar {
    Bar { name, engines, figure, sense: Sense::AtLeast, must: Some(must), aim: Some(aim) }
}

/// At most.
const fn most(
    name: &'static str,
    engines: &'static [Engine],
    figure: Figure,
    must: f64,
    aim: Option<f64>,
) -> Bar {
    Bar { name, engines, figure, sense: Sense::AtMost, must: Some(must), aim }
}

/// Only to be told.
const fn told(name: &'static str, engines: &'static [Engine], figure: Figure, sense: Sense) -> Bar {
    Bar { name, engines, figure, sense, must: None, aim: None }
}

use Figure::{
    Cpu, Drift, FlatMember, FlatPage, FlatRead, IdleMemory, LoadedMemory, OpenP50, OpenP99, OpenP999, Scim,
    Throughput,
};
use Scenario::{Create, Mixed, Page, Read};

#[rustfmt::skip]
const BARS: [Bar; 47] = [
    least("read by id, 64 connections, / peer", POSTGRES, Throughput(Read, 64, PEER), 2.2, 3.0),
    least("read by id, 256 connections, / peer", POSTGRES, Throughput(Read, 256, PEER), 2.2, 3.0),
    least("read by id, 64 connections, / constant handler", POSTGRES, Throughput(Read, 64, CONSTANT), 0.5, 0.8),
    least("read by id, 256 connections, / constant handler", POSTGRES, Throughput(Read, 256, CONSTANT), 0.5, 0.8),
    least("durable create, 64 connections, / peer", POSTGRES, Throughput(Create, 64, PEER), 3.0, 5.0),
    least("durable create, 256 connections, / peer", POSTGRES, Throughput(Create, 256, PEER), 3.0, 5.0),
    least("90/10, 64 connections, / peer", POSTGRES, Throughput(Mixed, 64, PEER), 2.0, 3.0),
    least("90/10, 256 connections, / peer", POSTGRES, Throughput(Mixed, 256, PEER), 2.0, 3.0),
    least("page of 50, 64 connections, / peer", POSTGRES, Throughput(Page, 64, PEER), 1.3, 2.0),
    least("page of 50, 256 connections, / peer", POSTGRES, Throughput(Page, 256, PEER), 1.3, 2.0),
    least("read by id, 64 connections, / peer", SQLITE, Throughput(Read, 64, PEER), 2.0, 2.7),
    least("read by id, 256 connections, / peer", SQLITE, Throughput(Read, 256, PEER), 2.0, 2.7),
    told("read by id, 64 connections, / constant handler", SQLITE, Throughput(Read, 64, CONSTANT), Sense::AtLeast),
    told("read by id, 256 connections, / constant handler", SQLITE, Throughput(Read, 256, CONSTANT), Sense::AtLeast),
    least("page of 50, 64 connections, / peer", SQLITE, Throughput(Page, 64, PEER), 2.0, 3.3),
    least("page of 50, 256 connections, / peer", SQLITE, Throughput(Page, 256, PEER), 2.0, 3.3),
    least("durable create, 64 connections, / peer", SQLITE, Throughput(Create, 64, PEER), 4.0, 8.0),
    least("durable create, 256 connections, / peer", SQLITE, Throughput(Create, 256, PEER), 4.0, 8.0),
    told("90/10, 64 connections, / peer", SQLITE, Throughput(Mixed, 64, PEER), Sense::AtLeast),
    told("90/10, 256 connections, / peer", SQLITE, Throughput(Mixed, 256, PEER), Sense::AtLeast),
    least("read by id, 1 connection, / peer", BOTH, Throughput(Read, 1, PEER), 0.9, 1.2),
    least("create, 1 connection, / peer that writes the same rows", BOTH, Throughput(Create, 1, SAME_ROWS), 0.9, 1.2),
    told("create, 64 connections, / peer that writes the same rows", BOTH, Throughput(Create, 64, SAME_ROWS), Sense::AtLeast),
    least("SCIM read by id, 64 connections, / native", BOTH, Scim(Read, 64, ROSTER), 0.7, 0.9),
    least("SCIM read by id, 256 connections, / native", BOTH, Scim(Read, 256, ROSTER), 0.7, 0.9),
    least("SCIM create, 64 connections, / native", BOTH, Scim(Create, 64, ROSTER), 0.7, 0.9),
    least("SCIM create, 256 connections, / native", BOTH, Scim(Create, 256, ROSTER), 0.7, 0.9),
    told("SCIM read by id, 64 connections, / scim2-server", BOTH, Scim(Read, 64, SCIM2_SERVER), Sense::AtLeast),
    told("SCIM create, 64 connections, / scim2-server", BOTH, Scim(Create, 64, SCIM2_SERVER), Sense::AtLeast),
    most("processor time a read, server and database, / peer", BOTH, Cpu(Read, 64), 0.4, Some(0.25)),
    told("processor time a create, server and database, / peer", BOTH, Cpu(Create, 64), Sense::AtMost),
    most("open loop, read: p50 / peer's", BOTH, OpenP50(Read), 1.0, Some(0.5)),
    most("open loop, read: p99 / peer's", BOTH, OpenP99(Read), 1.0, Some(0.5)),
    told("open loop, read: p99.9 / peer's", BOTH, OpenP999(Read), Sense::AtMost),
    most("open loop, 90/10: p50 / peer's", BOTH, OpenP50(Mixed), 1.0, Some(0.5)),
    most("open loop, 90/10: p99 / peer's", BOTH, OpenP99(Mixed), 1.0, Some(0.5)),
    told("open loop, 90/10: p99.9 / peer's", BOTH, OpenP999(Mixed), Sense::AtMost),
    most("open loop, create: p50 / peer's", BOTH, OpenP50(Create), 1.0, Some(0.5)),
    most("open loop, create: p99 / peer's", BOTH, OpenP99(Create), 1.0, Some(0.5)),
    told("open loop, create: p99.9 / peer's", BOTH, OpenP999(Create), Sense::AtMost),
    most("resident memory idle, MiB", BOTH, IdleMemory, 25.0, Some(12.0)),
    most("resident memory after 256 connections, MiB", BOTH, LoadedMemory, 64.0, Some(32.0)),
    most("exec to ready, ms", BOTH, Figure::Start, 150.0, Some(50.0)),
    most("page 1,000 of a walk / page 1", BOTH, FlatPage, 1.2, None),
    most("read among 1,000,000 users / among 10,000", BOTH, FlatRead, 1.3, None),
    most("adding a member to a group of 100,000 / of 10", BOTH, FlatMember, 1.5, None),
    most("p99 of the last minute of ten / of the second", BOTH, Drift, 1.3, None),
];

/// A bar with what was found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Judged {
    pub bar: String,
    pub must: Option<String>,
    pub aim: Option<String>,
    /// Nothing when it was not measured.
    pub figure: Option<Spread>,
    /// Nothing when there is no such bar, or nothing can be said.
    pub met_must: Option<bool>,
    pub met_aim: Option<bool>,
    /// Whether missing it fails the run: p50, p99 and throughput.
    pub decides: bool,
    pub note: Option<String>,
}

impl Judged {
    /// Whether this fails the run.
    pub fn fails(&self) -> bool {
        self.decides && self.met_must == Some(false)
    }
}

/// Holds what was measured against the bars.
pub fn judge(engine: Engine, report: &EngineReport) -> Vec<Judged> {
    let here = BARS.iter().filter(|bar| bar.engines.contains(&engine));
    here.map(|bar| judged(bar, bar.figure.find(report))).collect()
}

fn judged(bar: &Bar, found: Option<Found>) -> Judged {
    let sign = if bar.sense == Sense::AtLeast { "≥" } else { "≤" };
    let text = |limit: f64| format!("{sign} {limit}");
    let mut judged = Judged {
        bar: bar.name.to_owned(),
        must: bar.must.map(text),
        aim: bar.aim.map(text),
        figure: found.as_ref().map(|found| found.spread),
        met_must: None,
        met_aim: None,
        decides: bar.must.is_some() && bar.figure.decides(),
        note: found.as_ref().and_then(|found| found.note.map(str::to_owned)),
    };
    if let Some(found) = found {
        weigh(bar, &found, &mut judged);
    }
    judged
}

fn weigh(bar: &Bar, found: &Found, judged: &mut Judged) {
    if bar.figure.is_of_one_connection() && is_undecided(bar, &found.spread) {
        judged.note = Some("not measurable: rounds from below the must to above the aim".to_owned());
        return;
    }
    let met = |limit: f64| match bar.sense {
        Sense::AtLeast => found.spread.median >= limit,
        Sense::AtMost => found.spread.median <= limit || found.without_rival,
    };
    (judged.met_must, judged.met_aim) = (bar.must.map(met), bar.aim.map(met));
}

/// Rounds that contradict each other: the lowest misses the must, the highest reaches the aim.
fn is_undecided(bar: &Bar, spread: &Spread) -> bool {
    let reached = |limit: Option<f64>, value: f64| limit.is_some_and(|limit| value >= limit);
    bar.must.is_some() && !reached(bar.must, spread.min) && reached(bar.aim, spread.max)
}

/// What was measured.
struct Found {
    spread: Spread,
    /// The peer did not keep the rate, so that its latency has no end.
    without_rival: bool,
    note: Option<&'static str>,
}

impl From<Spread> for Found {
    fn from(spread: Spread) -> Self {
        Self { spread, without_rival: false, note: None }
    }
}

impl Figure {
    /// Whether it is about p50, p99 or throughput.
    fn decides(self) -> bool {
        !matches!(
            self,
            Self::Cpu(..) | Self::IdleMemory | Self::LoadedMemory | Self::Start | Self::OpenP999(_)
        )
    }

    fn is_of_one_connection(self) -> bool {
        matches!(self, Self::Throughput(_, 1, _))
    }

    fn find(self, report: &EngineReport) -> Option<Found> {
        let memory = || report.closed.as_ref()?.memory.get(ROSTER);
        let one = |value: f64| Spread { median: value, min: value, max: value };
        Some(Found::from(match self {
            Throughput(scenario, connections, other) => {
                ratio(report, scenario, connections, [ROSTER, other], throughput)?
            }
            Scim(scenario, connections, other) => {
                ratio(report, scenario, connections, [SCIM, other], throughput)?
            }
            Cpu(scenario, connections) => ratio(report, scenario, connections, [ROSTER, PEER], Round::cpu)?,
            OpenP50(scenario) => return open(report, scenario, |round| round.p50),
            OpenP99(scenario) => return open(report, scenario, |round| round.p99),
            OpenP999(scenario) => return open(report, scenario, |round| round.p999),
            IdleMemory => one(memory()?.idle),
            LoadedMemory => one(memory()?.after_256?),
            Self::Start => report.start.as_ref()?.milliseconds,
            FlatPage => report.flat.as_ref()?.page_ratio()?,
            FlatRead => report.flat.as_ref()?.read_ratio()?,
            FlatMember => report.flat.as_ref()?.member_ratio()?,
            Drift => one(report.long.as_ref()?.drift()?),
        }))
    }
}

fn ratio(
    report: &EngineReport,
    scenario: Scenario,
    connections: u32,
    [own, other]: [&str; 2],
    pick: fn(&Round) -> Option<f64>,
) -> Option<Spread> {
    let closed = report.closed.as_ref()?;
    closed.cell(scenario, connections, own)?.against(closed.cell(scenario, connections, other)?, pick)
}

#[expect(clippy::unnecessary_wraps, reason = "beside figures that a round may lack")]
fn throughput(round: &Round) -> Option<f64> {
    Some(round.requests_per_second)
}

fn open(report: &EngineReport, scenario: Scenario, pick: fn(&FixedRound) -> f64) -> Option<Found> {
    let (spread, kept) = report.open.as_ref()?.ratio(scenario, pick)?;
    let note = (!kept).then_some("the peer cannot keep this rate");
    Some(Found { spread, without_rival: !kept, note })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_LEAST: Bar = least("", BOTH, Throughput(Read, 64, PEER), 2.0, 3.0);
    const ONE: Bar = least("", BOTH, Throughput(Read, 1, PEER), 0.9, 1.2);
    const AT_MOST: Bar = most("", BOTH, OpenP99(Read), 1.0, Some(0.5));

    fn of(bar: &Bar, min: f64, median: f64, max: f64) -> Judged {
        judged(bar, Some(Found::from(Spread { median, min, max })))
    }

    #[test]
    fn the_median_is_what_is_judged() {
        let judged = of(&AT_LEAST, 1.0, 2.0, 2.5);
        assert_eq!((judged.met_must, judged.met_aim, judged.fails()), (Some(true), Some(false), false));
        assert!(of(&AT_LEAST, 1.0, 1.99, 5.0).fails());
        assert!(of(&AT_MOST, 0.1, 1.01, 5.0).fails());
        assert!(!judged_nothing().fails());
    }

    #[test]
    fn one_connection_may_say_nothing() {
        let judged = of(&ONE, 0.8, 0.85, 1.3);
        assert_eq!(judged.met_must, None);
        assert!(judged.note.unwrap().starts_with("not measurable"));
        assert!(of(&ONE, 0.8, 0.85, 1.1).fails());
        assert_eq!(of(&ONE, 0.95, 1.0, 1.3).met_must, Some(true));
    }

    #[test]
    fn a_peer_that_cannot_keep_the_rate_is_beaten() {
        let spread = Spread { median: 1.5, min: 1.0, max: 2.0 };
        let found = Found { spread, without_rival: true, note: None };
        assert_eq!(judged(&AT_MOST, Some(found)).met_must, Some(true));
    }

    fn judged_nothing() -> Judged {
        judged(&AT_LEAST, None)
    }
}
