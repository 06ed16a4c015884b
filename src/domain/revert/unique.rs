//! Values that must be unique: which resource of a revert gets them.

use super::{Claim, Decision};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A user or group, with the decision about it.
#[derive(Debug)]
pub struct Claimant<'a> {
    /// The id.
    pub id: Uuid,
    /// The present snapshot, if it exists.
    pub present: Option<&'a Map<String, Value>>,
    /// The decision.
    pub decision: &'a mut Decision,
}

/// The resources that have unique values.
pub type Owners = HashMap<Claim, Uuid>;

/// Leaves alone all values that belong to another resource, unless the same revert changes that resource so that it frees
/// the value: two users can exchange their userNames.
pub fn settle(claimants: &mut [Claimant<'_>], owners: &Owners) {
    while leave_taken(claimants, owners) {}
}

/// Returns whether a value was left alone. Its resource then keeps its present value, which another one may have claimed.
fn leave_taken(claimants: &mut [Claimant<'_>], owners: &Owners) -> bool {
    let mut released = HashSet::new();
    for claimant in &*claimants {
        released.extend(
            claimant.decision.releases(claimant.present).into_iter().map(|claim| (claimant.id, claim)),
        );
    }
    let (mut claimed, mut left) = (HashMap::new(), false);
    for Claimant { id, decision, .. } in claimants {
        for claim in decision.claims() {
            let owner = owners
                .get(&claim)
                .copied()
                .filter(|owner| owner != id && !released.contains(&(*owner, claim.clone())));
            let owner = owner.or_else(|| claimed.get(&claim).copied().filter(|owner| owner != id));
            match owner {
                Some(_) => {
                    decision.leave(&claim.0, owner);
                    left = true;
                }
                None => drop(claimed.insert(claim, *id)),
            }
        }
    }
    left
}
