//! `qbench doctor`: what this machine can do, what is missing, and how to get it.

use crate::host;
use crate::link::{netem, rig};
use crate::record::manifest;
use crate::units::bytes_text;
use anyhow::Result;
use qbench_protocols::kernel::cpu;

/// Prints the findings; false where something is missing without which nothing runs.
///
/// # Errors
/// None yet met: what cannot be read is said as unknown.
pub fn doctor() -> Result<bool> {
    let machine = manifest::machine();
    let has = |flag: &str| machine.cpu_flags.iter().any(|f| f == flag);
    line("cpu", &machine.cpu_model, "");
    if !machine.isa.is_empty() {
        line(
            "instruction sets",
            &machine.isa,
            &format!(
                "{} holds the kernels to these; what follows is said of them",
                cpu::VARIABLE
            ),
        );
    }
    line(
        "cores",
        &machine.cores.to_string(),
        if machine.cores < 3 {
            "three parties share them: times are longer than on three machines; bytes and rounds are not"
        } else {
            ""
        },
    );
    line(
        "memory",
        &format!(
            "{}, {} available",
            bytes_text(machine.memory_bytes),
            bytes_text(host::available_memory_bytes())
        ),
        "",
    );
    line("kernel", &machine.kernel, "");
    for (what, flags, without) in [
        (
            "AES instructions",
            &["aes"][..],
            "generating randomness will be many times slower",
        ),
        (
            "wide AES",
            &["vaes"],
            "AES runs one block at a time an instruction: fine",
        ),
        (
            "16-bit products",
            &["avx2", "asimd"],
            "portable code is used: several times slower",
        ),
        (
            "512-bit vectors",
            &["avx512bw"],
            "256-bit or portable code is used",
        ),
        (
            "16-bit dot products",
            &["avx512_vnni", "avx_vnni"],
            "multiply-add of 16-bit pairs is used",
        ),
    ] {
        match flags.iter().find(|f| has(f)) {
            Some(flag) => line(what, flag, ""),
            None => line(what, "no", without),
        }
    }
    let sockets = std::net::TcpListener::bind("127.0.0.1:0");
    let loopback = sockets.is_ok();
    line(
        "loopback TCP",
        if loopback { "works" } else { "cannot listen" },
        if loopback {
            ""
        } else {
            "bring the interface up: ip link set lo up"
        },
    );
    line(
        "congestion control",
        &setting("net/ipv4/tcp_congestion_control"),
        "",
    );
    line(
        "slow start after idle",
        &setting("net/ipv4/tcp_slow_start_after_idle"),
        "not felt on loopback; off in the namespaces of `relay` and `netem`",
    );
    for key in ["net/ipv4/tcp_rmem", "net/ipv4/tcp_wmem"] {
        line(
            &key.replace("net/ipv4/", ""),
            &setting(key).replace('\t', " "),
            "",
        );
    }
    for (what, without, found) in [
        (
            "network namespaces",
            "no `relay` or `netem` links; `shaped` needs none",
            rig::available(),
        ),
        ("netem", "`relay` takes its place", netem::available()),
    ] {
        match found {
            Ok(()) => line(what, "works", ""),
            Err(missing) => line(what, "no", &format!("{missing} ({without})")),
        }
    }
    let commit = manifest::commit();
    let hint = match manifest::no_commit() {
        "" => String::new(),
        reason => format!(
            "{reason}: build where git answers, or with QBENCH_COMMIT set, so that rows say what measured them"
        ),
    };
    line("commit", &commit, &hint);
    let writable = tempfile_works();
    line(
        "results folder",
        if writable {
            "writable"
        } else {
            "cannot write here"
        },
        if writable {
            ""
        } else {
            "change into a folder that you may write, or use --out DIR"
        },
    );
    let fine = loopback && writable;
    crate::say!(
        "\n{}",
        if fine {
            "qbench run scenarios/quick.toml will work here."
        } else {
            "Mend what is said above first."
        }
    );
    Ok(fine)
}

fn line(what: &str, found: &str, advice: &str) {
    let arrow = if advice.is_empty() { "" } else { "  -> " };
    crate::say!("{what:<22} {found}{arrow}{advice}");
}

/// A kernel setting, or `unknown`.
fn setting(key: &str) -> String {
    std::fs::read_to_string(format!("/proc/sys/{key}"))
        .map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Whether this folder takes new files.
fn tempfile_works() -> bool {
    let probe = format!(".qbench-doctor-{}", std::process::id());
    let works = std::fs::write(&probe, b"probe").is_ok();
    // What could not be written need not be removed.
    let _ = std::fs::remove_file(&probe);
    works
}
