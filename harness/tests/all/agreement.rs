//! What P1 and P2 receive before the online phase tells nothing of P0's private weights: the agreement, the commitment, the seeds,
//! the shared weights and the tables.

use crate::support::{Place, scenario};
use qbench::link::{Link, LinkMode};
use qbench::run::agreement::{committed, fields, opened, public_model};
use qbench::run::launch::ThisMachine;
use qbench::run::order::Order;
use qbench::units::Rtt;
use qbench_protocols::commitment::Commitment;
use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::store::{self, PRIVATE_FILE, PUBLIC_FILE};
use qbench_protocols::model::synthetic::synthetic;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::Ring;
use qbench_protocols::session::{Agreement, Session};
use qbench_protocols::system::{System, Workload};
use qbench_protocols::testing::examine::{Examined, Test, examine};
use qbench_protocols::testing::transcript::{Received, recorded};
use qbench_protocols::testing::view::{Seen, View};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const SESSIONS: usize = 12;

fn config() -> ModelConfig {
    ModelConfig {
        layers: 1,
        hidden: 16,
        heads: 2,
        feed_forward: 32,
        ..ModelConfig::preset("bert-tiny").unwrap()
    }
}

/// Two model folders with one public file and different private weights.
fn folders(place: &Place) -> [std::path::PathBuf; 2] {
    let model = synthetic(&config(), 1).unwrap();
    let mut other = model.clone();
    for sign in &mut other.layers[0].query.planes {
        *sign = !*sign;
    }
    for scale in &mut other.layers[0].value.row_scale {
        *scale *= 1.5;
    }
    let folders = ["one", "other"].map(|name| place.path(name));
    for (folder, model) in folders.iter().zip([&model, &other]) {
        store::save(folder, model, None, &[]).unwrap();
    }
    let [one, other] = [PUBLIC_FILE, PRIVATE_FILE].map(|file| {
        folders
            .each_ref()
            .map(|folder| std::fs::read(folder.join(file)).unwrap())
    });
    assert!(one[0] == one[1] && other[0] != other[1]);
    folders
}

fn workload(folder: &Path) -> Workload {
    Workload {
        model_dir: folder.to_owned(),
        ..Workload::new(config(), 4)
    }
}

fn link() -> Link {
    Link {
        name: "none".into(),
        mode: LinkMode::None,
        bandwidth: None,
        rtt: Rtt { nanoseconds: 0 },
        exceptions: Vec::new(),
    }
}

/// What the agreement of a run on this folder is.
fn agreed(folder: &Path) -> Agreement {
    let order = Order {
        hosts: &ThisMachine,
        workload: workload(folder),
        threads: 1,
        link: &link(),
        timeout: Duration::from_secs(60),
        trace: false,
        port: None,
    };
    fields(Some("lut-rss"), &order).unwrap()
}

/// As it was: with a hash that the private file enters.
fn as_it_was(folder: &Path) -> Agreement {
    let private = std::fs::read(folder.join(PRIVATE_FILE)).unwrap();
    let hash = blake3::hash(&private).to_hex()[..12].to_owned();
    agreed(folder).with("model", format!("bert-tiny folder-{hash}"))
}

/// What P1 and P2 received in one session before the online phase.
fn session(folder: &Path, agreement: &Agreement) -> [Vec<Received>; 2] {
    let (networks, transcripts) = recorded();
    let workload = workload(folder);
    std::thread::scope(|scope| {
        for (party, network) in Party::ALL.into_iter().zip(networks) {
            let workload = &workload;
            let mut agreement = agreement.clone();
            if party == Party::P0 {
                agreement.commitment = committed(folder).unwrap().0;
            }
            scope.spawn(move || {
                let mut session = Session::establish(network, &agreement, 1).unwrap();
                let mut program = LutRssSystem.party(workload, party).unwrap();
                program.setup(&mut session).unwrap();
                session.begin_phase(Phase::Offline);
                program.offline(&mut session).unwrap();
            });
        }
    });
    [1, 2].map(|party| transcripts[party].take())
}

