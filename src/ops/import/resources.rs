//! Applies the users or the groups of a batch.

use super::imported::Imported;
use super::{Apply, Difference, Outcome};
use crate::db::Tx;
use crate::domain::NATIVE_SOURCE;
use crate::domain::casefold::casefold;
use crate::domain::change::{Auditable, Change};
use crate::domain::condition::Conditions;
use crate::domain::fields::FieldError;
use crate::domain::id;
use crate::domain::import::{Match, Mode, Values};
use crate::ops::OpError;
use crate::ops::resource::{self, UniqueKey};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::marker::PhantomData;
use std::time::Duration;
use uuid::Uuid;

/// The value by which the resource of a line is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Id(Uuid),
    Unique(UniqueKey, String),
}

/// The users or the groups of a batch, in the order of their lines.
pub(super) struct Items<'l, R> {
    items: Vec<Item<'l>>,
    of: PhantomData<R>,
}

/// A line, by its index in the batch.
struct Item<'l> {
    index: usize,
    key: Key,
    values: &'l Values,
    /// The errors of the line that do not concern attributes of the resource.
    errors: Vec<FieldError>,
    /// The id of the resource, if the line creates it.
    new_id: Uuid,
}

impl Item<'_> {
    /// The values that the line gives to the resource.
    ///
    /// # Errors
    /// All errors of the line.
    fn draft<R: Imported>(&self, stored: Option<&R>) -> Result<R::Draft, Vec<FieldError>> {
        match R::draft(self.values, stored) {
            Ok(draft) if self.errors.is_empty() => Ok(draft),
            draft => Err(draft.err().into_iter().flatten().chain(self.errors.clone()).collect()),
        }
    }
}

/// The result of a line, with its index and, unless it was refused, the id of its resource.
pub(super) type Done = (usize, Option<Uuid>, Outcome);

impl<R> Default for Items<'_, R> {
    fn default() -> Self {
        Self { items: Vec::new(), of: PhantomData }
    }
}

impl<'l, R: Imported> Items<'l, R> {
    /// Adds a line with the errors that were found in it so far.
    ///
    /// # Errors
    /// All errors of a line that lacks the value by which its resource is found.
    pub(super) fn push(
        &mut self,
        apply: &Apply,
        index: usize,
        values: &'l Values,
        errors: Vec<FieldError>,
    ) -> Result<(), Vec<FieldError>> {
        let key = match key::<R>(apply.options.matching, values) {
            Ok(key) => key,
            Err(found) => return Err(found.into_iter().chain(errors).collect()),
        };
        // The order of ids is the order of lines.
        let created = apply.now.plus(Duration::from_micros(index as u64));
        let new_id = match key {
            Key::Id(id) => id,
            Key::Unique(..) => id::created_at(created, (apply.random)()),
        };
        self.items.push(Item { index, key, values, errors, new_id });
        Ok(())
    }

    /// Applies the lines. Those with different keys are applied together, in few statements. If any of them conflicts with
    /// another resource, all are rolled back and each is applied alone, so that only lines with a conflict are refused.
    pub(super) fn apply(self, apply: &Apply, tx: &mut Tx<'_>) -> Result<Vec<Done>, OpError> {
        let mut done = Vec::with_capacity(self.items.len());
        for items in rounds(self.items) {
            match tx.savepoint(|tx| apply_all::<R>(apply, tx, &items))? {
                Ok(all) => done.extend(all),
                Err(_conflict) => {
                    for item in items.chunks(1) {
                        done.extend(apply_alone::<R>(apply, tx, item)?);
                    }
                }
            }
        }
        Ok(done)
    }
}

