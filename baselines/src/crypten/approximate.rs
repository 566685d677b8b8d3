//! Exponential, reciprocal and inverse square root by iterations (CrypTen, appendix A.3), and what is
//! made of them. All parameters are the original's defaults.

use super::Share;
use super::arithmetic::Arithmetic;
use qbench_protocols::Result;

/// `exp(x) = (1 + x / 2^8)^(2^8)`: this many squarings.
const EXP_SQUARINGS: u32 = 8;
/// Newton iterations of the reciprocal.
const RECIPROCAL_ITERATIONS: usize = 10;
/// Newton iterations of the inverse square root.
const INVERSE_SQRT_ITERATIONS: usize = 3;

impl Arithmetic<'_> {
    /// e^x, for x from -256 to about 5: the relative error is about `x^2 / 2^9`, and 2^-16 of x / 2^8 are
    /// lost before the squarings.
    ///
    /// Cost: 8 words an element each way, 8 rounds; offline as many to P2.
    ///
    /// # Security
    /// As [`Arithmetic::square`].
    pub fn exp(&mut self, x: &Share) -> Result<Share> {
        let part = self.divide_public(x.clone(), 1 << EXP_SQUARINGS);
        let mut power = self.add_public(part, 1.0);
        for _ in 0..EXP_SQUARINGS {
            power = self.square_in_place(power)?;
        }
        Ok(power)
    }

    /// 1/x by Newton's iteration from `3 e^(1 - 2x) + 0.003`, for |x| up to some hundreds (the start
    /// must lie below 2/x); the error grows with x, to about `x * 2^-16`.
    /// `positive`: x is known to be positive; else its sign is computed first.
    ///
    /// Cost: 38 words an element each way and 28 rounds, else 69 and 38; offline 28 words to P2, else
    /// 44.
    ///
    /// # Security
    /// As [`Arithmetic::multiply`] and [`Arithmetic::less_than_zero`].
    pub fn reciprocal(&mut self, x: &Share, positive: bool) -> Result<Share> {
        if positive {
            return self.positive_reciprocal(x);
        }
        let sign = self.sign(x)?;
        let size = self.multiply_unscaled(&sign, x)?;
        let reciprocal = self.positive_reciprocal(&size)?;
        self.product::<false>(reciprocal, &sign)
    }

    fn positive_reciprocal(&mut self, x: &Share) -> Result<Share> {
        let exponent = self.times_integer(x.clone(), -2);
        let exponent = self.add_public(exponent, 1.0);
        let start = self.exp(&exponent)?;
        let start = self.times_integer(start, 3);
        let start = self.add_public(start, 0.003);
        self.newton_reciprocal(x, start, RECIPROCAL_ITERATIONS)
    }

    /// `y + y - y^2 x`, again and again.
    fn newton_reciprocal(&mut self, x: &Share, start: Share, iterations: usize) -> Result<Share> {
        let mut y = start;
        for _ in 0..iterations {
            let square = self.square(&y)?;
            let product = self.product::<true>(square, x)?;
            let doubled = self.times_integer(y, 2);
            y = self.subtract(doubled, &product);
        }
        Ok(y)
    }

    /// x^(-1/2) by Newton's iteration from `2.2 e^-(x/2 + 0.2) + 0.2 - x/1024`, for x from about 0.1 to
    /// 150: beyond, three iterations do not get there.
    ///
    /// Cost: 23 words an element each way, 17 rounds; offline 17 words to P2.
    ///
    /// # Security
    /// As [`Arithmetic::multiply`].
    pub fn inverse_sqrt(&mut self, x: &Share) -> Result<Share> {
        let half = self.divide_public(x.clone(), 2);
        let exponent = self.negate(self.add_public(half, 0.2));
        let start = self.exp(&exponent)?;
        let start = self.add_public(self.scale_public(start, 2.2), 0.2);
        let mut y = self.subtract(start, &self.divide_public(x.clone(), 1024));
        for _ in 0..INVERSE_SQRT_ITERATIONS {
            // y (3 - x y^2) / 2
            let square = self.square(&y)?;
            let product = self.product::<true>(square, x)?;
            let factor = self.add_public(self.negate(product), 3.0);
            y = self.product::<true>(y, &factor)?;
            y = self.divide_public(y, 2);
        }
        Ok(y)
    }

    /// `1 / (1 + e^-x)`: of |x|, whose reciprocal lies in [1/2, 1] and takes 3 iterations from 3/4, the
    /// first of them on a public value; then `1 - y` where x is negative.
    ///
    /// Cost: 47 words an element each way, 23 rounds; offline 29 words to P2.
    ///
    /// # Security
    /// As [`Arithmetic::multiply`] and [`Arithmetic::less_than_zero`].
    pub fn sigmoid(&mut self, x: &Share) -> Result<Share> {
        let less = self.less_than_zero(x)?;
        // -|x|
        let minus_sign = self.add_integer(self.times_integer(less.clone(), 2), -1);
        let exponent = self.product::<false>(minus_sign, x)?;
        let denominator = self.exp(&exponent)?;
        let denominator = self.add_public(denominator, 1.0);
        // The first iteration from y = 3/4: 2y - y^2 x.
        let scaled = self.scale_public(denominator.clone(), -0.5625);
        let first = self.add_public(scaled, 1.5);
        let y = self.newton_reciprocal(&denominator, first, 2)?;
        let flipped = self.add_public(self.negate(y.clone()), 1.0);
        self.select(&self.complement(less), &y, &flipped)
    }

    /// `2 sigmoid(2x) - 1`. Cost and security as [`Arithmetic::sigmoid`].
    pub fn tanh(&mut self, x: &Share) -> Result<Share> {
        let doubled = self.times_integer(x.clone(), 2);
        let sigmoid = self.sigmoid(&doubled)?;
        Ok(self.add_public(self.times_integer(sigmoid, 2), -1.0))
    }
}
