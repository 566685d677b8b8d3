//! A piece of CrypTen's arithmetic as a functionality: its inputs shared, declared, dealt and computed.

use qbench_baselines::crypten::FIXED;
use qbench_baselines::fixed_point::{RING64, Share};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::functionality::{Ran, elements, share, share_bits, try_run};

/// What is under test; the result is a share.
pub type Body = dyn Fn(&mut Runtime<'_>, &[Share]) -> Result<Share> + Sync;

/// Reproducible real numbers in [low, high).
pub fn uniform(count: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    let words: Vec<u64> = elements(RING64, count, seed);
    let units = words
        .iter()
        .map(|word| (word >> 11) as f64 / (1u64 << 53) as f64);
    units.map(|unit| low + (high - low) * unit).collect()
}

/// A real number as it is shared.
pub fn encode(value: f64) -> u64 {
    FIXED.encode(value)
}

/// The real number that an element stands for.
pub fn decode(element: u64) -> f64 {
    FIXED.decode(element)
}

/// One input, as ring elements.
#[derive(Clone)]
pub struct Input {
    pub words: Vec<u64>,
    /// Shared by exclusive or, else additively.
    pub binary: bool,
}

/// Real numbers, additively shared.
pub fn real(values: &[f64]) -> Input {
    Input {
        words: values.iter().map(|x| encode(*x)).collect(),
        binary: false,
    }
}

/// Deals and computes at three parties, at the declared cost.
pub fn compute(inputs: &[Input], threads: usize, body: &Body) -> Ran<Share> {
    compute_with(None, inputs, threads, body)
}

/// [`compute`] with a fault.
pub fn compute_with(
    fault: Option<Fault>,
    inputs: &[Input],
    threads: usize,
    body: &Body,
) -> Ran<Share> {
    let ran = try_run(threads, fault, |runtime| {
        let shares = inputs.iter().zip(1..).map(|(input, seed)| {
            let share = if input.binary { share_bits } else { share };
            share(runtime, RING64, &input.words, seed)
        });
        let shares: Vec<Share> = shares.collect();
        body(runtime, &shares)
    });
    ran.unwrap()
}
