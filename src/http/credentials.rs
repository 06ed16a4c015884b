//! The keys and tenants that were seen lately, so that a request costs no call to the database.

use crate::db::{Database, DbError};
use crate::domain::key::{Credential, Secret, SecretHash};
use crate::domain::origin::Origin;
use crate::domain::time::Timestamp;
use crate::ops::connections;
use crate::ops::keys::{Identify, Touch};
use crate::ops::tenants::Named;
use actix_web::rt;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// From which age on what is kept is read again, while it is still used.
const FRESH: Duration = Duration::from_millis(900);
/// How old it may be: a key that was revoked on another server is refused here within two seconds.
const GOOD: Duration = Duration::from_millis(1_800);
/// The most keys, and the most tenants, that are kept.
const CAPACITY: usize = 10_000;

/// What was read of keys and tenants.
pub struct Credentials {
    database: Database,
    keys: Arc<TtlCache<Uuid, (Arc<Credential>, SecretHash)>>,
    tenants: Arc<TtlCache<String, Uuid>>,
    used: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Credentials {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, keys: Arc::default(), tenants: Arc::default(), used: Mutex::default() }
    }

    /// The key that a secret is of, when it is known without asking the database.
    pub(super) fn known(&self, secret: &Secret) -> Option<Arc<Credential>> {
        let (found, stale) = self.keys.get(&secret.id())?;
        if stale {
            let (keys, database, id) = (self.keys.clone(), self.database.clone(), secret.id());
            rt::spawn(async move { drop(read_key(&keys, &database, id).await) });
        }
        holds(found, secret)
    }

    /// Whether the secret's key was good at some time before.
    pub(super) fn was_known(&self, secret: &Secret) -> bool {
        self.keys.last(&secret.id()).is_some_and(|found| holds(found, secret).is_some())
    }

    /// The same, asking the database.
    pub(super) async fn identify(&self, secret: &Secret) -> Result<Option<Arc<Credential>>, DbError> {
        let found = read_key(&self.keys, &self.database, secret.id()).await?;
        Ok(found.and_then(|found| holds(found, secret)))
    }

    /// The tenant of a name.
    pub(super) async fn tenant(&self, name: &str) -> Result<Option<Uuid>, DbError> {
        if let Some((id, false)) = self.tenants.get(name) {
            return Ok(Some(id));
        }
        let since = self.tenants.generation();
        let found = self.database.call(&Origin::server(), Named { name: name.to_owned() }).await?;
        self.tenants.put(name.to_owned(), found, since);
        Ok(found)
    }

    /// Forgets what a write made untrue.
    pub(super) fn forget_key(&self, id: Uuid) {
        self.keys.remove(&id);
    }

    /// Forgets all, because a tenant was renamed or deleted, with its keys.
    pub(super) fn forget_all(&self) {
        self.keys.clear();
        self.tenants.clear();
    }

    /// Notes that a key was used.
    pub(super) fn used(&self, id: Uuid, now: Timestamp) {
        let mut used = lock(&self.used);
        if used.len() < CAPACITY || used.contains_key(&id) {
            used.insert(id, now);
        }
    }

    /// Writes down when keys were last used.
    ///
    /// # Errors
    /// What the database says; the times are lost then.
    pub async fn write_uses(&self) -> Result<(), DbError> {
        let mut used: Vec<_> = std::mem::take(&mut *lock(&self.used)).into_iter().collect();
        // In one order on every server, so that none waits for the other.
        used.sort_unstable();
        if used.is_empty() {
            return Ok(());
        }
        self.database.call(&Origin::server(), Touch(used)).await
    }
}

fn holds((key, hash): (Arc<Credential>, SecretHash), secret: &Secret) -> Option<Arc<Credential>> {
    hash.is_of(secret).then_some(key)
}

async fn read_key(
    keys: &TtlCache<Uuid, (Arc<Credential>, SecretHash)>,
    database: &Database,
    id: Uuid,
) -> Result<Option<(Arc<Credential>, SecretHash)>, DbError> {
    let since = keys.generation();
    let found = match database.call(&Origin::server(), Identify { id }).await? {
        Some((key, hash)) => Some((Credential::Key(key), hash)),
        None => {
            let token = database.call(&Origin::server(), connections::Identify { id }).await?;
            token.map(|(token, connection, hash)| (Credential::Token(token, connection), hash))
        }
    };
    let found = found.map(|(proof, hash)| (Arc::new(proof), hash));
    keys.put(id, found.clone(), since);
    Ok(found)
}

/// Values that were read a moment ago.
struct TtlCache<K, V>(Mutex<Values<K, V>>);

struct Values<K, V> {
    map: HashMap<K, Entry<V>>,
    /// Moves with every removal: what was read before one must not be put in after it.
    generation: u64,
}

struct Entry<V> {
    value: V,
    /// When the reading began.
    since: Instant,
    /// Whether it is being read again.
    renewing: bool,
}

impl<K, V> Default for TtlCache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Values { map: HashMap::new(), generation: 0 }))
    }
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// A value that is good, and whether the caller is to read it again.
    fn get<Q>(&self, key: &Q) -> Option<(V, bool)>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut values = lock(&self.0);
        let entry = values.map.get_mut(key)?;
        let age = entry.since.elapsed();
        let stale = age >= FRESH && !entry.renewing;
        entry.renewing |= stale;
        (age < GOOD).then(|| (entry.value.clone(), stale))
    }

    /// A value however old it is.
    fn last(&self, key: &K) -> Option<V> {
        lock(&self.0).map.get(key).map(|entry| entry.value.clone())
    }

    /// The moment before a reading.
    fn generation(&self) -> (u64, Instant) {
        (lock(&self.0).generation, Instant::now())
    }

    /// Keeps what was read since, unless something was removed meanwhile.
    fn put(&self, key: K, value: Option<V>, (generation, since): (u64, Instant)) {
        let mut values = lock(&self.0);
        if values.generation != generation {
            if let Some(entry) = values.map.get_mut(&key) {
                entry.renewing = false;
            }
            return;
        }
        let Some(value) = value else {
            values.map.remove(&key);
            return;
        };
        if values.map.len() >= CAPACITY {
            values.map.retain(|_, entry| entry.since.elapsed() < GOOD);
        }
        if values.map.len() < CAPACITY || values.map.contains_key(&key) {
            values.map.insert(key, Entry { value, since, renewing: false });
        }
    }

    fn remove(&self, key: &K) {
        let mut values = lock(&self.0);
        values.generation += 1;
        values.map.remove(key);
    }

    fn clear(&self) {
        let mut values = lock(&self.0);
        values.generation += 1;
        values.map.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
