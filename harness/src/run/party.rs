//! One party: a process that takes its orders over the control connection and its peers' messages
//! over the measured links.

use super::agreement::{self, PUBLIC_MODEL};
use super::control::{Control, Failure, FromParty, Job, PhaseReport, ToParty};
use super::launch;
use super::steady::Pulse;
use crate::host;
use crate::link::{Link, LinkMode};
use crate::process::one_line;
use anyhow::{Context, Result, bail};
use qbench_protocols::Error;
use qbench_protocols::net::trace::{TraceHandle, Tracer};
use qbench_protocols::net::{LinkShape, Mesh, NetError, Network, Party, RunId, TcpNetwork, probe};
use qbench_protocols::phase::Phase;
use qbench_protocols::session::Session;
use qbench_protocols::system::System;

/// Runs one party to the end of its job.
///
/// # Errors
/// What went wrong; the controller has been told.
pub fn run(systems: &[&'static dyn System], index: usize, seat: Option<&str>) -> Result<()> {
    let party = Party::from_index(index).context("there are parties 0, 1 and 2")?;
    host::keep_freed_memory();
    let mut control = launch::arrive(seat)?;
    let mut place = Place::default();
    let outcome = work(systems, party, &mut control, &mut place);
    if let Err(error) = &outcome {
        let failure = Failure {
            phase: place.phase,
            step: place.step,
            text: one_line(error),
            follows: follows(error),
        };
        // A controller that is gone needs no report.
        let _ = control.say(&FromParty::Failed(failure));
    }
    outcome
}

/// Whether an error is only the echo of another party's.
fn follows(error: &anyhow::Error) -> bool {
    let network = match error.downcast_ref::<Error>() {
        Some(Error::Net(network)) => Some(network),
        Some(_) => None,
        None => error.downcast_ref::<NetError>(),
    };
    matches!(
        network,
        Some(NetError::PeerGone { .. } | NetError::Timeout { .. } | NetError::Connect { .. })
    )
}

/// Where the party is, for its failure report.
struct Place {
    phase: Phase,
    step: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            phase: Phase::Setup,
            step: "connect".into(),
        }
    }
}

fn work(
    systems: &[&'static dyn System],
    party: Party,
    control: &mut Control,
    place: &mut Place,
) -> Result<()> {
    let ToParty::Job(job) = control.hear()? else {
        bail!("the controller sent no job");
    };
    let mut program = match &job.system {
        Some(id) => Some(crate::systems::find(systems, id)?.party(&job.workload, party)?),
        None => None,
    };
    let mut agreement = job.agreement.clone().with("binary", host::binary_hash()?);
    // Whoever reads the public file agrees on what it has read.
    if let Some(model) = agreement::public_model(&job.workload.model_dir)? {
        agreement = agreement.without(PUBLIC_MODEL).with(PUBLIC_MODEL, model);
    }
    let mut opening = None;
    if party == Party::P0 {
        let (commitment, opens) = agreement::committed(&job.workload.model_dir)?;
        agreement.commitment = commitment;
        opening = Some(opens);
    }
    let network = connect(party, control, &job)?;
    control.say(&FromParty::Connected)?;
    let (network, tracer): (Box<dyn Network>, _) = if job.trace {
        let (network, handle) = Tracer::new(network);
        (Box::new(network), Some(handle))
    } else {
        (network, None)
    };
    let pulse = Pulse::start()?;
    let mut start = Some(network);
    let mut session: Option<Session> = None;
    loop {
        match control.hear()? {
            ToParty::Start(phase, common) => {
                place.phase = phase;
                let program = program
                    .as_mut()
                    .context("a phase was asked for where only links are probed")?;
                let heard_ns = host::monotonic_ns()?;
                let cpu = host::cpu_ns()?;
                let begun = common.wait()?;
                if let Some(tracer) = &tracer {
                    tracer.begin();
                }
                match (phase, start.take()) {
                    (Phase::Setup, Some(network)) => {
                        session = Some(Session::establish(network, &agreement, job.threads)?);
                    }
                    (Phase::Setup, None) => bail!("setup was asked for twice"),
                    (_, _) => {}
                }
                let session = session
                    .as_mut()
                    .context("a phase was asked for before setup")?;
                if phase != Phase::Setup {
                    session.begin_phase(phase);
                }
                let outcome = match phase {
                    Phase::Setup => program.setup(session),
                    Phase::Offline => program.offline(session),
                    Phase::Online => program.online(session),
                };
                place.step = session.label().to_owned();
                outcome?;
                let record = session.end_phase();
                let trace = tracer.as_ref().map(TraceHandle::end);
                let report = PhaseReport {
                    record,
                    wall_ns: begun.elapsed_ns()?,
                    cpu_ns: host::cpu_ns()?.saturating_sub(cpu),
                    peak_memory_bytes: host::peak_memory_bytes(),
                    material: program.material(),
                    stalls: pulse.stalls(common.at_ns(), heard_ns)?,
                    trace,
                    commitment: session.commitment(),
                    opening: opening.take(),
                };
                control.say(&FromParty::Done(Box::new(report)))?;
            }
            ToParty::Probe(plan) => {
                let network = start
                    .as_mut()
                    .context("a probe was asked for after setup")?;
                let view = probe::probe(network, &plan)?;
                control.say(&FromParty::Probed(view))?;
            }
            ToParty::Evidence { more } => {
                let evidence = program.as_mut().map_or_else(Vec::new, |p| p.evidence());
                control.send_evidence(&evidence)?;
                if !more {
                    return Ok(());
                }
            }
            ToParty::Next(workload) => {
                let program = program
                    .as_mut()
                    .context("another input came where only links are probed")?;
                program.next(&workload, party)?;
            }
            // Not what it says: a job has P1's input.
            ToParty::Job(_) | ToParty::Connect(_) => {
                bail!("the controller sent a job or addresses in the middle of a run")
            }
        }
    }
}

/// Listens, learns where the peers are, and connects to both.
fn connect(party: Party, control: &mut Control, job: &Job) -> Result<Box<dyn Network>> {
    let listener = TcpNetwork::listen(job.listen.parse()?)?;
    control.say(&FromParty::Listening(listener.local_addr().to_string()))?;
    let ToParty::Connect(addresses) = control.hear()? else {
        bail!("the controller sent no addresses");
    };
    let mut peers = [None; 3];
    for (peer, address) in peers.iter_mut().zip(&addresses) {
        *peer = Some(address.parse()?);
    }
    let network = listener.connect(&Mesh {
        me: party,
        run: RunId(job.run),
        peers,
        links: Party::ALL.map(|to| shape(&job.link, party, to)),
        timeout: job.timeout,
    })?;
    Ok(Box::new(network))
}

/// The transport's view of what a party sends to another over a link.
fn shape(link: &Link, from: Party, to: Party) -> LinkShape {
    if link.mode != LinkMode::Shaped {
        return LinkShape::default();
    }
    let direction = link.direction(from.index(), to.index());
    LinkShape {
        bandwidth_bits_per_second: direction.bandwidth.map(|b| b.bits_per_second as f64),
        one_way_delay: direction.one_way,
    }
}
