//! `sigma` against the original: the exchanges of a layer in order, elements and width; closed forms of bits; and what the original
//! stores and sends, to the byte, computed from our counts.

mod closed_forms;
mod exchanges;
mod piece;
mod step_names;
mod stored;

use qbench_baselines::fixed_point::Secret;
use qbench_baselines::sigma::system::SigmaSystem;
use qbench_protocols::cost::CostBook;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::{Known, WalkedSystem, Workload};

/// A model as the original's files name it, in its ring, without a head.
fn workload(name: &str, seq_len: usize, ring_bits: u64) -> Workload {
    let model = ModelConfig {
        head: Head::Hidden,
        activation: ActivationFunction::Gelu,
        ..ModelConfig::preset(name).unwrap()
    };
    Workload::new(model, seq_len).with("ring_bits", ring_bits)
}

/// The cost walk's books of offline and online.
fn books(workload: &Workload) -> [CostBook; 2] {
    let plan = WalkedSystem::plan(&SigmaSystem, workload).unwrap();
    let mut secret = Secret::default();
    let mut setup = CostBook::default();
    let mut runtime = Runtime::declared(&mut setup, Phase::Setup);
    let weights = SigmaSystem
        .share_weights(&mut runtime, &plan, &mut secret)
        .unwrap();
    [Phase::Offline, Phase::Online].map(|phase| {
        let mut book = CostBook::default();
        let known = Known {
            secret: &secret,
            weights: &weights,
            record: false,
        };
        SigmaSystem
            .walk(Runtime::declared(&mut book, phase), &plan, known)
            .unwrap();
        book
    })
}
