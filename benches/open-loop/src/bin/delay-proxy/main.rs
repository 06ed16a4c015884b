//! A TCP proxy that delays everything by the same time in each direction, so that a database on this machine is as far
//! away as one on another. Usage: `delay-proxy LISTEN UPSTREAM MICROSECONDS`
//!
//! A single thread forwards for all connections, because the servers that are measured need the processors.

mod direction;
mod proxy;

use anyhow::{Context, Result};
use proxy::Proxy;
use std::net::TcpListener;
use std::num::NonZeroU64;
use std::time::Duration;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: delay-proxy LISTEN UPSTREAM MICROSECONDS");
    let listener = TcpListener::bind(argument()?)?;
    let (upstream, delay) = (argument()?.parse()?, Duration::from_micros(argument()?.parse()?));
    // By default, Linux may delay the end of a timeout by 50 µs.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    Proxy::new(listener, upstream, delay)?.run()
}
