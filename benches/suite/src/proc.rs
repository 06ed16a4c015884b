//! What Linux says of processes: time on a processor, memory, and time that the hypervisor took away.

use anyhow::{Context, Result};
use std::fs;
use std::time::{Duration, Instant};

/// Linux tells times in hundredths of a second, whatever its own tick.
const TICK: Duration = Duration::from_millis(10);

/// The time on a processor of one process.
pub fn cpu(pid: u32) -> Result<Duration> {
    let [user, system, ..] = times(pid)?;
    Ok(ticks(user + system))
}

/// The time on a processor of a process, its children, and those of them that have ended.
pub fn cpu_of_family(pid: u32) -> Result<Duration> {
    let own: u64 = times(pid)?.iter().sum();
    let children = children(pid)?;
    // A child that ends meanwhile is counted with its parent the next time.
    let living = children.into_iter().filter_map(|child| cpu(child).ok());
    Ok(ticks(own) + living.sum::<Duration>())
}

/// User and system time of a process, and of its children that have ended, in ticks.
fn times(pid: u32) -> Result<[u64; 4]> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces and parentheses; the state comes after the last one.
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let field = |index: usize| Ok(fields.get(index).context("a short stat")?.parse()?);
    let result: Result<Vec<u64>> = (11..15).map(field).collect();
    result?.try_into().ok().context("four times")
}

/// All processes whose parent this is: not every kernel keeps a list.
fn children(pid: u32) -> Result<Vec<u32>> {
    let parent = pid.to_string();
    let names = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |child: &u32| {
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(1) == Some(&parent))
    };
    Ok(names.filter(is_child).collect())
}

fn ticks(count: u64) -> Duration {
    TICK * u32::try_from(count).unwrap_or(u32::MAX)
}

/// The memory of a process.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now, in MiB.
    pub resident: f64,
    /// Resident at most, in MiB.
    pub peak: f64,
}

/// Reads the memory of a process.
pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Result<f64> {
        let line =
            status.lines().find_map(|line| line.strip_prefix(name)).context("no such line in status")?;
        let kibibytes: f64 = line.trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes / 1024.0)
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// A point in time, to see how much was stolen since.
#[derive(Debug)]
pub struct Steal {
    began: Instant,
    stolen: u64,
}

impl Steal {
    /// From now on.
    pub fn begin() -> Result<Self> {
        Ok(Self { began: Instant::now(), stolen: stolen()? })
    }

    /// How many cores others had that this machine wanted.
    pub fn cores(&self) -> Result<f64> {
        let taken = ticks(stolen()?.saturating_sub(self.stolen));
        Ok(taken.as_secs_f64() / self.began.elapsed().as_secs_f64())
    }
}

fn stolen() -> Result<u64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let line = stat.lines().next().context("an empty /proc/stat")?;
    Ok(line.split_whitespace().nth(8).context("no steal in /proc/stat")?.parse()?)
}
