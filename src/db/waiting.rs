//! Waiting rooms, which serve what waits in a fair order: classes take turns, within a class its tenants, and within a
//! tenant its keys.

use super::Class;
use crate::domain::origin::{Actor, Origin};
use std::collections::VecDeque;
use uuid::Uuid;

/// The maximum number of items of a flow that are examined when items of one kind are taken.
const LOOK_AHEAD: usize = 1_000;

/// What waits for the same class on behalf of the same caller in the same tenant. It is served first in, first out.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) class: Class,
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
}

impl Flow {
    /// The flow of an operation of this class.
    pub(super) fn of(origin: &Origin, class: Class) -> Self {
        Self { class: class.of(origin), tenant: origin.tenant, actor: origin.actor.clone() }
    }
}

impl Class {
    /// The class of an operation of this class in a request.
    pub(super) fn of(self, origin: &Origin) -> Self {
        if origin.bulk && self == Self::Write { Self::Bulk } else { self }
    }
}

/// A waiting room with the same number of places for each class.
pub(super) struct WaitingRoom<T> {
    classes: RoundRobin<Class, RoundRobin<Uuid, RoundRobin<Actor, VecDeque<T>>>>,
    places: usize,
}

impl<T> WaitingRoom<T> {
    pub(super) fn new(places: usize) -> Self {
        Self { classes: RoundRobin::default(), places }
    }

    /// The number of items of a class.
    pub(super) fn count(&self, class: Class) -> usize {
        self.classes.find(&class).map_or(0, Level::count)
    }

    /// The number of places of each class.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn is_empty(&self) -> bool {
        self.classes.count() == 0
    }

    /// Adds an item. If its class has no place left, returns the newest item of the key with the most items in the tenant
    /// with the most items of the class, which may be the added one.
    pub(super) fn push(&mut self, Flow { class, tenant, actor }: Flow, item: T) -> Option<T> {
        self.classes.push((class, (tenant, (actor, ()))), item);
        let of_class = self.classes.child(class)?;
        if of_class.count() <= self.places {
            return None;
        }
        let removed = of_class.take_newest();
        self.classes.count -= usize::from(removed.is_some());
        removed
    }

    /// Whether an item of this flow would be kept now: its class has a place left, or another flow would lose an item.
    pub(super) fn has_place(&self, Flow { class, tenant, actor }: &Flow) -> bool {
        let Some(of_class) = self.classes.find(class).filter(|of_class| of_class.count() >= self.places)
        else {
            return true;
        };
        !of_class.is_longest(tenant)
            || !of_class.find(tenant).is_some_and(|of_tenant| of_tenant.is_longest(actor))
    }

    /// Takes the next item that is wanted.
    pub(super) fn take(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.classes.take(&is_wanted)
    }
}

/// A level of a waiting room.
trait Level: Default {
    /// The position of an item below this level.
    type Path;
    type Item;

    fn count(&self) -> usize;

    fn push(&mut self, path: Self::Path, item: Self::Item);

    /// Takes the next item that is wanted.
    fn take(&mut self, is_wanted: &impl Fn(&Self::Item) -> bool) -> Option<Self::Item>;

    /// Takes the newest item of the longest flow.
    fn take_newest(&mut self) -> Option<Self::Item>;
}

/// A flow.
impl<T> Level for VecDeque<T> {
    type Path = ();
    type Item = T;

    fn count(&self) -> usize {
        self.len()
    }

    fn push(&mut self, (): (), item: T) {
        self.push_back(item);
    }

    fn take(&mut self, is_wanted: &impl Fn(&T) -> bool) -> Option<T> {
        let index = self.iter().take(LOOK_AHEAD).position(is_wanted)?;
        self.remove(index)
    }

    fn take_newest(&mut self) -> Option<T> {
        self.pop_back()
    }
}

/// Children that take turns. Only those that have items are stored, and finding one compares their keys one by one: a
/// waiting room seldom has more than a few.
struct RoundRobin<K, L> {
    /// In the order of their turns.
    children: VecDeque<(K, L)>,
    /// The number of items of all children.
    count: usize,
}

impl<K, L> Default for RoundRobin<K, L> {
    fn default() -> Self {
        Self { children: VecDeque::new(), count: 0 }
    }
}

impl<K: PartialEq, L: Level> RoundRobin<K, L> {
    fn find(&self, key: &K) -> Option<&L> {
        self.children.iter().find(|(other, _)| other == key).map(|(_, child)| child)
    }

    /// Whether no child has more items than this one.
    fn is_longest(&self, key: &K) -> bool {
        let count = self.find(key).map_or(0, Level::count);
        self.children.iter().all(|(_, child)| child.count() <= count)
    }

    fn child(&mut self, key: K) -> Option<&mut L> {
        self.children.iter_mut().find(|(other, _)| *other == key).map(|(_, child)| child)
    }
}

impl<K: PartialEq, L: Level> Level for RoundRobin<K, L> {
    type Path = (K, L::Path);
    type Item = L::Item;

    fn count(&self) -> usize {
        self.count
    }

    fn push(&mut self, (key, path): Self::Path, item: L::Item) {
        self.count += 1;
        if let Some((_, child)) = self.children.iter_mut().find(|(other, _)| *other == key) {
            return child.push(path, item);
        }
        let mut child = L::default();
        child.push(path, item);
        self.children.push_back((key, child));
    }

    fn take(&mut self, is_wanted: &impl Fn(&L::Item) -> bool) -> Option<L::Item> {
        let take = |(index, (_, child)): (usize, &mut (K, L))| Some((index, child.take(is_wanted)?));
        let (index, item) = self.children.iter_mut().enumerate().find_map(take)?;
        self.count -= 1;
        // The next turn of the child comes after those of the others.
        let child = self.children.remove(index);
        self.children.extend(child.filter(|(_, child)| child.count() > 0));
        Some(item)
    }

