//! The names of the tenants' histories.

use crate::contract::bed::{Bed, NOON};
use roster::domain::DEFAULT_TENANT;
use roster::domain::tenant::Draft;
use roster::ops::changes::{Read, RenewEpochs, Span};
use roster::ops::tenants::Create;
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

each_engine!(every_history_gets_a_name_of_its_own_and_keeps_the_rest);

async fn every_history_gets_a_name_of_its_own_and_keeps_the_rest(bed: &Bed) {
    let mut tenants = vec![DEFAULT_TENANT];
    for name in ["a", "b", "c"] {
        let draft = Draft::read(json!({ "name": name })).expect("a valid tenant");
        let create = Create { id: Uuid::now_v7(), epoch: Uuid::new_v4(), draft, now: NOON.into() };
        tenants.push(bed.call(create).await.unwrap().id);
    }
    let before = spans(bed, &tenants).await;

    let renew = |after| bed.call(RenewEpochs { after, limit: 3, epoch: Uuid::new_v4 });
    assert_eq!(renew(None).await.unwrap(), tenants[..3]);
    assert_eq!(spans(bed, &tenants).await[3], before[3], "not more than the limit");
    assert_eq!(renew(Some(tenants[2])).await.unwrap(), tenants[3..]);
    assert_eq!(renew(Some(tenants[3])).await.unwrap(), Vec::<Uuid>::new());

    let after = spans(bed, &tenants).await;
    let names: BTreeSet<_> = before.iter().chain(&after).map(|span| span.epoch).collect();
    assert_eq!(names.len(), 8, "each is new, and no two are the same");
    let renamed = |(before, after): (&Span, &Span)| Span { epoch: before.epoch, ..*after } == *before;
    assert!(before.iter().zip(&after).all(renamed), "{before:?} {after:?}");
}

async fn spans(bed: &Bed, tenants: &[Uuid]) -> Vec<Span> {
    let mut spans = Vec::new();
    for tenant in tenants {
        let read = Read { tenant: *tenant, after: 0, limit: 1, types: None, resource: None, admin: true };
        spans.push(bed.call(read).await.unwrap().expect("a feed from its beginning").span);
    }
    spans
}
