//! The metrics of the database. Each actor looks up the histograms of an operation only once, because that needs a lock.

use super::error::DbError;
use super::{ActorPool, Class, Database, Operation};
use crate::domain::change::ChangeKind;
use crate::domain::time::Timestamp;
use crate::metrics::{Computed, Counters, Label};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The upper bounds of the buckets for durations, in seconds.
const SECONDS: [f64; 12] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];
/// The upper bounds of the buckets for the numbers of calls in a batch.
const CALLS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

/// The reasons of failures.
const FAILURES: [&str; 12] = [
    "queue-full",
    "deadline-passed",
    "unavailable",
    "disk-full",
    "disk-failed",
    "damaged",
    "file-replaced",
    "locked",
    "busy",
    "serialization",
    "outcome-unknown",
    "internal",
];

type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// The type of an operation, and the class of its calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: String,
    class: String,
}

/// The metrics of a database.
pub(crate) struct Metrics {
    waits: Histograms,
    runs: Histograms,
    batches: Histograms,
    open: Family<PoolLabel, Gauge>,
    opened: Family<PoolLabel, Counter>,
    failures: Counters,
    retries: Counters,
    changes: Counters,
    deleted: Counters,
    last_deletions: Family<Label, Gauge<f64, AtomicU64>>,
    held: Gauge,
    refused_removals: Counter,
}

/// The label for the class whose actors hold a connection.
type PoolLabel = [(&'static str, String); 1];

/// The rows that are deleted after a retention period.
#[derive(Clone, Copy)]
pub(crate) enum Retained {
    /// Changes.
    Changes,
    /// Stored responses to requests with an idempotency key.
    Responses,
    /// Revoked keys and tokens.
    Keys,
    /// Recorded requests of connections.
    Requests,
}

impl Retained {
    fn name(self) -> &'static str {
        match self {
            Self::Changes => "changes",
            Self::Responses => "responses",
            Self::Keys => "keys",
            Self::Requests => "requests",
        }
    }
}

/// Why calls run again.
#[derive(Clone, Copy)]
pub(super) enum Retry {
    /// The database rejected an anomaly (SQLSTATE 40001).
    Serialization,
    /// The connection was lost.
    Reconnect,
    /// The batch failed, so each of its calls runs alone.
    Alone,
}

impl Retry {
    fn name(self) -> &'static str {
        match self {
            Self::Serialization => "serialization",
            Self::Reconnect => "reconnect",
            Self::Alone => "alone",
        }
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let calls: fn() -> Histogram = || Histogram::new(CALLS);
        let retained = [Retained::Changes, Retained::Responses, Retained::Keys, Retained::Requests];
        Self {
            waits: Histograms::new_with_constructor(seconds),
            runs: Histograms::new_with_constructor(seconds),
            batches: Histograms::new_with_constructor(calls),
            open: Family::default(),
            opened: Family::default(),
            failures: Counters::new("reason", FAILURES),
            retries: Counters::new(
                "reason",
                [Retry::Serialization, Retry::Reconnect, Retry::Alone].map(Retry::name),
            ),
            changes: Counters::new("type", ChangeKind::ALL.map(ChangeKind::name)),
            deleted: Counters::new("rows", retained.map(Retained::name)),
            last_deletions: Family::default(),
            held: Gauge::default(),
            refused_removals: Counter::default(),
        }
    }

    /// Counts a call that failed through no fault of its caller.
    pub(super) fn count_failure(&self, error: &DbError) {
        let reason = match error {
            DbError::Overloaded => "queue-full",
            DbError::DeadlinePassed => "deadline-passed",
            DbError::Unavailable(_) => "unavailable",
            DbError::DiskFull(_) => "disk-full",
            DbError::DiskFailed(_) => "disk-failed",
            DbError::Damaged(_) => "damaged",
            DbError::FileReplaced(_) => "file-replaced",
            DbError::Locked(_) => "locked",
            DbError::Busy(_) => "busy",
            DbError::Serialization(_) => "serialization",
            DbError::OutcomeUnknown(_) => "outcome-unknown",
            DbError::UniqueViolation(_) | DbError::Internal(_) => "internal",
            DbError::NoRow | DbError::Taken { .. } | DbError::Stopping => return,
        };
        self.failures.add(reason, 1);
    }

    pub(super) fn count_retry(&self, retry: Retry) {
        self.retries.add(retry.name(), 1);
    }

    /// Counts committed changes.
    pub(super) fn count_changes(&self, kinds: &[ChangeKind]) {
        for kind in kinds {
            self.changes.add(kind.name(), 1);
        }
    }

    /// Counts rows that were deleted because their retention period had ended.
    pub(crate) fn count_deleted(&self, rows: Retained, count: usize) {
        self.deleted.add(rows.name(), count);
    }

    /// Records that all old rows had been deleted at a time, or that the task began to look for them.
    pub(crate) fn record_deletion(&self, rows: Retained, now: Timestamp) {
        let seconds = i64::from(now) as f64 / 1e6;
        self.last_deletions.get_or_create(&[("rows", rows.name())]).set(seconds);
    }

    /// Sets the number of connections of identity providers that are held.
    pub(crate) fn set_held(&self, count: i64) {
        self.held.set(count);
    }

    /// Counts a deactivation or deletion that was refused because a connection is held.
    pub(crate) fn count_refused_removal(&self) {
        self.refused_removals.inc();
    }

    /// The number of open connections and the number of connections opened so far, of the actors of a class.
    pub(super) fn connections(&self, class: Class) -> (Gauge, Counter) {
        let label = [("pool", class.to_string())];
        (self.open.get_or_create_owned(&label), self.opened.get_or_create_owned(&label))
    }

    fn register(&self, registry: &mut Registry) {
        let mut seconds = |name, help, histograms: &Histograms| {
            registry.register_with_unit(name, help, Unit::Seconds, histograms.clone());
        };
        seconds("database_wait", "Time for which calls waited for an actor", &self.waits);
        seconds("database_run", "Time for which an actor ran a batch of calls, or a single call", &self.runs);
        registry.register("database_batch_calls", "Calls that ran in one batch", self.batches.clone());
        registry.register("database_connections", "Open connections", self.open.clone());
        registry.register("database_connections_opened", "Connections opened", self.opened.clone());
        let help = "Calls that failed because of the database or the load";
        self.failures.register("database_failures", help, registry);
        self.retries.register("database_retries", "Calls or batches that ran again", registry);
        self.changes.register("changes", "Committed changes", registry);
        self.deleted.register(
            "retention_deleted_rows",
            "Rows deleted after their retention period",
            registry,
        );
        let help = "When all old rows had last been deleted, in seconds since 1970";
        registry.register("retention_last_success_timestamp_seconds", help, self.last_deletions.clone());
        let help = "Connections of identity providers whose deactivations and deletions are refused";
        registry.register("held_connections", help, self.held.clone());
        let help = "Deactivations and deletions that were refused because the connection is held";
        registry.register("removals_refused", help, self.refused_removals.clone());
    }
}