/// Applies a single line after a conflict. If the conflict was with a concurrent call that had just created the resource of
/// the line, the line now updates it. The call can also commit while the line waits for it, hence the second attempt.
fn apply_alone<R: Imported>(apply: &Apply, tx: &mut Tx<'_>, item: &[Item<'_>]) -> Result<Vec<Done>, OpError> {
    let mut attempt = || tx.savepoint(|tx| apply_all::<R>(apply, tx, item));
    let result = match attempt()? {
        Err(OpError::Conflict { .. }) => attempt()?,
        result => result,
    };
    let errors = match result {
        Ok(done) => return Ok(done),
        Err(OpError::Invalid(errors)) => errors,
        Err(OpError::Conflict { attribute, .. }) => vec![taken(attribute)],
        Err(error) => return Err(error),
    };
    Ok(item.iter().map(|item| (item.index, None, Outcome::Refused(errors.clone()))).collect())
}

/// The error of a line with a value that belongs to another resource.
pub(super) fn taken(attribute: &str) -> FieldError {
    FieldError::new(format!("/{attribute}"), "taken", "belongs to another resource")
}

/// Splits lines where a key is repeated, so that lines for the same resource keep their order.
fn rounds(items: Vec<Item<'_>>) -> Vec<Vec<Item<'_>>> {
    let (mut rounds, mut round, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for item in items {
        // Keys of different kinds can belong to the same resource.
        let kind = |item: &Item<'_>| std::mem::discriminant(&item.key);
        let is_other_kind = round.last().is_some_and(|last| kind(last) != kind(&item));
        if is_other_kind || !seen.insert(item.key.clone()) {
            rounds.push(std::mem::take(&mut round));
            seen = HashSet::from([item.key.clone()]);
        }
        round.push(item);
    }
    rounds.push(round);
    rounds.retain(|round| !round.is_empty());
    rounds
}

fn key<R: Imported>(matching: Option<Match>, values: &Values) -> Result<Key, Vec<FieldError>> {
    let matching = matching.unwrap_or_else(|| values.usual_match());
    let has_user_name = R::TABLE.column("userName").is_some();
    let (name, key) = match matching {
        Match::UserName if has_user_name => {
            let key = values.user_name().map(|name| Key::Unique(UniqueKey::UserName, casefold(name)));
            ("userName", key)
        }
        Match::ExternalId => {
            let key = values.external_id().map(|id| Key::Unique(UniqueKey::ExternalId, id.to_owned()));
            ("externalId", key)
        }
        // The nil UUID precedes the first id wherever resources are read in the order of their ids.
        Match::UserName | Match::Id => ("id", values.id.filter(|id| !id.is_nil()).map(Key::Id)),
    };
    key.ok_or_else(|| {
        let missing = FieldError::new(
            format!("/{name}"),
            "required",
            "is required, because it identifies the resource",
        );
        let mut errors = R::draft(values, None).err().unwrap_or_default();
        if !errors.iter().any(|error| error.pointer == missing.pointer) {
            errors.push(missing);
        }
        errors
    })
}

/// Applies lines with different keys.
///
/// # Errors
/// [`OpError::Conflict`] if any of them conflicts with another resource.
fn apply_all<R: Imported>(apply: &Apply, tx: &mut Tx<'_>, items: &[Item<'_>]) -> Result<Vec<Done>, OpError> {
    let found: HashMap<Key, R> = find(apply.tenant, tx, items)?;
    let (mut done, mut new, mut changed) = (Vec::with_capacity(items.len()), Vec::new(), Vec::new());
    for item in items {
        let stored = found.get(&item.key);
        match (item.draft::<R>(stored), stored) {
            (Err(errors), _) => done.push((item.index, None, Outcome::Refused(errors))),
            (Ok(draft), None) => {
                new.push((item.new_id, draft));
                done.push((item.index, Some(item.new_id), Outcome::Created(Some(item.new_id))));
            }
            (Ok(draft), Some(stored)) => match check(apply, stored, draft) {
                Check::Equal => done.push((item.index, Some(stored.stamp().id), Outcome::Unchanged)),
                Check::Exists => done.push((item.index, None, Outcome::Refused(vec![exists(&item.key)]))),
                Check::Differs => changed.push((stored.stamp().id, item)),
            },
        }
    }
    R::insert_all(tx, apply, new)?;
    done.extend(update::<R>(apply, tx, changed)?);
    Ok(done)
}

/// The relation of a line to the resource that it describes.
enum Check {
    Equal,
    Differs,
    /// The mode does not permit that the resource exists.
    Exists,
}

fn check<R: Imported>(apply: &Apply, stored: &R, draft: R::Draft) -> Check {
    let is_equal = Imported::with(stored, draft) == *stored;
    match apply.options.mode {
        Mode::Create if !(is_equal && apply.options.resuming) => Check::Exists,
        _ if is_equal => Check::Equal,
        _ => Check::Differs,
    }
}

fn exists(key: &Key) -> FieldError {
    let attribute = match key {
        Key::Id(_) => "id",
        Key::Unique(key, _) => key.attribute(),
    };
    FieldError::new(
        format!("/{attribute}"),
        "taken",
        "belongs to an existing resource, and `mode` is `create`",
    )
}

/// Finds the resources of lines.
fn find<R: Imported>(tenant: Uuid, tx: &mut Tx<'_>, items: &[Item<'_>]) -> Result<HashMap<Key, R>, OpError> {
    let (mut ids, mut values) = (BTreeSet::new(), BTreeMap::<UniqueKey, BTreeSet<String>>::new());
    for item in items {
        match &item.key {
            Key::Id(id) => drop(ids.insert(*id)),
            Key::Unique(key, value) => drop(values.entry(*key).or_default().insert(value.clone())),
        }
    }
    let by_id: Vec<R> = if ids.is_empty() { Vec::new() } else { R::load_by_ids(tx, tenant, &ids)? };
    let mut found: HashMap<_, _> =
        by_id.into_iter().map(|resource| (Key::Id(resource.stamp().id), resource)).collect();
    for (key, values) in values {
        for resource in key.load::<R>(tx, tenant, NATIVE_SOURCE, &values)? {
            if let Some(value) = resource.unique_value(key, NATIVE_SOURCE) {
                found.insert(Key::Unique(key, value), resource);
            }
        }
    }
    Ok(found)
}

