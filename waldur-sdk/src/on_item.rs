//! What loops call with each item of a round.

use std::fmt;
use std::sync::Arc;

use crate::bulk::Item;

/// Something that happens in a round.
pub(crate) enum RoundEvent<'a, T> {
    /// The round begins.
    Begun,
    /// The round is through with this item.
    Item(&'a Item<T>),
}

/// What is told of rounds: a callback for their items, and an observer of everything.
pub(crate) struct OnItem<T> {
    on_item: Option<OnItemFn<T>>,
    observer: Option<Observer<T>>,
}

type OnItemFn<T> = Arc<dyn Fn(&Item<T>) + Send + Sync>;

/// What a whole agent sees of the rounds of a loop.
pub(crate) type Observer<T> = Arc<dyn for<'a> Fn(RoundEvent<'a, T>) + Send + Sync>;

impl<T> OnItem<T> {
    pub(crate) fn new(on_item: impl Fn(&Item<T>) + Send + Sync + 'static) -> Self {
        Self { on_item: Some(Arc::new(on_item)), observer: None }
    }

    /// Sets the observer, beside the callback.
    pub(crate) fn observe(&mut self, observer: Observer<T>) {
        self.observer = Some(observer);
    }

    /// Tells that a round begins.
    pub(crate) fn begin(&self) {
        if let Some(observer) = &self.observer {
            observer(RoundEvent::Begun);
        }
    }

    pub(crate) fn call(&self, item: &Item<T>) {
        if let Some(on_item) = &self.on_item {
            on_item(item);
        }
        if let Some(observer) = &self.observer {
            observer(RoundEvent::Item(item));
        }
    }
}

impl<T> Clone for OnItem<T> {
    fn clone(&self) -> Self {
        Self { on_item: self.on_item.clone(), observer: self.observer.clone() }
    }
}

impl<T> Default for OnItem<T> {
    fn default() -> Self {
        Self { on_item: None, observer: None }
    }
}

impl<T> fmt::Debug for OnItem<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnItem").field(&self.on_item.is_some()).finish()
    }
}
