//! How to bring a system of your own: implement `WalkedSystem` (see `system.rs`) and hand it to `qbench::main`
//! beside the ones that `qbench` brings. This binary then has all commands of `qbench`:
//!
//! ```text
//! cargo run --release -p qbench --example own_system -- list
//! cargo run --release -p qbench --example own_system -- run scenarios/quick.toml --set sweep.system=own
//! ```

mod system;

fn main() -> std::process::ExitCode {
    let mut systems = qbench::systems::systems();
    systems.push(&system::OwnSystem);
    qbench::main(&systems)
}
