//! Replicated vectors of known values.

use qbench_baselines::fixed_trunc::{Choices, RING, Share};
use qbench_protocols::Result;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::Settings;
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::functionality::{Ran, components, elements, try_run};
use qbench_protocols::wipe::Wiped;

/// Settings by key and value.
pub fn choices(settings: &[(&str, &str)]) -> Choices {
    let settings = settings
        .iter()
        .fold(Settings::default(), |all, (key, value)| {
            all.with(key, value)
        });
    Choices::of(&settings).unwrap()
}

/// A replicated sharing, whose components 1 and 2 are drawn from `seed`: by sums, or by exclusive or.
fn replicated(runtime: &Runtime<'_>, clear: &[u64], seed: u64, binary: bool) -> Share {
    let len = clear.len();
    let (Phase::Online, Some(me)) = (runtime.phase(), runtime.me()) else {
        return Share::absent(RING, len);
    };
    let one: Vec<u64> = elements(RING, len, seed ^ 0x1111);
    let two: Vec<u64> = elements(RING, len, seed ^ 0x2222);
    let zero = (0..len).map(|i| match binary {
        true => clear[i] ^ one[i] ^ two[i],
        false => clear[i].wrapping_sub(one[i]).wrapping_sub(two[i]),
    });
    let all = [zero.collect(), one, two];
    let component = |i: usize| Wiped::copied(&all[i % 3]);
    Share {
        ring: RING,
        len,
        previous: component(me.index() + 2),
        next: component(me.index() + 1),
    }
}

/// One input: its words, and whether they are shared by exclusive or.
pub type Input = (Vec<u64>, bool);

/// Declares and runs a step on inputs of known words.
pub fn compute(
    inputs: &[Input],
    threads: usize,
    fault: Option<Fault>,
    body: impl Fn(&mut Runtime<'_>, &[Share]) -> Result<Share> + Sync,
) -> Ran<Share> {
    let ran = try_run(threads, fault, |runtime| {
        let shares: Vec<Share> = inputs
            .iter()
            .zip(1..)
            .map(|((clear, binary), seed)| replicated(runtime, clear, seed, *binary))
            .collect();
        body(runtime, &shares)
    });
    ran.unwrap()
}

/// The numbers that come out.
pub fn numbers(ran: &Ran<Share>) -> Vec<u64> {
    components(&ran.outputs).sum()
}

/// The words of bits that come out.
pub fn words(ran: &Ran<Share>) -> Vec<u64> {
    let [a, b, c] = components(&ran.outputs).all;
    a.iter()
        .zip(&b)
        .zip(&c)
        .map(|((a, b), c)| a ^ b ^ c)
        .collect()
}
