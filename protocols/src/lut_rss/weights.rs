//! Sharing of the weights, once a model (phase `setup`).

use super::plan::Plan;
use crate::kernel::gemm16::Packed16;
use crate::model::walk::Linear;
use crate::net::Party;
use crate::quantized::integer::{IntegerModel, PRODUCT};
use crate::session::Session;
use crate::wipe::Wiped;
use crate::{Error, Result, runtime::Runtime};
use std::collections::HashMap;

/// One party's share of one weight matrix, packed for the product kernel.
///
/// `W' = w_1 + w_2` with component 0 equal to zero. Deviation from the paper, which shares W' among all
/// three components: P0 knows W' anyway, so a third component protects nothing. Setup sends half the
/// bytes, P1 and P2 each multiply once instead of twice, and hold half the memory.
///
/// # Security
/// P1 holds w_2, generator output. P2 holds `w_1 = W' - w_2`, masked by a stream it does not know.
pub enum SharedLinear {
    /// P0: all of W', and w_2, and the bias.
    Owner {
        /// W'.
        clear: Packed16,
        /// w_2.
        second: Packed16,
        /// Bias over Z_{2^16}.
        bias: Wiped<u16>,
    },
    /// P1: w_2.
    Second(Packed16),
    /// P2: w_1.
    First(Packed16),
}

/// All weight matrices.
pub struct SharedWeights {
    linears: HashMap<Linear, SharedLinear>,
}

impl SharedWeights {
    /// The shares of one layer.
    pub fn get(&self, linear: Linear) -> Result<&SharedLinear> {
        self.linears.get(&linear).ok_or_else(|| Error::Material {
            step: linear.to_string(),
            expected: "weights shared at setup".into(),
            actual: "none".into(),
        })
    }

    /// P0 shares its model; P1 and P2 receive. In the cost walk no layer is held.
    ///
    /// Cost: 16 bits a weight from P0 to P2, nothing to P1.
    ///
    /// # Errors
    /// P0 without a model, or with one of other shapes; the network's.
    pub fn share(
        runtime: &mut Runtime<'_>,
        plan: &Plan,
        model: Option<&IntegerModel<'_>>,
    ) -> Result<Self> {
        let mut linears = HashMap::new();
        for linear in Linear::all(&plan.config) {
            let (outputs, inputs) = linear.shape(&plan.config);
            runtime.step(&linear.to_string(), |runtime| {
                runtime.declare_message(Party::P0, Party::P2, PRODUCT.wire_bytes(outputs * inputs));
                if runtime.me().is_some() {
                    let shared = share_one(runtime.session()?, model, linear, outputs, inputs)?;
                    linears.insert(linear, shared);
                }
                Ok(())
            })?;
        }
        Ok(Self { linears })
    }
}

fn share_one(
    session: &mut Session,
    model: Option<&IntegerModel<'_>>,
    linear: Linear,
    outputs: usize,
    inputs: usize,
) -> Result<SharedLinear> {
    let count = outputs * inputs;
    match session.me() {
        Party::P0 => {
            let model = model.ok_or_else(|| Error::Internal("P0 has no model to share".into()))?;
            let clear = model.linear(linear)?;
            let shape = (clear.source.outputs, clear.source.inputs);
            if shape != (outputs, inputs) {
                return Err(Error::Shape {
                    step: linear.to_string(),
                    what: format!(
                        "weights of {outputs} x {inputs}, the model has {} x {}",
                        shape.0, shape.1
                    ),
                });
            }
            let weights = clear.weights();
            let second: Wiped<u16> = session.draw(Party::P1, PRODUCT, count);
            let first = PRODUCT.subtract(&weights, &second);
            session.send_elements(Party::P2, PRODUCT, &first)?;
            Ok(SharedLinear::Owner {
                clear: Packed16::from_rows(&weights, outputs, inputs),
                second: Packed16::from_rows(&second, outputs, inputs),
                bias: clear.bias.iter().map(|bias| *bias as u16).collect(),
            })
        }
        Party::P1 => {
            let second: Wiped<u16> = session.draw(Party::P0, PRODUCT, count);
            Ok(SharedLinear::Second(Packed16::from_rows(
                &second, outputs, inputs,
            )))
        }
        Party::P2 => {
            let first: Wiped<u16> = session.receive_elements(Party::P0, PRODUCT, count)?;
            Ok(SharedLinear::First(Packed16::from_rows(
                &first, outputs, inputs,
            )))
        }
    }
}
