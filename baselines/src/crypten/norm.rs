//! LayerNorm.

use super::Share;
use super::arithmetic::Arithmetic;
use qbench_protocols::Result;

impl Arithmetic<'_> {
    /// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` for each row of `width` elements.
    ///
    /// Cost for n rows of h: `3 h n + 24 n + h` words each way, 20 rounds; offline `3 h n + 17 n`
    /// words to P2.
    ///
    /// # Security
    /// As [`Arithmetic::multiply`].
    pub fn layer_norm(
        &mut self,
        x: &Share,
        width: usize,
        gamma: &Share,
        beta: &Share,
        epsilon: f64,
    ) -> Result<Share> {
        let fits =
            x.len().is_multiple_of(width.max(1)) && (gamma.len(), beta.len()) == (width, width);
        self.expect(fits, || {
            let (gamma, beta) = (gamma.len(), beta.len());
            format!(
                "rows of {width} in {} elements, gamma {gamma}, beta {beta}",
                x.len()
            )
        })?;
        let mean = self.divide_public(self.sum_rows(x, width), width as u32);
        let centred = self.subtract_rows(x.clone(), &mean, width);
        let squares = self.square(&centred)?;
        let variance = self.divide_public(self.sum_rows(&squares, width), width as u32);
        let variance = self.add_public(variance, epsilon);
        let scale = self.inverse_sqrt(&variance)?;
        let normal = self.multiply_rows(&centred, &scale)?;
        let scaled = self.multiply_columns(&normal, gamma)?;
        Ok(self.add_columns(scaled, beta))
    }
}