/// Updates resources, which are locked in the order of their ids.
fn update<R: Imported>(
    apply: &Apply,
    tx: &mut Tx<'_>,
    mut changed: Vec<(Uuid, &Item<'_>)>,
) -> Result<Vec<Done>, OpError> {
    changed.sort_by_key(|(id, _)| *id);
    let mut locked = Vec::with_capacity(changed.len());
    for (id, item) in changed {
        let stored: R = match resource::lock(tx, apply.tenant, id, &Conditions::default()) {
            Err(OpError::NotFound) => return Err(OpError::retry("the resource was deleted concurrently")),
            stored => stored?,
        };
        locked.push((stored, item));
    }
    let mut done = Vec::with_capacity(locked.len());
    for (stored, item) in locked {
        let id = stored.stamp().id;
        let draft = item.draft::<R>(Some(&stored)).map_err(OpError::Invalid)?;
        let written = stored.write(tx, apply.tenant, draft, apply.now)?;
        let outcome = match written.stamp().version == stored.stamp().version {
            true => Outcome::Unchanged,
            false => Outcome::Updated(id, Box::new(difference(apply, &stored, &written))),
        };
        done.push((item.index, Some(id), outcome));
    }
    Ok(done)
}

/// The difference between two versions, for a plan.
fn difference<R: Auditable>(apply: &Apply, before: &R, after: &R) -> Difference {
    if !apply.options.plan {
        return Difference::default();
    }
    let Change { kind, before, after, .. } = Change::updated(apply.tenant, before, after);
    Difference {
        before: kind.shown(before.unwrap_or_default()),
        after: kind.shown(after.unwrap_or_default()),
    }
}
