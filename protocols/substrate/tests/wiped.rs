//! Memory that is given back holds no seed, no share, no table and nothing that was dealt. A test binary of its own: its
//! allocator looks through every block that is freed for what was planted.

#![allow(clippy::unwrap_used)]

use qbench_substrate::kernel::gemm16::Packed16;
use qbench_substrate::kernel::gemm64::Packed64;
use qbench_substrate::lut::{Contents, Input, Opened, deal::Rotor};
use qbench_substrate::material::{Dealt, Store};
use qbench_substrate::net::Party;
use qbench_substrate::phase::Phase;
use qbench_substrate::prg::Seed;
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::share::{
    Additive, Masked, Replicated, masked_from_p0, reshare, reveal_to_p1, share_from_p0,
    share_from_p1,
};
use qbench_substrate::testing::trio;
use qbench_substrate::wipe::Wiped;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use zeroize::ZeroizeOnDrop;

/// What is planted, once or over and over. No other value of this process has these bytes.
const PLANTED: [u8; 8] = *b"\xd1\x5e\xa5\xe0\xfb\xad\xca\xfe";
const WORD: u64 = u64::from_le_bytes(PLANTED);
/// Elements of 64 bits that are planted.
const LEN: usize = 1000;

thread_local! {
    /// Blocks freed by this thread that held what was planted; `None` where it does not look.
    static FOUND: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The system's, which looks through what it is given back.
struct Searching;

/// Looks through a block that its owner has done with.
///
/// # Safety
/// The block has `size` bytes that may be read.
unsafe fn search(block: *const u8, size: usize) {
    let _ = FOUND.try_with(|found| {
        let Some(count) = found.get() else { return };
        for at in 0..(size + 1).saturating_sub(PLANTED.len()) {
            // SAFETY: within the block; read as what may not have been written, byte by byte, and volatile, so that nothing
            // is concluded from its being freed.
            let is = |i: usize| unsafe { block.add(at + i).read_volatile() } == PLANTED[i];
            if (0..PLANTED.len()).all(is) {
                found.set(Some(count + 1));
                return;
            }
        }
    });
}

// SAFETY: every call is the system allocator's. Memory comes zeroed, so that every byte of a block has been written when it is
// searched.
unsafe impl GlobalAlloc for Searching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has this layout and is the caller's until it is given back.
        unsafe {
            search(block, layout.size());
            System.dealloc(block, layout);
        }
    }
}

#[global_allocator]
static ALLOCATOR: Searching = Searching;

/// How many of the blocks that `body` frees on this thread held what was planted.
fn found(body: impl FnOnce()) -> usize {
    FOUND.with(|found| found.set(Some(0)));
    body();
    FOUND.with(|found| found.take()).unwrap()
}

fn planted() -> Wiped<u64> {
    (0..LEN).map(|_| WORD).collect()
}

fn planted_bytes() -> Wiped<u8> {
    (0..8 * LEN).map(|i| PLANTED[i % 8]).collect()
}

fn planted_halves() -> Wiped<u16> {
    let mut halves = Wiped::zeros(4 * LEN);
    u16::read_le(&planted_bytes(), &mut halves);
    halves
}

const RING: Ring = Ring::new(64);

/// The search sees what is not wiped: a vector, one that has grown, and what is left beyond a vector's length.
#[test]
fn what_is_not_wiped_is_found() {
    assert_eq!(found(|| drop(vec![WORD; LEN])), 1);
    assert_eq!(found(|| drop(Box::new([PLANTED[0]; 8]))), 0);
    let grown = found(|| {
        let mut grown = vec![WORD; LEN];
        grown.reserve_exact(LEN);
        grown.truncate(1);
        drop(grown);
    });
    assert_eq!(grown, 2, "the block before it grew, and the one after");
}

#[test]
fn wiped_memory_is_zero_however_it_was_filled() {
    assert_eq!(found(|| drop(planted())), 0);
    // Of unknown length: every block that it grew out of.
    let unknown = || (0..2 * LEN).filter(|i| i % 2 == 0).map(|_| WORD);
    assert_eq!(found(|| drop(unknown().collect::<Wiped<u64>>())), 0);
    assert!(found(|| drop(unknown().collect::<Vec<u64>>())) > 1);
    // Longer once than it is now.
    assert_eq!(found(|| drop(Wiped::reused(planted(), 3))), 0);
    assert_eq!(found(|| drop(Wiped::reused(planted(), 3 * LEN))), 0);
    assert_eq!(found(|| drop(planted().into_vec())), 1, "given away");
}

#[test]
fn seeds() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<Seed>();
    wiped::<Wiped<u64>>();
    let seed = || {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&PLANTED);
        Box::new(Seed::from_bytes(bytes))
    };
    assert_eq!(found(|| drop(seed())), 0);
    // Moving a seed out of a block leaves nothing there.
    assert_eq!(found(|| drop(vec![(*seed()).clone(), *seed()])), 0);
    let leaked = found(|| drop(seed().expose().to_vec()));
    assert_eq!(leaked, 1, "a copy that nobody wipes");
}

