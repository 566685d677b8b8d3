//! `qbench cost`.

use super::table;
use crate::cli::CostArguments;
use crate::names::{ACTIVATIONS, name_of, suggestion, text_of};
use crate::record::steps::all_layers;
use crate::systems::chosen;
use crate::units::bytes_text;
use anyhow::{Result, anyhow, bail};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::phase::Phase;
use qbench_protocols::system::settings::AUTO;
use qbench_protocols::system::{DeclaredPhase, System, Workload};

/// Prints the declared cost of a workload.
///
/// # Errors
/// An unknown name; a combination that the system refuses.
pub fn cost(systems: &[&'static dyn System], arguments: &CostArguments) -> Result<bool> {
    let system = crate::systems::find(systems, &arguments.system)?;
    let workload = workload(system, arguments)?;
    system.check(&workload)?;
    let declared = system.cost(&workload)?;
    let settings = workload.settings.iter();
    let settings: String = settings
        .map(|(key, value)| format!(", {key} = {value}"))
        .collect();
    crate::say!(
        "{} on {} with {}, n = {}{settings}: payload bytes by directed pair, rounds as the longest chain",
        system.id(),
        workload.model.name,
        name_of(ACTIVATIONS, &workload.model.activation),
        workload.seq_len,
    );
    let phases = [&declared.setup, &declared.offline, &declared.online];
    let mut rows = vec![header("phase")];
    for (phase, declared) in Phase::ALL.iter().zip(phases) {
        rows.push(line(phase.name(), declared.bytes(), declared.rounds()));
    }
    crate::say!("{}", table(&rows).trim_end());
    if arguments.by_step || arguments.by_layer {
        for (phase, declared) in Phase::ALL.iter().zip(phases) {
            crate::say!("\n{}", phase.name());
            crate::say!("{}", steps(declared, arguments.by_layer).trim_end());
        }
    }
    let by_party = |values: [u64; 3]| values.map(bytes_text).join(", ");
    crate::say!(
        "\ncorrelated randomness of P0, P1, P2: {}",
        by_party(declared.material_bytes)
    );
    crate::say!(
        "predicted peak memory of P0, P1, P2: {}",
        by_party(declared.memory_bytes)
    );
    Ok(true)
}

/// One line a step; unless `by_layer`, the layers' equal steps are added up.
fn steps(phase: &DeclaredPhase, by_layer: bool) -> String {
    let mut sums: Vec<(String, [[u64; 3]; 3], u64)> = Vec::new();
    for step in &phase.steps {
        if step.rounds == 0 && step.bytes.iter().flatten().all(|b| *b == 0) {
            continue;
        }
        let name = if by_layer {
            step.step.clone()
        } else {
            all_layers(&step.step)
        };
        let known = sums.iter().position(|(known, ..)| *known == name);
        let at = known.unwrap_or_else(|| {
            sums.push((name, [[0; 3]; 3], 0));
            sums.len() - 1
        });
        let (_, bytes, rounds) = &mut sums[at];
        for (sum, more) in bytes.iter_mut().flatten().zip(step.bytes.iter().flatten()) {
            *sum += more;
        }
        *rounds += step.rounds;
    }
    let rows = sums
        .iter()
        .map(|(name, bytes, rounds)| line(name, *bytes, *rounds));
    table(
        &std::iter::once(header("step"))
            .chain(rows)
            .collect::<Vec<_>>(),
    )
}

fn header(first: &str) -> Vec<String> {
    let columns = [
        "P0>P1", "P0>P2", "P1>P0", "P1>P2", "P2>P0", "P2>P1", "total", "rounds",
    ];
    std::iter::once(first)
        .chain(columns)
        .map(str::to_owned)
        .collect()
}

fn line(name: &str, bytes: [[u64; 3]; 3], rounds: u64) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
        row.push(bytes[from][to].to_string());
    }
    row.push(bytes.iter().flatten().sum::<u64>().to_string());
    row.push(rounds.to_string());
    row
}

fn workload(system: &dyn System, arguments: &CostArguments) -> Result<Workload> {
    let name = text_of(arguments.model.as_os_str());
    let mut model = match ModelConfig::preset(&name) {
        Some(config) => ModelConfig {
            activation: system.default_activation(),
            ..config
        },
        None if arguments.model.is_dir() => crate::models::folder(&arguments.model)?.0,
        None => bail!(
            "no preset and no folder `{}`{}",
            name,
            suggestion(&name, &ModelConfig::PRESETS)
        ),
    };
    if let Some(name) = &arguments.activation {
        model.activation = named(ACTIVATIONS, "--activation", name)?;
    }
    if arguments.seq == 0 || arguments.seq > model.max_positions {
        bail!(
            "--seq {}: {} takes 1 to {} tokens",
            arguments.seq,
            model.name,
            model.max_positions
        );
    }
    let settings = chosen(system, &arguments.set, |setting| setting.default)?;
    if let Some((key, _)) = settings.iter().find(|(_, value)| *value == AUTO) {
        bail!(
            "--set {key}={AUTO}: what is cheapest depends on the link, and a cost has none; `qbench list SCENARIO` shows what is taken"
        );
    }
    Ok(Workload {
        settings,
        verify: false,
        ..Workload::new(model, arguments.seq)
    })
}

fn named<T: Copy>(table: &[(&str, T)], option: &str, name: &str) -> Result<T> {
    let names: Vec<&str> = table.iter().map(|(n, _)| *n).collect();
    table
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, value)| *value)
        .ok_or_else(|| anyhow!("{option}: unknown `{name}`{}", suggestion(name, &names)))
}
