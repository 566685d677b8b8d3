//! `qbench`: runs, measures and compares systems for private inference of quantized BERT.
//!
//! A scenario file becomes a plan of cells; each repetition of a cell runs as three party processes over
//! real links and leaves a row in `runs.csv`; figures and the report are made from the rows alone.
//! To bring a system of your own, implement `System` and call [`main`] with it: see
//! `harness/examples/own_system`.
//!
//! Modules import from those above them in this table and from none below:
//!
//! | modules | what they hold |
//! |---|---|
//! | [`names`], [`units`], [`quantities`], [`stats`] | words and numbers |
//! | [`host`], [`process`], [`interrupt`], [`output`], [`stalls`] | the operating system and the terminal |
//! | [`systems`], [`models`] | the systems of this binary, and weights |
//! | [`link`] | links between parties |
//! | [`scenario`] | a file, and the cells of its plan |
//! | [`record`] | the files of a run |
//! | [`run`] | one repetition of a system of ours |
//! | [`external`] | one repetition of a program of others |
//! | [`sweep`] | all repetitions of a plan |
//! | [`predict`], [`compare`], [`published`], then [`figures`], then `report` and `splice` | what is made of rows |
//! | `cli`, `doctor`, `commands` | the command line |

pub mod compare;
pub mod external;
pub mod figures;
pub mod host;
pub mod interrupt;
pub mod link;
pub mod models;
pub mod names;
pub mod output;
pub mod predict;
pub mod process;
pub mod published;
pub mod quantities;
pub mod record;
pub mod run;
pub mod scenario;
pub mod stalls;
pub mod stats;
pub mod sweep;
pub mod systems;
pub mod task;
pub mod units;

mod cli;
mod commands;
mod doctor;
mod report;
mod splice;

use anyhow::Result;
use clap::Parser;
use cli::{Cli, Command};
use interrupt::Interrupted;
use qbench_protocols::kernel::cpu;
use qbench_protocols::system::System;
use std::process::ExitCode;

/// The whole program, over a list of systems: parses the command line, does what it says, and reports an
/// error as one line with its causes.
///
/// Exit codes: 0 done, 1 an error or an error row, 2 a command line that cannot be read, 130 interrupted.
pub fn main(systems: &[&'static dyn System]) -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(words) => return told(&words),
    };
    let sound = systems::check(systems, record::runs::own_columns());
    // Here, so that no kernel is the first to ask: it could say so in no better way than by a panic.
    let sound = sound.and_then(|()| cpu::allowed().map(drop).map_err(anyhow::Error::msg));
    match sound.and_then(|()| carry_out(systems, command)) {
        Ok(true) if output::whole() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            note!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says what the command line asks for besides commands, such as help, or why it cannot be read.
fn told(words: &clap::Error) -> ExitCode {
    let printed = words.print();
    if words.use_stderr() {
        return ExitCode::from(2);
    }
    output::printed(printed);
    match output::whole() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Does what a command says; whether all went well.
fn carry_out(systems: &[&'static dyn System], command: Command) -> Result<bool> {
    match command {
        Command::Run(arguments) => commands::run::run(systems, &arguments),
        Command::List(arguments) => commands::list::list(systems, &arguments),
        Command::Cost(arguments) => commands::cost::cost(systems, &arguments),
        // Without a run the command line asks for the published numbers.
        Command::Report { run, published: _ } => match run {
            Some(run) => commands::run::report(systems, &run),
            None => commands::published::published(systems),
        },
        Command::Cmp(arguments) => commands::cmp::run(&arguments),
        Command::Diff(arguments) => commands::diff::run(&arguments),
        Command::Archive(arguments) => commands::archive::archive(&arguments),
        Command::Splice(arguments) => commands::splice::splice(&arguments),
        Command::Infer(arguments) => commands::infer::infer(systems, &arguments),
        Command::Evaluate(arguments) => commands::evaluate::evaluate(systems, &arguments),
        Command::Sensitivity(arguments) => commands::sensitivity::sensitivity(&arguments),
        Command::Doctor => doctor::doctor(),
        Command::Predict(arguments) => commands::predict::run(&arguments),
        Command::Link { action } => commands::link::link(systems, &action),
        Command::LinkShare { name, link } => link::rig::shared::hold(&link, &name).map(|()| true),
        Command::LinkHold { link } => link::rig::holder::run(&link).map(|()| true),
        Command::LinkRelay => link::relay::process::run().map(|()| true),
        Command::LinkProbe { feature } => link::rig::probe_here(&feature).map(|()| true),
        Command::ExternalProgram { seat } => {
            external::supervisor::run(seat.as_deref()).map(|()| true)
        }
        // What goes wrong in a party is in the controller's row.
        Command::Party { id, seat } => run::party::run(systems, id, seat.as_deref()).map(|()| true),
    }
}
