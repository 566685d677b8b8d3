//! LayerNorm by both variance protocols, the activation tables, and the output.

use super::*;
use crate::model::quantized::Range;
use crate::model::walk::{Nonlinearity, Norm};
use crate::share::Additive;

fn check_norm(hidden: usize, seq_len: usize, index_bits: u32, variance: VarianceProtocol) {
    let config = config(hidden, 1, ActivationFunction::Relu);
    let source = synthetic(&config, 21).unwrap();
    let mut plan = plan(config, seq_len, index_bits);
    plan.variance_protocol = variance;
    let ring = plan.index_ring();
    let branch: Vec<u16> = elements(Ring::new(16), seq_len * hidden, 1);
    let residual: Vec<u8> = elements(ring, seq_len * hidden, 2);
    for norm in [Norm::Attention(0), Norm::FeedForward(0)] {
        let out = run(&plan, &source, |engine| {
            let branch = share(&engine.runtime, Ring::new(16), &branch, 1);
            let residual = share(&engine.runtime, ring, &residual, 2);
            engine.add_and_norm(
                norm,
                Activation::of_product(branch),
                Activation::of_index(residual),
            )
        });
        let Clear::Index(expected) = reference(&plan, &source, out.carries, |engine| {
            let residual = Clear::Index(signed(ring, &residual));
            engine.add_and_norm(
                norm,
                Clear::Product(signed(Ring::new(16), &branch)),
                residual,
            )
        }) else {
            panic!("a norm puts out indices");
        };
        assert_eq!(signed(ring, &out.index), expected, "{plan:?}");
        assert!(expected.iter().any(|x| *x != expected[0]));
    }
}

#[test]
fn norms_are_the_references_by_both_variance_protocols() {
    for variance in [
        VarianceProtocol::SquareTable,
        VarianceProtocol::InnerProduct,
    ] {
        for index_bits in 4..=8 {
            check_norm(8, 3, index_bits, variance);
        }
        // Rings of mean and variance from 13 to 18 bits.
        for (hidden, seq_len) in [(3, 7), (20, 1), (100, 2)] {
            check_norm(hidden, seq_len, 4, variance);
        }
    }
}

fn check_activation(plan: &Plan, source: &QuantizedModel, function: Nonlinearity) {
    let ring = plan.index_ring();
    let every: Vec<u8> = (0..=ring.mask() as u8).collect();
    let out = run(plan, source, |engine| {
        let x = share(&engine.runtime, ring, &every, 1);
        engine.activate(function, Activation::of_index(x))
    });
    let Clear::Levels(expected) = reference(plan, source, out.carries, |engine| {
        engine.activate(function, Clear::Index(signed(ring, &every)))
    }) else {
        panic!("a non-linearity puts out levels");
    };
    assert_eq!(
        out.levels,
        encoded::<u16>(Ring::new(16), &expected),
        "{function:?}, {plan:?}"
    );
}

#[test]
fn activation_tables_at_every_index() {
    for activation in [ActivationFunction::Gelu, ActivationFunction::Relu] {
        let config = config(8, 2, activation);
        let source = synthetic(&config, 22).unwrap();
        for index_bits in 4..=8 {
            let plan = plan(config.clone(), 2, index_bits);
            for function in [Nonlinearity::FeedForward(0), Nonlinearity::Pooler] {
                check_activation(&plan, &source, function);
            }
        }
    }
}

/// The activation tables have the shape of their functions: the reference uses the same table, so equality
/// with it says nothing about that.
#[test]
fn activation_tables_have_the_shape_of_their_functions() {
    for (activation, least) in [
        (ActivationFunction::Gelu, -1),
        (ActivationFunction::Relu, 0),
    ] {
        let mut source = synthetic(&config(8, 2, activation), 23).unwrap();
        // Synthetic models for GELU stay where fixed-point systems can follow; this is about its far end.
        let layer = &mut source.layers[0];
        for range in [&mut layer.inner_range, &mut layer.activated_range] {
            *range = Range {
                rms: 2.0 * range.rms,
                max: 2.0 * range.max,
            };
        }
        for index_bits in 4..=8 {
            let model = IntegerModel::new(&source, index_bits, 2).unwrap();
            let (table, half) = (&model.layers[0].activated, 1 << (index_bits - 1));
            assert_eq!(table[0], 0, "f(0)");
            assert_eq!(table.iter().min(), Some(&least), "{activation:?}");
            assert!(table[..half].is_sorted(), "rises where x > 0");
            assert!(table[half - 1] >= 7, "uses its levels: {table:?}");
            assert_eq!(table[half], 0, "the far negative end");
            let tanh = &model.head.as_ref().unwrap().tanh;
            assert!(tanh[half..].iter().chain(&tanh[..half]).is_sorted());
            assert!((1..half).all(|i| tanh[i] == -tanh[2 * half - i]), "odd");
            assert!(tanh[half - 1] <= 7 && tanh[half - 1] > 0);
        }
    }
}

/// An activation with these elements of a ring is the output: what each party has learned.
fn learned<W: Word>(
    plan: &Plan,
    ring: Ring,
    clear: &[W],
    activation: impl Fn(Additive<W>) -> Activation + Sync,
) -> [Vec<u16>; 3] {
    let ran = functionality::run(1, |runtime| {
        let x = share(runtime, ring, clear, 1);
        let mut engine = LutRss::new(runtime.lend(), plan, Knowledge::default());
        engine.output(activation(x))?;
        Ok(engine.evidence.output)
    });
    ran.outputs
        .map(|output| output.iter().map(|x| *x as u16).collect())
}

#[test]
fn p1_alone_learns_the_output() {
    let mut config = config(4, 1, ActivationFunction::Relu);
    let logits: Vec<u16> = elements(Ring::new(16), 37, 1);
    let plan_of_logits = plan(config.clone(), 1, 4);
    let got = learned(
        &plan_of_logits,
        Ring::new(16),
        &logits,
        Activation::of_product,
    );
    assert_eq!(got, [Vec::new(), logits, Vec::new()]);
    config.head = Head::Hidden;
    for index_bits in 4..=8 {
        let plan = plan(config.clone(), 1, index_bits);
        let clear: Vec<u8> = elements(plan.index_ring(), 37, u64::from(index_bits));
        let got = learned(&plan, plan.index_ring(), &clear, Activation::of_index);
        let clear = clear.into_iter().map(u16::from).collect();
        assert_eq!(got, [Vec::new(), clear, Vec::new()], "{index_bits} bits");
    }
}
