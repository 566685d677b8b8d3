use super::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Each test for each word.
macro_rules! for_each_word {
    ($($test:ident)+) => {
        for_each_word!(u16: $($test)+);
        for_each_word!(u64: $($test)+);
    };
    ($word:ident: $($test:ident)+) => {
        mod $word {
            $(#[test]
            fn $test() {
                super::$test::<$word>();
            })+
        }
    };
}
for_each_word!(
    kernels_agree_on_small_shapes
    kernels_agree_across_blocks_of_the_inner_dimension
    kernels_agree_on_random_shapes
    extreme_elements_wrap
    both_packings_agree
    threads_give_the_same_product
    empty_products_change_nothing
);

fn random<W: Word>(count: usize, seed: u64) -> Vec<W> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count).map(|_| W::from_u64(random.next_u64())).collect()
}

/// One product with strides wider than the rows.
struct Case<W> {
    rows: usize,
    inner: usize,
    columns: usize,
    a: Vec<W>,
    a_stride: usize,
    b_rows: Vec<W>,
    c: Vec<W>,
    c_stride: usize,
}

impl<W: Element> Case<W> {
    /// `slack` elements lie between the rows of `a` and `c`; none follow their last rows, so that
    /// reading or writing past the end is out of bounds.
    fn new(rows: usize, inner: usize, columns: usize, slack: usize) -> Self {
        let (a_stride, c_stride) = (inner + slack, columns + slack);
        Self {
            rows,
            inner,
            columns,
            a: random((rows - 1) * a_stride + inner, 1),
            a_stride,
            b_rows: random(columns * inner, 2),
            c: random((rows - 1) * c_stride + columns, 3),
            c_stride,
        }
    }

    fn packed(&self) -> Packed<W> {
        Packed::from_rows(&self.b_rows, self.columns, self.inner)
    }

    /// The definition, without the packed layout.
    fn expected(&self) -> Vec<W> {
        let mut c = self.c.clone();
        for row in 0..self.rows {
            let a = &self.a[row * self.a_stride..][..self.inner];
            for column in 0..self.columns {
                let b = &self.b_rows[column * self.inner..][..self.inner];
                let c = &mut c[row * self.c_stride + column];
                for (a, b) in a.iter().zip(b) {
                    *c = c.add(a.mul(*b));
                }
            }
        }
        c
    }

    fn check(&self) {
        let (b, expected) = (self.packed(), self.expected());
        for &kernel in Kernel::<W>::available() {
            let mut c = self.c.clone();
            let Self {
                rows,
                a_stride,
                c_stride,
                ..
            } = *self;
            multiply_add_with(kernel, &self.a, a_stride, rows, &b, &mut c, c_stride);
            assert!(
                c == expected,
                "{}: {rows} x {} x {}, strides {a_stride} and {c_stride}",
                kernel.name(),
                self.inner,
                self.columns
            );
        }
    }
}

fn kernels_agree_on_small_shapes<W: Element>() {
    for rows in (1..=13).chain([16, 23, 24, 25]) {
        for inner in [1, 2, 3, 7, 64] {
            for columns in [1, 15, 16, 17, 32, 48, 50, 64, 79, 80, 96, 112] {
                Case::<W>::new(rows, inner, columns, 0).check();
            }
        }
    }
}

fn kernels_agree_across_blocks_of_the_inner_dimension<W: Element>() {
    for inner in [
        191, 192, 193, 255, 256, 384, 385, 511, 512, 513, 768, 1023, 1024, 1025, 1537,
    ] {
        // Up to 6, 8 or 12 rows are one register block, which not every form cuts in depth.
        for rows in [6, 7, 9, 13] {
            Case::<W>::new(rows, inner, 65, 5).check();
        }
    }
}

fn kernels_agree_on_random_shapes<W: Element>() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(4);
    let mut draw = |limit: u64| 1 + (random.next_u64() % limit) as usize;
    for _ in 0..150 {
        Case::<W>::new(draw(70), draw(300), draw(200), draw(9) - 1).check();
    }
}

fn extreme_elements_wrap<W: Element>() {
    let ones = u64::MAX >> (64 - W::BITS);
    let half = u64::MAX >> (64 - W::BITS / 2);
    for value in [1 << (W::BITS - 1), ones, ones >> 1, half].map(W::from_u64) {
        let mut case = Case::<W>::new(8, 2050, 48, 0);
        case.a.fill(value);
        case.b_rows.fill(value);
        case.check();
    }
}

fn both_packings_agree<W: Element>() {
    for (inner, columns) in [
        (1, 1),
        (5, 3),
        (17, 33),
        (64, 48),
        (129, 9),
        (257, 17),
        (512, 20),
    ] {
        let rows = random::<W>(columns * inner, 5);
        let mut transposed = vec![W::default(); rows.len()];
        for column in 0..columns {
            for k in 0..inner {
                transposed[k * columns + column] = rows[column * inner + k];
            }
        }
        let from_rows = Packed::from_rows(&rows, columns, inner);
        let from_columns = Packed::from_columns(&transposed, inner, columns);
        assert_eq!((from_rows.inner(), from_rows.columns()), (inner, columns));
        let threads = Threads::new(2).expect("threads");
        let parallel = [
            Packed::from_rows_parallel(&threads, &rows, columns, inner),
            Packed::from_columns_parallel(&threads, &transposed, inner, columns),
        ];
        for panel in 0..from_rows.panels() {
            let (a, b) = (from_rows.panel(panel), from_columns.panel(panel));
            assert!(a.iter().zip(b).all(|(a, b)| a.0.as_ref() == b.0.as_ref()));
            for c in parallel.each_ref().map(|packed| packed.panel(panel)) {
                assert!(a.iter().zip(c).all(|(a, c)| a.0.as_ref() == c.0.as_ref()));
            }
        }
    }
}

fn threads_give_the_same_product<W: Element>() {
    for count in [1, 2, 3] {
        let threads = Threads::new(count).expect("threads");
        for (rows, inner, columns) in [(1, 3000, 3000), (70, 1000, 450), (600, 700, 33), (5, 4, 3)]
        {
            let case = Case::<W>::new(rows, inner, columns, 1);
            let (b, mut c) = (case.packed(), case.c.clone());
            multiply_add_parallel(
                &threads,
                &case.a,
                case.a_stride,
                rows,
                &b,
                &mut c,
                case.c_stride,
            );
            let mut alone = case.c.clone();
            multiply_add(&case.a, case.a_stride, rows, &b, &mut alone, case.c_stride);
            assert!(
                c == alone,
                "{rows} x {inner} x {columns} on {count} threads"
            );
        }
    }
}

fn empty_products_change_nothing<W: Element>() {
    let words = [1, 2, 3].map(W::from_u64);
    let mut c = words;
    multiply_add(&[], 0, 1, &Packed::from_rows(&[], 3, 0), &mut c, 3);
    assert_eq!(c, words);
    let b = Packed::from_rows(&words, 1, 3);
    multiply_add(&[], 3, 0, &b, &mut [], 1);
}

#[test]
#[should_panic(expected = "left operand")]
fn short_left_operands_are_refused() {
    let b = Packed::from_rows(&[0u16; 6], 2, 3);
    multiply_add(&[0; 6], 4, 2, &b, &mut [0; 4], 2);
}

#[test]
#[should_panic(expected = "overlap")]
fn overlapping_rows_are_refused() {
    let b = Packed::from_rows(&[0u16; 6], 2, 3);
    multiply_add(&[0; 6], 3, 2, &b, &mut [0; 4], 1);
}