/// What one party saw, by number, sender and step: the bytes of each session. What is said alike in every session of both models is taken out,
/// the agreement above all: a constant has a distribution too, and both have the same.
fn views(party: Party, agreement: &dyn Fn(&Path) -> Agreement) -> [View; 2] {
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    let seen = folders(&place).map(|folder| {
        let mut places: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for _ in 0..SESSIONS {
            let agreement = agreement(&folder);
            let [one, two] = session(&folder, &agreement);
            let received = if party == Party::P1 { one } else { two };
            for (number, message) in received.into_iter().enumerate() {
                let name = format!("#{number} from {}: {}", message.from, message.step);
                places.entry(name).or_default().push(message.payload);
            }
        }
        places
    });
    let constant = |name: &String| {
        let mut all = seen
            .iter()
            .flat_map(|places| places.get(name).into_iter().flatten());
        let first = all.next();
        all.all(|payload| Some(payload) == first)
    };
    seen.each_ref().map(|places| {
        let changing = places.iter().filter(|(name, _)| !constant(name));
        let mut view: BTreeMap<String, Vec<Vec<Vec<u64>>>> = BTreeMap::new();
        for (name, sessions) in changing {
            // Short messages are looked at together: one alone has too few bytes for a test.
            let name = match sessions[0].len() < 16 {
                true => "short".to_owned(),
                false => name.clone(),
            };
            let all = view
                .entry(name)
                .or_insert_with(|| vec![vec![Vec::new()]; SESSIONS]);
            for (session, payload) in all.iter_mut().zip(sessions) {
                session[0].extend(payload.iter().map(|byte| u64::from(*byte)));
            }
        }
        let seen = |(name, sessions)| (name, Seen::additive(Ring::new(8), sessions));
        view.into_iter().map(seen).collect()
    })
}

fn examined(party: Party, agreement: &dyn Fn(&Path) -> Agreement) -> Examined {
    let [one, other] = views(party, agreement);
    let is_there = |part: &str| one.keys().any(|name| name.contains(part));
    assert!(is_there("setup/commitment") && is_there("setup/seeds"));
    // P1's shares come from seeds.
    assert_eq!(is_there("layer0/attention/query"), party == Party::P2);
    examine(&one, &other)
}

#[test]
fn nothing_before_the_online_phase_depends_on_private_weights() {
    for (party, least) in [(Party::P1, 10), (Party::P2, 100)] {
        let clean = examined(party, &agreed);
        assert_eq!(clean.findings, [], "{party}");
        assert!(clean.tests > least, "{}", clean.tests);

        // The agreement as it was is not the same for both models, and not uniform either.
        let leaking = examined(party, &as_it_was);
        let found = leaking.finds(Test::Uniform, "setup/agreement");
        assert!(found, "{party}: {leaking:?}");
    }
}

#[test]
fn the_controller_finds_other_weights_than_those_committed_to() {
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    let [one, other] = folders(&place);
    let (commitment, opening) = committed(&one).unwrap();
    opened(&opening, [commitment; 2], &one).unwrap();
    let error = opened(&opening, [commitment; 2], &other).unwrap_err();
    assert!(error.to_string().contains("other weights than"), "{error}");
    opened(&opening, [commitment, Commitment::default()], &one).unwrap_err();
    // Neither P1 nor P2 can tell whether two sessions are on one model.
    assert_ne!(committed(&one).unwrap().0, commitment);
}

/// P1's folder holds another public file than P0's: the session does not begin, and every party says on what they differ.
#[test]
fn parties_with_other_public_files_do_not_start() {
    let place = Place::of_qbench(&scenario("lut-rss", ""));
    let [one, other] = ["one", "other"].map(|name| place.path(name));
    for (folder, seed) in [(&one, 1), (&other, 2)] {
        let mut model = synthetic(&config(), seed).unwrap();
        model.input_range.max *= seed as f32;
        store::save(folder, &model, None, &[]).unwrap();
    }
    let agreements = [&one, &other, &one].map(|folder| agreed(folder));
    let (networks, _) = recorded();
    let errors = std::thread::scope(|scope| {
        let parties: Vec<_> = networks
            .into_iter()
            .zip(&agreements)
            .map(|(network, agreement)| {
                scope.spawn(move || Session::establish(network, agreement, 1).map(|_| ()))
            })
            .collect();
        parties
            .into_iter()
            .map(|party| party.join().unwrap().unwrap_err().to_string())
            .collect::<Vec<_>>()
    });
    for error in errors {
        assert!(
            error.starts_with("parties disagree on `public model`"),
            "{error}"
        );
    }
    // As does a party whose own file is not the one that the run was planned on.
    assert_ne!(public_model(&one).unwrap(), public_model(&other).unwrap());
    assert_eq!(public_model(&place.path("nowhere")).unwrap(), None);
}