#[test]
fn shares() {
    let held = || Additive::held(RING, planted());
    assert_eq!(found(|| drop(held())), 0);
    assert_eq!(found(|| drop(held().into_values())), 0);
    assert_eq!(found(|| drop(held().clone().plus(&held()))), 0);
    let maps = found(|| {
        let x = held();
        drop(x.slice(3..LEN));
        drop(x.select(&[5, 7, 9]));
        drop(x.reduce_to::<u64>(RING));
        drop(x.sum_rows(1, 1));
    });
    assert_eq!(maps, 0);
    let replicated = || Replicated {
        previous: planted(),
        next: planted(),
        ..Replicated::absent(RING, LEN)
    };
    assert_eq!(found(|| drop(replicated())), 0);
    assert_eq!(found(|| drop(replicated().plus(&replicated()))), 0);
    assert_eq!(found(|| drop(replicated().last_of_rows(10))), 0);
    let backwards: Vec<u32> = (0..10).rev().collect();
    let places = backwards.repeat(LEN / 10);
    assert_eq!(
        found(|| drop(replicated().scatter_rows(&places, 10))),
        0,
        "permuted"
    );
}

#[test]
fn correlated_randomness() {
    let store = |mut store: Store, pieces: usize| {
        for _ in 0..pieces {
            store
                .put("a", "piece", Dealt::bytes(planted_bytes()))
                .unwrap();
        }
        store
    };
    assert_eq!(found(|| drop(store(Store::default(), 2))), 0, "not used");
    let used = |folder: Option<&std::path::Path>| {
        let mut store = store(
            folder.map_or_else(Store::default, |f| Store::spilled(f, 0).unwrap()),
            2,
        );
        for _ in 0..2 {
            let bytes = store.take("a", &"piece").unwrap().bytes.unwrap();
            assert!(bytes == planted_bytes());
        }
    };
    assert_eq!(found(|| used(None)), 0);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(found(|| used(Some(folder.path()))), 0, "out of a file");
}

#[test]
fn tables_and_offsets() {
    let ring = Ring::new(8);
    let offsets = || {
        let mut elements = Wiped::zeros(4 * LEN);
        u16::read_le(&planted_bytes(), &mut elements);
        Opened::from_elements(Ring::new(16), elements)
    };
    assert_eq!(found(|| drop(offsets())), 0);
    let entry = |i: u64| PLANTED[i as usize % 8];
    let contents = || Contents::same((0..256).map(entry).collect());
    assert_eq!(found(|| drop(contents())), 0);
    let signed = found(|| {
        drop(Contents::<u8>::of_signed(8, ring, |i| {
            i64::from(entry(i as u64))
        }))
    });
    assert_eq!(signed, 0);
    // Rotated, without a mask: zeros as the other party's share.
    let opened = Opened::from_elements(ring, vec![0u16; 100]);
    let inputs = [Input::each(&opened)];
    let stream = Seed::from_bytes([1; 16]).stream("a");
    let dealt = found(|| {
        let rotor = Rotor::new(&inputs, contents(), 256, "a").unwrap();
        drop(rotor.pack(0, 100, ring, &stream));
    });
    assert_eq!(dealt, 0);
}

#[test]
fn packed_weights() {
    let halves = || Packed16::from_rows(&planted_halves(), 4, LEN);
    assert_eq!(found(|| drop(halves())), 0);
    assert_eq!(found(|| drop(halves().clone())), 0);
    let words = |by_rows: bool| match by_rows {
        true => Packed64::from_rows(&planted(), 10, LEN / 10),
        false => Packed64::from_columns(&planted(), LEN / 10, 10),
    };
    assert_eq!(found(|| drop([words(true), words(false)])), 0);
}

/// Whole steps: P1's input, what P0 shares, what is opened, at each party.
#[test]
fn steps_leave_no_secret_behind() {
    let by_party = trio::run(1, |session| {
        let mut store = Store::default();
        let input = (session.me() == Party::P1).then(planted);
        session.begin_phase(Phase::Online);
        let mut runtime = qbench_substrate::runtime::Runtime::party(session, &mut store);
        let mut outcome = Ok(());
        let count = found(|| outcome = steps(&mut runtime, input));
        outcome.map(|()| count)
    });
    assert_eq!(by_party.unwrap(), [0; 3]);
}

fn steps(
    runtime: &mut qbench_substrate::runtime::Runtime<'_>,
    input: Option<Wiped<u64>>,
) -> qbench_substrate::Result<()> {
    let x = share_from_p1(runtime, RING, input.as_deref(), LEN)?;
    let clear = |_: usize, part: &mut [u64]| part.fill(WORD);
    let y = share_from_p0(runtime, RING, LEN, clear)?;
    let masked: Masked<u64> = masked_from_p0(runtime, RING, LEN, clear)?;
    let replicated = reshare(runtime, &[&x, &y])?;
    let output = reveal_to_p1(runtime, &x)?;
    assert!(output.is_none_or(|output| output == planted()));
    drop((masked, replicated));
    Ok(())
}
