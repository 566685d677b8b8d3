//! How near a bit plan comes to floating point, in the clear: the integer reference with roundings as fresh shares give them, over many
//! inputs. What a sensitivity command and a search for a plan ask.

use super::integer::{FineModel, Layers, quantize_input};
use super::plan::Choices;
use super::reference::FineReference;
use crate::Result;
use crate::model::bit_plan::BitPlan;
use crate::model::quantized::QuantizedModel;
use crate::model::walk::walk;
use crate::quantized::carries::Carries;
use crate::system::{Site, Sites};

/// What a model with one plan puts out.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// For each input, logits or last hidden states.
    pub outputs: Vec<Vec<f32>>,
    /// Values that wrapped, or were beyond their bits, over all inputs.
    pub sites: Vec<Site>,
}

/// Runs a model with a plan in the clear, on embedded inputs of any lengths. `seed` decides the roundings.
///
/// # Errors
/// A plan that the model cannot have; inputs of other shapes.
pub fn outputs(
    source: &QuantizedModel,
    plan: &BitPlan,
    inputs: &[Vec<f32>],
    seed: u64,
) -> Result<Outputs> {
    let (mut outputs, mut sites) = (Vec::with_capacity(inputs.len()), Sites::default());
    let mut layers: Option<Layers> = None;
    for (number, input) in inputs.iter().enumerate() {
        let tokens = input.len() / source.config.hidden;
        let model = FineModel::new(source, plan.clone(), Choices::default(), tokens)?;
        // Weights are the same for every length.
        let model = match &layers {
            Some(layers) => model.with_layers(layers),
            None => model.holding_layers()?,
        };
        layers = Some(model.held().clone());
        let integers = quantize_input(source.input_range, &plan.first(), input);
        let carries = Carries::random(seed.wrapping_add(number as u64));
        let mut reference = FineReference::new(&model, tokens, integers, carries);
        walk(&mut reference, &source.config)?;
        let unit = model.output_unit;
        let output = reference.output.iter().map(|x| (*x as f64 * unit) as f32);
        outputs.push(output.collect());
        for site in reference.sites.into_inner() {
            sites.add(&site.name, site.values as usize, site.wrapped as usize);
        }
    }
    Ok(Outputs {
        outputs,
        sites: sites.into_inner(),
    })
}

/// Root mean square of the differences over all values of all inputs, relative to that of the second.
pub fn relative_rms(outputs: &[Vec<f32>], float: &[Vec<f32>]) -> f64 {
    let (mut differences, mut squares) = (0.0f64, 0.0f64);
    for (output, float) in outputs.iter().zip(float) {
        for (x, y) in output.iter().zip(float) {
            differences += f64::from(x - y).powi(2);
            squares += f64::from(*y).powi(2);
        }
    }
    (differences / squares.max(f64::MIN_POSITIVE)).sqrt()
}
