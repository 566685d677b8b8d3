//! The integers mean what the float model means: the integer reference, with the roundings of the ideal
//! functionality, points the same way as the same weights in floats, the more so the wider the index.

use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::reference_float::FloatReference;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::model::walk::walk;
use qbench_protocols::quantized::carries::Carries;
use qbench_protocols::quantized::integer::{IntegerModel, output_unit};
use qbench_protocols::quantized::reference::IntegerReference;
use qbench_protocols::ring::Ring;

const TOKENS: usize = 24;

fn config(activation: ActivationFunction) -> ModelConfig {
    ModelConfig {
        layers: 1,
        activation,
        head: Head::Hidden,
        ..ModelConfig::preset("bert-mini").unwrap()
    }
}

/// Cosine between the integer reference's and the float reference's last hidden states.
fn cosine(config: &ModelConfig, index_bits: u32) -> f64 {
    let source = synthetic(config, 1).unwrap();
    let input = synthetic_input(config, TOKENS, 9);
    let float = FloatReference::run(&source, std::slice::from_ref(&input)).unwrap();
    let model = IntegerModel::new(&source, index_bits, TOKENS).unwrap();
    let indices = IntegerModel::quantize_input(source.input_range, index_bits, &input);
    let mut reference =
        IntegerReference::new(&model, TOKENS, indices.into_vec(), Carries::random(5));
    walk(&mut reference, config).unwrap();
    let unit = output_unit(config.head, source.output_range().unwrap(), index_bits);
    let ring = Ring::new(index_bits);
    let (mut a, mut b, mut both) = (0.0, 0.0, 0.0);
    for (index, float) in reference.output.iter().zip(&float[0].data) {
        let (x, y) = (ring.signed(*index) as f64 * unit, f64::from(*float));
        a += x * x;
        b += y * y;
        both += x * y;
    }
    both / (a * b).sqrt()
}

#[test]
fn one_layer_stays_close_and_wider_indices_closer() {
    for activation in [ActivationFunction::Relu, ActivationFunction::Gelu] {
        let config = config(activation);
        let [narrow, middle, wide] = [4, 6, 8].map(|index_bits| cosine(&config, index_bits));
        assert!(narrow > 0.8, "{activation:?}, 4 bits: {narrow}");
        assert!(
            middle > narrow && wide > middle,
            "{activation:?}: {narrow}, {middle}, {wide}"
        );
        assert!(wide > 0.97, "{activation:?}, 8 bits: {wide}");
    }
}
