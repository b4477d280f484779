//! What hooks leave for each other and for what they run around.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

type ByType = HashMap<TypeId, Arc<dyn Any + Send + Sync>>;

/// Values of one call, one per type; usually none, which allocates nothing.
#[derive(Default)]
pub(crate) struct Values(Mutex<Option<Box<ByType>>>);

impl Values {
    /// Leaves a value; answers the earlier one of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let mut values = self.0.lock();
        let earlier = values
            .get_or_insert_default()
            .insert(TypeId::of::<T>(), Arc::new(value));
        earlier.and_then(|value| value.downcast().ok())
    }

    /// The value of this type.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let values = self.0.lock();
        let value = values.as_ref()?.get(&TypeId::of::<T>())?.clone();
        value.downcast().ok()
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}
