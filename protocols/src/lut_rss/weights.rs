//! Sharing of the weights, once a model (phase `setup`).

use super::Settings;
use crate::cost::CostBook;
use crate::kernel::gemm16::Packed16;
use crate::kernel::pack;
use crate::model::integer::{IntegerModel, PRODUCT};
use crate::model::walk::Linear;
use crate::net::Party;
use crate::session::Session;
use crate::system::Phase;
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
        bias: Vec<u16>,
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

    /// P0 shares its model; P1 and P2 receive.
    ///
    /// Cost: 16 bits a weight from P0 to P2, nothing to P1.
    pub fn share(
        session: &mut Session,
        settings: &Settings,
        model: Option<&IntegerModel<'_>>,
    ) -> Result<Self> {
        session.enter("weights");
        let mut linears = HashMap::new();
        for linear in Linear::all(&settings.config) {
            session.enter(&linear.to_string());
            linears.insert(linear, share_one(session, settings, model, linear)?);
            session.leave();
        }
        session.leave();
        Ok(Self { linears })
    }

    /// Declared messages of [`SharedWeights::share`].
    pub fn declare(settings: &Settings, book: &mut CostBook) {
        let mut runtime = Runtime::declared(book, Phase::Setup);
        runtime.enter("weights");
        for linear in Linear::all(&settings.config) {
            let (outputs, inputs) = linear.shape(&settings.config);
            runtime.enter(&linear.to_string());
            runtime.declare_message(Party::P0, Party::P2, PRODUCT.wire_bytes(outputs * inputs));
            runtime.leave();
        }
        runtime.leave();
    }
}

fn share_one(
    session: &mut Session,
    settings: &Settings,
    model: Option<&IntegerModel<'_>>,
    linear: Linear,
) -> Result<SharedLinear> {
    let (outputs, inputs) = linear.shape(&settings.config);
    let count = outputs * inputs;
    let bytes = PRODUCT.wire_bytes(count);
    let draw = |session: &mut Session, peer| {
        let stream = session.shared_stream(peer);
        let mut second = vec![0u16; count];
        session
            .threads()
            .chunks_mut(&mut second, 4096, |first, part| {
                stream.fill(PRODUCT, first as u64, part);
            });
        second
    };
    match session.me() {
        Party::P0 => {
            let model =
                model.ok_or_else(|| Error::Unsupported("P0 has no model to share".into()))?;
            let clear = model.linear(linear)?;
            if (clear.outputs, clear.inputs) != (outputs, inputs) {
                return Err(Error::Shape {
                    step: linear.to_string(),
                    what: format!(
                        "weights of {outputs} x {inputs}, the model has {} x {}",
                        clear.outputs, clear.inputs
                    ),
                });
            }
            let second = draw(session, Party::P1);
            let first: Vec<u16> = clear
                .weights
                .iter()
                .zip(&second)
                .map(|(w, s)| w.wrapping_sub(*s))
                .collect();
            let mut payload = Vec::with_capacity(bytes);
            pack::pack(PRODUCT, &first, &mut payload);
            session.send(Party::P2, payload)?;
            Ok(SharedLinear::Owner {
                clear: Packed16::from_rows(&clear.weights, outputs, inputs),
                second: Packed16::from_rows(&second, outputs, inputs),
                bias: clear.bias,
            })
        }
        Party::P1 => {
            let second = draw(session, Party::P0);
            Ok(SharedLinear::Second(Packed16::from_rows(
                &second, outputs, inputs,
            )))
        }
        Party::P2 => {
            let payload = session.receive(Party::P0, bytes)?;
            let mut first = vec![0u16; count];
            pack::unpack(PRODUCT, &payload, &mut first);
            Ok(SharedLinear::First(Packed16::from_rows(
                &first, outputs, inputs,
            )))
        }
    }
}
