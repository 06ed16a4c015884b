//! docs/metrics.md describes every metric, and docs/runbook.md every alert.

use crate::docs::pages::read;
use crate::support::api::{Api, Engine};
use std::collections::BTreeSet;

/// The names of the metrics with their types, as the Prometheus format shows them.
fn exposed(text: &str) -> BTreeSet<(String, String)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The first two columns of the table.
fn described() -> BTreeSet<(String, String)> {
    let page = read("docs/metrics.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let kind = |rest: &str| rest.split(' ').next().unwrap_or_default().to_owned();
    rows.map(|(name, rest)| (name.to_owned(), kind(rest))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_described() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let api = Api::start(engine, &[]);
        api.create_named("ada").await;
        let text = api.client.get("/metrics").accept("text/plain").send().await.expect(200).text();
        assert_eq!(exposed(&text), described());
        for line in text.lines().filter(|line| line.starts_with("# HELP ")) {
            assert!(line.ends_with('.'), "{line}");
        }
    }
}

#[test]
fn every_alert_has_an_entry_in_the_runbook() {
    let alerts = read("ops/prometheus/alerts.yaml");
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let links: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: ")).collect();
    let anchor = |name: &&str| format!("docs/runbook.md#{}", name.to_lowercase());
    assert_eq!(links, names.iter().map(anchor).collect::<Vec<_>>());
    let runbook = read("docs/runbook.md");
    let entries: Vec<_> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(entries, names);
}
