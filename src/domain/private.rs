//! What nobody is shown by accident: a shopper's number, their name, what they bought. It lives
//! in memory only: nothing here can be written down, and `Debug` says nothing of it.

use std::fmt;
use std::ops::Deref;

/// A value that stays out of logs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Private<T>(T);

impl<T> Private<T> {
    #[must_use]
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Private<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Private")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_private_is_used_and_not_shown() {
        let number = Private::new("480217365904".to_owned());
        assert_eq!((number.len(), number.as_str()), (12, "480217365904"));
        assert_eq!(format!("{:?} {:#?}", Some(&number), number), "Some(Private) Private");
    }
}