impl Database {
    /// Adds the metrics of the database.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.metrics().register(registry);
        let database = self.clone();
        let waiting = Computed::gauge(move || {
            let waiting = |class| database.actor_pool(class).queue.waiting(class) as f64;
            Class::ALL.map(|class| ([("class", class.to_string())], waiting(class)))
        });
        registry.register("database_queue_calls", "Calls that wait for an actor", waiting);
        let database = self.clone();
        let limit = Computed::gauge(move || {
            let limit = |class| database.actor_pool(class).queue.places() as f64;
            Class::ALL.map(|class| ([("class", class.to_string())], limit(class)))
        });
        registry.register("database_queue_limit", "Calls that may wait for an actor", limit);
        let database = self.clone();
        let busy = Computed::gauge(move || {
            let busy = |(class, pool): (Class, &ActorPool)| {
                ([("pool", class.to_string())], pool.queue.running() as f64)
            };
            database.pools().into_iter().map(busy).collect::<Vec<_>>()
        });
        registry.register("database_connections_busy", "Connections whose actors run calls", busy);
    }
}

/// The histograms of an operation.
struct Series {
    wait: Histogram,
    run: Histogram,
    /// `None` if its calls always run alone.
    batch: Option<Histogram>,
}

/// Records the durations of operations for one actor.
pub(super) struct Recorder {
    metrics: Arc<Metrics>,
    series: HashMap<(TypeId, Class), Series>,
}

impl Recorder {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, series: HashMap::new() }
    }

    /// Records how long a call has waited.
    pub(super) fn waited<O: Operation>(&mut self, class: Class, duration: Duration) {
        self.series::<O>(class).wait.observe(duration.as_secs_f64());
    }

    /// Records how long a batch has run, or a single call.
    pub(super) fn ran<O: Operation>(&mut self, calls: usize, duration: Duration) {
        let series = self.series::<O>(O::CLASS);
        series.run.observe(duration.as_secs_f64());
        if let Some(batch) = &series.batch {
            batch.observe(calls as f64);
        }
    }

    fn series<O: Operation>(&mut self, class: Class) -> &Series {
        let metrics = &self.metrics;
        self.series.entry((TypeId::of::<O>(), class)).or_insert_with(|| {
            let operation = type_name::<O>().replace("roster::ops::", "").replace("roster::domain::", "");
            let labels = Labels { operation, class: class.to_string() };
            let series = |histograms: &Histograms| histograms.get_or_create_owned(&labels);
            let batch = (O::MAX_BATCH > 1).then(|| series(&metrics.batches));
            Series { wait: series(&metrics.waits), run: series(&metrics.runs), batch }
        })
    }
}