    fn take_newest(&mut self) -> Option<L::Item> {
        // Of several longest children, this is the one whose turn comes last.
        let (index, (_, child)) =
            self.children.iter_mut().enumerate().max_by_key(|(_, (_, child))| child.count())?;
        let item = child.take_newest()?;
        self.count -= 1;
        if child.count() == 0 {
            self.children.remove(index);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::origin::ActorKind;

    /// The class, the tenant and the key of an item, and its number within the flow.
    type Item = (Class, u128, &'static str, usize);

    fn room(places: usize, items: &[Item]) -> WaitingRoom<Item> {
        let mut room = WaitingRoom::new(places);
        for item in items {
            assert_eq!(push(&mut room, *item), None);
        }
        room
    }

    fn push(room: &mut WaitingRoom<Item>, item: Item) -> Option<Item> {
        let (class, tenant, key, _) = item;
        let actor = Actor { kind: ActorKind::Key, id: key.into() };
        room.push(Flow { class, tenant: Uuid::from_u128(tenant), actor }, item)
    }

    fn take_all(room: &mut WaitingRoom<Item>) -> Vec<Item> {
        let items = std::iter::from_fn(|| room.take(|_| true)).collect();
        assert!(room.is_empty());
        assert!(room.classes.children.is_empty(), "an empty level is stored");
        items
    }

    #[test]
    fn classes_tenants_and_keys_take_turns() {
        let mut flood: Vec<Item> = (0..4).map(|number| (Class::Write, 1, "a", number)).collect();
        flood.extend([
            (Class::Write, 1, "b", 0),
            (Class::Write, 2, "c", 0),
            (Class::Write, 2, "c", 1),
            (Class::Bulk, 1, "a", 0),
        ]);
        let expected = [
            (Class::Write, 1, "a", 0),
            (Class::Bulk, 1, "a", 0),
            (Class::Write, 2, "c", 0),
            (Class::Write, 1, "b", 0),
            (Class::Write, 2, "c", 1),
            (Class::Write, 1, "a", 1),
            (Class::Write, 1, "a", 2),
            (Class::Write, 1, "a", 3),
        ];
        assert_eq!(take_all(&mut room(10, &flood)), expected);
    }

    #[test]
    fn a_newcomer_waits_for_one_turn_of_each_other_flow() {
        let mut room = room(10, &[0, 1, 2, 3].map(|number| (Class::Read, 1, "a", number)));
        assert_eq!(room.take(|_| true), Some((Class::Read, 1, "a", 0)));
        push(&mut room, (Class::Read, 2, "b", 0));
        let next: Vec<_> = (0..2).filter_map(|_| room.take(|_| true)).map(|(_, tenant, ..)| tenant).collect();
        assert_eq!(next, [1, 2]);
    }

    #[test]
    fn a_batch_is_filled_in_the_same_order() {
        let mut items: Vec<Item> = (0..6).map(|number| (Class::Write, 1, "a", number)).collect();
        items.extend([1, 2, 3].map(|number| (Class::Write, 2, "b", number)));
        let mut room = room(10, &items);
        let odd = |item: &Item| item.3 % 2 == 1;
        let batch: Vec<_> = std::iter::from_fn(|| room.take(odd)).map(|item| (item.1, item.3)).collect();
        assert_eq!(batch, [(1, 1), (2, 1), (1, 3), (2, 3), (1, 5)]);
        let rest: Vec<_> = take_all(&mut room).into_iter().map(|item| (item.1, item.3)).collect();
        assert_eq!(rest, [(2, 2), (1, 0), (1, 2), (1, 4)]);
    }

    #[test]
    fn a_full_class_loses_the_newest_item_of_its_longest_flow() {
        let mut items: Vec<Item> = (0..3).map(|number| (Class::Read, 1, "a", number)).collect();
        items.extend([(Class::Read, 2, "b", 0), (Class::Read, 1, "c", 0)]);
        let mut room = room(5, &items);
        // The tenant 1 has the most items, and within it the key `a`.
        assert_eq!(push(&mut room, (Class::Read, 2, "d", 0)), Some((Class::Read, 1, "a", 2)));
        assert_eq!(push(&mut room, (Class::Read, 1, "a", 9)), Some((Class::Read, 1, "a", 9)));
        // A flow has a place unless it is the longest: of its class, and of its tenant.
        let flow = |tenant, key: &str| Flow {
            class: Class::Read,
            tenant: Uuid::from_u128(tenant),
            actor: Actor { kind: ActorKind::Key, id: key.into() },
        };
        let has_place = [(1, "a"), (1, "c"), (1, "new"), (2, "b"), (2, "new"), (3, "new")]
            .map(|(tenant, key)| room.has_place(&flow(tenant, key)));
        assert_eq!(has_place, [false, true, true, true, true, true]);
        // Other classes have their own places.
        assert_eq!(push(&mut room, (Class::Page, 1, "a", 0)), None);
        assert_eq!(take_all(&mut room).len(), 6);
    }

    #[test]
    fn as_many_flows_as_places_refuse_another() {
        let items: Vec<Item> = (1..=5).map(|tenant| (Class::Read, tenant, "a", 0)).collect();
        let mut room = room(5, &items);
        assert_eq!(push(&mut room, (Class::Read, 6, "a", 0)), Some((Class::Read, 6, "a", 0)));
        assert_eq!(take_all(&mut room), items);
    }
}
