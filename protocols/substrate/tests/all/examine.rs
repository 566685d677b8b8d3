//! The tests of what a party sees can fail: each of them finds what it is there for, and nothing where all is uniform.

use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::testing::examine::{Examined, Test, examine};
use qbench_substrate::testing::functionality::{elements, run};
use qbench_substrate::testing::view::{Opening, Seen, Sharing, View, openings};

const MANY: usize = 8192;
const RING: Ring = Ring::new(64);

fn uniform(seed: u64) -> Vec<u64> {
    elements(RING, MANY, seed)
}

/// Two inferences of one session, at one place.
fn seen(place: &str, sharing: Sharing, inferences: [Vec<u64>; 2]) -> View {
    let seen = Seen {
        ring: RING,
        sharing,
        sessions: vec![inferences.to_vec()],
    };
    View::from([(place.to_owned(), seen)])
}

/// The same place with other, uniform elements.
fn against_uniform(sharing: Sharing, inferences: [Vec<u64>; 2]) -> Examined {
    let other = [uniform(100), uniform(101)];
    examine(
        &seen("here", sharing, inferences),
        &seen("here", sharing, other),
    )
}

#[test]
fn what_is_uniform_is_not_found() {
    for sharing in [Sharing::Additive, Sharing::Binary] {
        let examined = against_uniform(sharing, [uniform(1), uniform(2)]);
        assert_eq!(examined.findings, []);
        assert!(examined.tests > 0);
    }
}

#[test]
fn what_is_not_uniform_is_found_wherever_in_an_element_it_is() {
    for sharing in [Sharing::Additive, Sharing::Binary] {
        // Constants, small numbers, and one bit of 64 that is always set.
        let small: Vec<u64> = uniform(1).iter().map(|x| x >> 44).collect();
        let mut cases = vec![vec![0; MANY], vec![7; MANY], small];
        for bit in 0..64 {
            cases.push(uniform(1).iter().map(|x| x | 1 << bit).collect());
        }
        for (i, case) in cases.into_iter().enumerate() {
            let examined = against_uniform(sharing, [case, uniform(2)]);
            assert!(examined.finds(Test::Uniform, "here"), "case {i}");
            assert!(examined.finds(Test::BetweenInputs, "here"), "case {i}");
        }
    }
}

/// A mask used twice: what is under it differs by a constant, or bit by bit.
#[test]
fn a_mask_used_twice_is_found() {
    let masks = uniform(1);
    let sums: Vec<u64> = masks.iter().map(|x| x.wrapping_add(1000)).collect();
    let flipped: Vec<u64> = masks.iter().map(|x| x ^ 0xff00).collect();
    for (sharing, again) in [(Sharing::Additive, sums), (Sharing::Binary, flipped)] {
        let over_time = against_uniform(sharing, [masks.clone(), again.clone()]);
        assert!(over_time.finds(Test::BetweenInferences, "here"));
        assert!(!over_time.finds(Test::Uniform, "here"), "{over_time:?}");

        let places = |one, two| {
            let mut view = seen("here", sharing, [one, uniform(3)]);
            view.append(&mut seen("there", sharing, [two, uniform(4)]));
            view
        };
        let other = places(uniform(5), uniform(6));
        let in_places = examine(&places(masks.clone(), again), &other);
        assert!(in_places.finds(Test::BetweenPlaces, "here, there"));
        assert!(!in_places.finds(Test::Uniform, "here"), "{in_places:?}");
    }
    let twice = masks
        .iter()
        .flat_map(|mask| [*mask, mask.wrapping_add(3)])
        .collect();
    let neighbours = against_uniform(Sharing::Additive, [twice, uniform(2)]);
    assert!(neighbours.finds(Test::BetweenNeighbours, "here"));
}

/// P1 and P2 send each other words.
fn exchanged(words: [Vec<u64>; 2], opening: Opening) -> View {
    let ran = run(1, |runtime| {
        let peer = runtime.computing_peer();
        if runtime.me().is_none() && runtime.phase().name() == "online" {
            runtime.declare_exchange(8 * MANY);
        }
        if let Some(peer) = peer {
            let mut message = Vec::new();
            u64::write_le(&words[2 - peer.index()], &mut message);
            runtime.exchange(message)?;
        }
        Ok(())
    });
    openings(&[ran], &[opening])
}

#[test]
fn an_exchange_shows_both_messages_and_what_they_open() {
    let [one, two] = [uniform(1), uniform(2)];
    for (sharing, sum) in [
        (Sharing::Additive, one[0].wrapping_add(two[0])),
        (Sharing::Binary, one[0] ^ two[0]),
    ] {
        let words = Opening::Elements(RING, sharing);
        let view = exchanged([one.clone(), two.clone()], words);
        let first = |place: &str| view[place].sessions[0][0][0];
        let opened = ["#0 from P1", "#0 from P2", "#0 opened"].map(first);
        assert_eq!(opened, [one[0], two[0], sum]);
    }
    let bits: Vec<u64> = uniform(1).iter().map(|x| x & 1).collect();
    let other = bits.iter().map(|bit| bit ^ 1).collect();
    let view = exchanged([bits, other], Opening::Bits);
    let examined = examine(&view, &view);
    assert!(examined.finds(Test::Uniform, "#0 opened"));
    assert!(!examined.finds(Test::Uniform, "from"), "{examined:?}");
}

#[test]
#[should_panic(expected = "Z_2^1")]
fn a_word_that_should_be_a_bit_and_is_not_is_refused() {
    exchanged([vec![2; MANY], vec![0; MANY]], Opening::Bits);
}
