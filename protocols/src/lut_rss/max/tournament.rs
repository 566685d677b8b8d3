//! Pairwise maxima by two-input tables: ceil(log2 n) levels, an odd one carried to the next.

use crate::Result;
use crate::lut::{Contents, Input, lookup, open_all};
use crate::lut_rss::LutRss;
use crate::ring::{Ring, Word};
use crate::share::Additive;

impl LutRss<'_> {
    /// `[max of each row]` of `[x]`, rows of `row` signed values.
    ///
    /// Cost, b bits: `4b (n - 1)` bits online a row and ceil(log2 n) rounds; offline
    /// `(n - 1) (2^(2b) b + 2b)` bits.
    pub(crate) fn tournament_max(&mut self, x: &Additive<u8>, row: usize) -> Result<Additive<u8>> {
        let (ring, rows) = (x.ring(), x.len() / row);
        let mut left_over = x.clone();
        let mut width = row;
        let mut level = 0;
        while width > 1 {
            left_over = self.step(&format!("level{level}"), |engine| {
                let half = width / 2;
                let side = |parity: usize| -> Vec<usize> {
                    (0..rows)
                        .flat_map(|r| (0..half).map(move |j| r * width + 2 * j + parity))
                        .collect()
                };
                let (left, right) = (left_over.select(&side(0)), left_over.select(&side(1)));
                let opened = open_all(&mut engine.runtime, &[&left, &right])?;
                let inputs = [Input::each(&opened[0]), Input::each(&opened[1])];
                let larger = || larger_of_two(ring);
                let winners = lookup::<u8>(&mut engine.runtime, &inputs, left.len(), ring, larger)?;
                Ok(match width.is_multiple_of(2) {
                    true => winners,
                    false => carry_odd(&winners, &left_over, width),
                })
            })?;
            width = width.div_ceil(2);
            level += 1;
        }
        Ok(left_over)
    }
}

/// The table of the larger of two signed values.
fn larger_of_two(ring: Ring) -> Contents<u8> {
    let all = 0..=ring.mask() as u8;
    let pairs = all.clone().flat_map(|a| all.clone().map(move |b| (a, b)));
    let larger = pairs.map(|(a, b)| match ring.signed(a) >= ring.signed(b) {
        true => a,
        false => b,
    });
    Contents::same(larger.collect())
}

/// Appends to each row of winners the element that had no partner.
fn carry_odd<W: Word>(winners: &Additive<W>, all: &Additive<W>, width: usize) -> Additive<W> {
    let half = width / 2;
    let rows = all.len() / width;
    winners.map_to(all.ring(), rows * (half + 1), |winners| {
        winners
            .chunks_exact(half)
            .zip(all.values().chunks_exact(width))
            .flat_map(|(winners, all)| winners.iter().chain(all.last()))
            .copied()
            .collect()
    })
}
