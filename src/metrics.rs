//! Kinds of metrics: those whose values are computed for each scrape, and counters with a fixed set of labels.

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;

/// The label of a metric with a single label: its name and value.
pub(crate) type Label = [(&'static str, &'static str); 1];

/// No label.
pub(crate) const UNLABELLED: [(&str, &str); 0] = [];

/// A gauge or counter that reads its values when it is scraped.
pub(crate) struct Computed<F> {
    kind: MetricType,
    values: F,
}

impl<F> Computed<F> {
    /// `values` returns the current value for each set of labels.
    pub(crate) fn gauge(values: F) -> Self {
        Self { kind: MetricType::Gauge, values }
    }

    /// See [`Computed::gauge`]. The values never decrease.
    pub(crate) fn counter(values: F) -> Self {
        Self { kind: MetricType::Counter, values }
    }
}

impl<F> fmt::Debug for Computed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computed").finish_non_exhaustive()
    }
}

impl<F, I, L> EncodeMetric for Computed<F>
where
    F: Fn() -> I,
    I: IntoIterator<Item = (L, f64)>,
    L: EncodeLabelSet,
{
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, value) in (self.values)() {
            let mut series = encoder.encode_family(&labels)?;
            match self.kind {
                MetricType::Counter => series.encode_counter::<NoLabelSet, _, u64>(&value, None)?,
                _ => series.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

/// Counters for the values of one label. All of them exist from the start, so that their first increase is visible.
pub(crate) struct Counters {
    family: Family<Label, Counter>,
    by_value: HashMap<&'static str, Counter>,
}

impl Counters {
    pub(crate) fn new(label: &'static str, values: impl IntoIterator<Item = &'static str>) -> Self {
        let family = Family::<Label, Counter>::default();
        let counter = |value| (value, family.get_or_create_owned(&[(label, value)]));
        let by_value = values.into_iter().map(counter).collect();
        Self { family, by_value }
    }

    pub(crate) fn register(&self, name: &str, help: &str, registry: &mut Registry) {
        registry.register(name, help, self.family.clone());
    }

    /// Increases the counter of a value; does nothing for a value that is not in the set.
    pub(crate) fn add(&self, value: &str, count: usize) {
        if let Some(counter) = self.by_value.get(value) {
            counter.inc_by(count as u64);
        }
    }
}
