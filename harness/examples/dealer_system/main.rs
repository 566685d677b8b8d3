//! A two-party system on fixed-point numbers with P0 as dealer, on the parts that baselines share: what such a system has to
//! write itself are its gates (`gates.rs`), its functions (`functions.rs`), the engine on the walk (`engine.rs`) and what the
//! harness asks of it (`system.rs`). It computes the real model, and its output is checked.
//!
//! ```text
//! cargo run --release -p qbench --example dealer_system -- list
//! cargo run --release -p qbench --example dealer_system -- run scenarios/quick.toml --set sweep.system=dealer
//! ```

mod engine;
mod functions;
mod gates;
mod system;

fn main() -> std::process::ExitCode {
    let mut systems = qbench::systems::systems();
    systems.push(&system::DealerSystem);
    qbench::main(&systems)
}
