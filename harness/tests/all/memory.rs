//! Every system that `qbench` brings stays within the memory that it predicts, and does not predict much more.

use crate::support::{Place, said, scenario};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::system::{System, Workload};

#[test]
fn processes_stay_within_what_is_predicted() {
    for system in qbench::systems::systems() {
        stays_within(system);
    }
}

fn stays_within(system: &dyn System) {
    let id = system.id();
    // Tables of products are far more material a token than anything else: 1.9 GB for 16 tokens.
    let lengths = match id {
        "lut-mul" => "[2, 6]",
        _ => "[16, 64]",
    };
    let place = Place::of_qbench(
        &scenario(id, "")
            .replace("bert-tiny", "bert-mini")
            .replace("seq_len = 8", &format!("seq_len = {lengths}"))
            .replace("2ms", "0.1ms"),
    );
    let output = place.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    for row in place.rows() {
        let model = ModelConfig {
            activation: system.default_activation(),
            ..ModelConfig::preset("bert-mini").unwrap()
        };
        let workload = Workload::new(model, row["seq_len"].parse().unwrap());
        let predicted = system.cost(&workload).unwrap().memory_bytes;
        for (party, predicted) in predicted.into_iter().enumerate() {
            let measured: u64 = row[&format!("peak_memory_bytes_p{party}")].parse().unwrap();
            assert!(
                measured <= predicted && predicted <= 3 * measured,
                "{id}, n = {}, P{party}: measured {measured}, predicted {predicted}",
                row["seq_len"]
            );
        }
    }
}
