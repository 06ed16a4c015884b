//! The epochs of the tenants' histories.

use crate::contract::fixture::{NOON, TestDatabase};
use roster::domain::DEFAULT_TENANT;
use roster::domain::tenant::Draft;
use roster::ops::changes::{Read, RenewEpochs, Span};
use roster::ops::tenants::Create;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

each_engine!(renewal_gives_every_tenant_a_new_epoch_and_changes_nothing_else);

async fn renewal_gives_every_tenant_a_new_epoch_and_changes_nothing_else(db: &TestDatabase) {
    let mut tenants = vec![DEFAULT_TENANT];
    for name in ["a", "b", "c"] {
        let draft = Draft::read(json!({ "name": name })).expect("the body is a valid tenant");
        let (id, epoch) = (Uuid::now_v7(), Uuid::new_v4());
        let create = Create { id, fixed: epoch, draft, now: NOON.into() };
        tenants.push(db.call(create).await.unwrap().id);
    }
    let before = spans(db, &tenants).await;

    let renew = |after| db.call(RenewEpochs { after, limit: 3, epoch: Uuid::new_v4 });
    assert_eq!(renew(None).await.unwrap(), tenants[..3]);
    assert_eq!(spans(db, &tenants).await[3], before[3], "a tenant beyond the limit is not renewed yet");
    assert_eq!(renew(Some(tenants[2])).await.unwrap(), tenants[3..]);
    assert_eq!(renew(Some(tenants[3])).await.unwrap(), Vec::<Uuid>::new());

    let after = spans(db, &tenants).await;
    let epochs: BTreeSet<_> = before.iter().chain(&after).map(|span| span.epoch).collect();
    assert_eq!(epochs.len(), 8, "all old and new epochs differ");
    let only_epoch_differs =
        |(before, after): (&Span, &Span)| Span { epoch: before.epoch, ..*after } == *before;
    assert!(before.iter().zip(&after).all(only_epoch_differs), "{before:?} {after:?}");
}

async fn spans(db: &TestDatabase, tenants: &[Uuid]) -> Vec<Span> {
    let mut spans = Vec::new();
    for tenant in tenants {
        let read = Read { tenant: *tenant, after: 0, limit: 1, types: None, resource: None, admin: true };
        spans.push(db.call(read).await.unwrap().expect("the feed can be read from its start").span);
    }
    spans
}
