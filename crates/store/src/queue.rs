//! The bounded queue between many callers and the one writer.
//!
//! Invariant: what waits weighs at most `bytes_max` and counts at most `count_max`, except that an empty queue admits one item
//! of any weight (else it could never be written). So a slow disk slows the callers down instead of filling the memory.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    /// Signalled when something was taken out.
    room: Condvar,
    /// Signalled when something was put in, or the queue was closed.
    work: Condvar,
    limits: Limits,
}

/// How much may wait, or be taken at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) count_max: usize,
    pub(crate) bytes_max: usize,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

/// Why an item was not taken in; its parts come back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotPushed<P> {
    NoRoom(P),
    Closed(P),
}

impl<T> Queue<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        let inner = Inner { items: VecDeque::new(), bytes: 0, closed: false };
        Queue { inner: Mutex::new(inner), room: Condvar::new(), work: Condvar::new(), limits }
    }

    /// Nobody runs foreign code under this lock, so a panic elsewhere leaves the queue whole.
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room. Gives the item back if the queue is closed.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), T> {
        let mut inner = self.inner();
        while !inner.closed && !self.limits.admit(&inner, bytes) {
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.closed {
            return Err(item);
        }
        self.put(inner, item, bytes);
        Ok(())
    }

    /// Never waits. `pack` makes the item out of its parts once it is known that there is room, so that the parts can come back.
    pub(crate) fn try_push<P>(
        &self,
        parts: P,
        bytes: usize,
        pack: impl FnOnce(P) -> T,
    ) -> Result<(), NotPushed<P>> {
        let inner = self.inner();
        if inner.closed {
            return Err(NotPushed::Closed(parts));
        }
        if !self.limits.admit(&inner, bytes) {
            return Err(NotPushed::NoRoom(parts));
        }
        self.put(inner, pack(parts), bytes);
        Ok(())
    }

    fn put(&self, mut inner: MutexGuard<'_, Inner<T>>, item: T, bytes: usize) {
        inner.bytes += bytes;
        inner.items.push_back((item, bytes));
        drop(inner);
        self.work.notify_one();
    }

    /// Waits until there is something and takes what is there, in order, up to a group's limits but at least one.
    /// Nothing comes any more once the queue is closed and empty.
    pub(crate) fn take(&self, group: Limits) -> Vec<T> {
        let mut inner = self.inner();
        while inner.items.is_empty() && !inner.closed {
            inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut taken_bytes = 0;
        while taken.len() < group.count_max
            && let Some((item, bytes)) = inner
                .items
                .pop_front_if(|(_, bytes)| taken.is_empty() || taken_bytes + *bytes <= group.bytes_max)
        {
            taken_bytes += bytes;
            taken.push(item);
        }
        inner.bytes -= taken_bytes;
        drop(inner);
        self.room.notify_all();
        taken
    }

    /// Nothing more comes in; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.inner().closed = true;
        self.work.notify_all();
        self.room.notify_all();
    }
}

impl Limits {
    fn admit<T>(&self, inner: &Inner<T>, bytes: usize) -> bool {
        inner.items.is_empty() || inner.items.len() < self.count_max && inner.bytes + bytes <= self.bytes_max
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    const SMALL: Limits = Limits { count_max: 3, bytes_max: 10 };
    const ALL: Limits = Limits { count_max: usize::MAX, bytes_max: usize::MAX };

    #[test]
    fn weight_and_count_bound_what_waits() {
        let queue = Queue::new(SMALL);
        let try_push = |item, bytes| queue.try_push(item, bytes, |item| item);
        try_push("whale", 1_000).unwrap();
        assert_eq!(try_push("b", 1), Err(NotPushed::NoRoom("b")), "the whale fills it");
        assert_eq!(queue.take(SMALL), ["whale"], "an item heavier than a group is a group of its own");
        for item in ["a", "b", "c"] {
            try_push(item, 1).unwrap();
        }
        assert_eq!(try_push("d", 1), Err(NotPushed::NoRoom("d")), "three are enough");
        assert_eq!(queue.take(Limits { count_max: 9, bytes_max: 2 }), ["a", "b"]);
        assert_eq!(queue.take(ALL), ["c"]);
    }

    #[test]
    fn a_waiting_caller_goes_on_when_there_is_room() {
        let queue = Arc::new(Queue::new(SMALL));
        queue.push(0, 10).unwrap();
        let caller = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.push(1, 10)
        });
        assert_eq!(queue.take(ALL), [0]);
        caller.join().unwrap().unwrap();
        assert_eq!(queue.take(ALL), [1]);
    }

    #[test]
    fn a_closed_queue_refuses_and_runs_empty() {
        let queue = Queue::new(SMALL);
        queue.push(1, 1).unwrap();
        queue.close();
        assert_eq!(queue.push(2, 1), Err(2));
        assert_eq!(queue.try_push(2, 1, |item| item), Err(NotPushed::Closed(2)));
        assert_eq!(queue.take(ALL), [1]);
        assert_eq!(queue.take(ALL), Vec::<i32>::new());
    }
}
