//! From exec to ready, on a database that is there.

use crate::server::Server;
use crate::stage::{BASE, Stage};
use crate::stats::Spread;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::time::Instant;

const REPEATS: usize = 11;

/// The part.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Start {
    /// Milliseconds from exec to the first good answer of `/readyz`.
    pub milliseconds: Spread,
}

/// Measures.
pub fn run(stage: &Stage) -> Result<Start> {
    stage.databases.copy(BASE, "start")?;
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let began = Instant::now();
        let server: Server = stage.roster("start")?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        server.end()?;
    }
    let milliseconds = Spread::of(times).context("starts")?;
    stage.progress.say(&format!("{}: ready in {:.0} ms", stage.engine.title(), milliseconds.median));
    Ok(Start { milliseconds })
}
