//! The binary: the library with the systems that it brings.

fn main() -> std::process::ExitCode {
    qbench::main(&qbench::systems::systems())
}
