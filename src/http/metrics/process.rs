//! The metrics of the process, under the names that Prometheus clients in all languages use. Linux provides all of them;
//! other systems lack some.

use crate::metrics::{Computed, UNLABELLED};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::time::SystemTime;

pub(super) fn register(registry: &mut Registry) {
    let mut gauge = |name, help, value: fn() -> Option<f64>| {
        registry.register(name, help, Computed::gauge(move || value().map(|value| (UNLABELLED, value))));
    };
    gauge("process_resident_memory_bytes", "Resident memory", resident_memory);
    gauge("process_open_fds", "Open file descriptors", open_files);
    gauge("process_max_fds", "Limit on open file descriptors", max_files);
    let cpu = Computed::counter(|| [(UNLABELLED, cpu_seconds())]);
    registry.register("process_cpu_seconds", "Processor time used", cpu);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = ConstGauge::new(since.as_secs_f64());
    registry.register(
        "process_start_time_seconds",
        "Time at which the server started, in seconds since 1970",
        start,
    );
}

/// The resident memory in bytes. Linux reports it in units of 1,024 bytes.
fn resident_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn open_files() -> Option<f64> {
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    // One of them is the directory that is being read.
    Some(files.saturating_sub(1) as f64)
}

fn max_files() -> Option<f64> {
    getrlimit(Resource::Nofile).current.map(|limit| limit as f64)
}

fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}
