//! Where in a queue the messages with a key are.

use std::collections::HashMap;

/// Places are counted from the first message that was ever queued behind another, so that taking
/// messages off the front changes none of them.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    /// Messages taken off the front since this was made.
    popped: usize,
    places: HashMap<Box<str>, usize, foldhash::fast::RandomState>,
}

impl Latest {
    /// How many keys wait.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where in the queue, from its front, the key's message is.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        self.places.get(key)?.checked_sub(self.popped)
    }

    /// The key's message is at this place.
    pub(crate) fn put(&mut self, key: &str, place: usize) {
        let place = self.popped + place;
        match self.places.get_mut(key) {
            Some(known) => *known = place,
            None => {
                self.places.insert(key.into(), place);
            }
        }
    }

    /// The message at this place was removed: those behind it have moved up.
    pub(crate) fn removed(&mut self, place: usize) {
        let place = self.popped + place;
        for other in self.places.values_mut() {
            if *other > place {
                *other -= 1;
            }
        }
    }

    /// So many were taken off the front.
    pub(crate) fn popped(&mut self, messages: usize) {
        self.popped += messages;
        let popped = self.popped;
        self.places.retain(|_, place| *place >= popped);
    }
}
