//! Memory that is zeroed before it is given back.

use std::fmt;
use std::ops::{Deref, DerefMut};
use zeroize::Zeroize;

/// A vector whose whole allocation is zeroed when it is dropped: shares, tables, seeds on their way.
///
/// It is made with the length that it keeps, so that it never moves: growing would leave a copy behind. Cost: one pass of writes
/// over the allocation when it is dropped; nothing else.
///
/// # Security
/// The compiler cannot leave the writes out. What lies in registers, in swapped pages or in a core dump is not reached, nor is
/// what a program that is killed leaves in its pages, which the kernel clears before another gets them.
#[derive(Clone, PartialEq, Eq)]
pub struct Wiped<T>(Vec<T>);

impl<T> Wiped<T> {
    /// Takes the memory out, no longer to be zeroed: for a message that is sent, or an output.
    pub fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
    }

    /// Whether `length` elements fit without another allocation.
    fn has_room(&self, length: usize) -> bool {
        self.0.capacity() >= length
    }
}

impl<T: Copy + Default> Wiped<T> {
    /// `length` zeros.
    pub fn zeros(length: usize) -> Self {
        Self(vec![T::default(); length])
    }

    /// As [`Wiped::zeros`] in other elements' memory if it is enough; what they were need not be gone.
    pub fn reused(mut old: Self, length: usize) -> Self {
        if !old.has_room(length) {
            return Self::zeros(length);
        }
        old.0.resize(length, T::default());
        old
    }
}

impl<T: Clone> Wiped<T> {
    /// A copy.
    pub fn copied(values: &[T]) -> Self {
        Self(values.to_vec())
    }

    /// Copies of `parts`, one after the other: `length` elements in all.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn joined<'a>(length: usize, parts: impl IntoIterator<Item = &'a [T]>) -> Self
    where
        T: 'a,
    {
        let mut out = Self(Vec::with_capacity(length));
        for part in parts {
            assert!(out.len() + part.len() <= length, "elements of the parts");
            out.0.extend_from_slice(part);
        }
        assert_eq!(out.len(), length, "elements of the parts");
        out
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl<T> zeroize::ZeroizeOnDrop for Wiped<T> {}

impl<T> Default for Wiped<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> From<Vec<T>> for Wiped<T> {
    fn from(values: Vec<T>) -> Self {
        Self(values)
    }
}

impl<T> Deref for Wiped<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Wiped<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> AsRef<[T]> for Wiped<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<'a, T> IntoIterator for &'a Wiped<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: PartialEq> PartialEq<Vec<T>> for Wiped<T> {
    fn eq(&self, other: &Vec<T>) -> bool {
        self.0 == *other
    }
}

/// Shows the length; never what is in it.
impl<T> fmt::Debug for Wiped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wiped({} elements)", self.0.len())
    }
}

impl<T> FromIterator<T> for Wiped<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let values = values.into_iter();
        let (least, most) = values.size_hint();
        if most == Some(least) {
            return Self(values.collect());
        }
        let mut out = Self(Vec::with_capacity(least));
        for value in values {
            if !out.has_room(out.len() + 1) {
                let mut larger = Self(Vec::with_capacity((2 * out.len()).max(64)));
                larger.0.append(&mut out.0);
                // What `out` was is zeroed here.
                out = larger;
            }
            out.0.push(value);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Length known, or not: nothing is lost on the way.
    #[test]
    fn collects_what_it_is_given() {
        let known: Wiped<u32> = (0..1000).collect();
        let unknown: Wiped<u32> = (0..2000).filter(|i| i % 2 == 0).map(|i| i / 2).collect();
        assert!(known == unknown && known == (0..1000).collect::<Vec<_>>());
        assert_eq!(format!("{known:?}"), "Wiped(1000 elements)");
    }

    #[test]
    fn memory_is_used_again_where_it_is_enough() {
        let old: Wiped<u8> = vec![7; 100].into();
        let at = old.as_ptr();
        let shorter = Wiped::reused(old, 40);
        assert_eq!((shorter.as_ptr(), shorter.len()), (at, 40));
        let longer = Wiped::reused(shorter, 5000);
        assert!(longer == vec![0; 5000]);
    }
}
