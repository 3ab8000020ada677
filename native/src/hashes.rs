//! SHA-256 of an object and of each of its records, at the same time.
//!
//! A processor's SHA instructions wait for each other: two texts that take turns cost little more than one. Where it has
//! none, `sha2` hashes text by text.

use sha2::{Digest, Sha256};

const BLOCK: usize = 64;

/// The hash of an object, and of each record the first eight bytes as a number.
pub fn of(object: &[u8], records: &[&[u8]]) -> ([u8; 32], Vec<i64>) {
    #[cfg(target_arch = "x86_64")]
    if paired::is_there() {
        return paired::of(object, records);
    }
    (Sha256::digest(object).into(), records.iter().map(|text| number(&Sha256::digest(text).into())).collect())
}

fn number(hash: &[u8; 32]) -> i64 {
    hash.first_chunk().map_or(0, |eight| i64::from_be_bytes(*eight))
}

/// What follows the whole blocks of a text: the rest, a one, zeros, and the length; one block, or two.
#[cfg(target_arch = "x86_64")]
fn ending(text: &[u8]) -> ([u8; 2 * BLOCK], usize) {
    let rest = &text[text.len() / BLOCK * BLOCK..];
    let length = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
    let mut end = [0; 2 * BLOCK];
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    end[length - 8..length].copy_from_slice(&(text.len() as u64 * 8).to_be_bytes());
    (end, length)
}

#[cfg(target_arch = "x86_64")]
mod paired {
    use std::arch::x86_64::*;

    use super::{BLOCK, ending, number};

    #[rustfmt::skip]
    const ROUNDS: [u32; 64] = [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];
    const START: State =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    type State = [u32; 8];

    pub fn is_there() -> bool {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
    }

    /// Only where `is_there`.
    pub fn of(object: &[u8], records: &[&[u8]]) -> ([u8; 32], Vec<i64>) {
        let (mut whole, mut left) = (START, &object[..object.len() / BLOCK * BLOCK]);
        let hash = |record: &&[u8]| {
            let mut state = START;
            let (end, length) = ending(record);
            for part in [&record[..record.len() / BLOCK * BLOCK], &end[..length]] {
                let (beside, rest) = part.split_at(part.len().min(left.len()));
                let (taken, later) = left.split_at(beside.len());
                run([&mut state, &mut whole], [beside, taken]);
                run([&mut state], [rest]);
                left = later;
            }
            number(&bytes(&state))
        };
        let hashes = records.iter().map(hash).collect();
        let (end, length) = ending(object);
        run([&mut whole], [left]);
        run([&mut whole], [&end[..length]]);
        (bytes(&whole), hashes)
    }

    fn bytes(state: &State) -> [u8; 32] {
        let mut all = [0; 32];
        for (four, word) in all.chunks_exact_mut(4).zip(state) {
            four.copy_from_slice(&word.to_be_bytes());
        }
        all
    }

    fn run<const N: usize>(states: [&mut State; N], texts: [&[u8]; N]) {
        // SAFETY: whoever calls `of` has asked the processor.
        #[allow(unsafe_code)]
        unsafe {
            compress(states, texts)
        }
    }

    /// Take the blocks of some texts of one length into their states. The steps of each text stand beside each other.
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn compress<const N: usize>(states: [&mut State; N], texts: [&[u8]; N]) {
        let flip = _mm_set_epi64x(0x0c0d0e0f_08090a0b, 0x04050607_00010203);
        // The instructions want the eight words as those of A, B, E, F and those of C, D, G, H.
        let mut abef = states.each_ref().map(|s| words(s[5], s[4], s[1], s[0]));
        let mut cdgh = states.each_ref().map(|s| words(s[7], s[6], s[3], s[2]));
        for at in (0..texts[0].len()).step_by(BLOCK) {
            let (abef_before, cdgh_before) = (abef, cdgh);
            let mut schedule = texts.map(|text| {
                let block = &text[at..at + BLOCK];
                [0, 16, 32, 48].map(|place| _mm_shuffle_epi8(sixteen(&block[place..place + 16]), flip))
            });
            for (quarter, constants) in ROUNDS.chunks_exact(16).enumerate() {
                // Each with its place known beforehand, so that all of it stays in registers.
                rounds::<N, 0>((&mut abef, &mut cdgh, &mut schedule), constants, quarter > 0);
                rounds::<N, 1>((&mut abef, &mut cdgh, &mut schedule), constants, quarter > 0);
                rounds::<N, 2>((&mut abef, &mut cdgh, &mut schedule), constants, quarter > 0);
                rounds::<N, 3>((&mut abef, &mut cdgh, &mut schedule), constants, quarter > 0);
            }
            for lane in 0..N {
                abef[lane] = _mm_add_epi32(abef[lane], abef_before[lane]);
                cdgh[lane] = _mm_add_epi32(cdgh[lane], cdgh_before[lane]);
            }
        }
        for (lane, state) in states.into_iter().enumerate() {
            let ([f, e, b, a], [h, g, d, c]) = (four(abef[lane]), four(cdgh[lane]));
            *state = [a, b, c, d, e, f, g, h];
        }
    }

    type Lanes<'a, const N: usize> = (&'a mut [__m128i; N], &'a mut [__m128i; N], &'a mut [[__m128i; 4]; N]);

    /// Four of a block's rounds, whose words stand at one place of the schedule; later ones are made of the earlier.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn rounds<const N: usize, const PLACE: usize>(lanes: Lanes<N>, constants: &[u32], later: bool) {
        let (abef, cdgh, schedule) = lanes;
        let of_place = &constants[PLACE * 4..PLACE * 4 + 4];
        let constants = words(of_place[0], of_place[1], of_place[2], of_place[3]);
        for lane in 0..N {
            let w = &mut schedule[lane];
            if later {
                let [a, b, c, d] = [w[PLACE], w[(PLACE + 1) % 4], w[(PLACE + 2) % 4], w[(PLACE + 3) % 4]];
                let next = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
                w[PLACE] = _mm_sha256msg2_epu32(next, d);
            }
            let sums = _mm_add_epi32(w[PLACE], constants);
            cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sums);
            abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], _mm_shuffle_epi32(sums, 0x0e));
        }
    }

    /// Four words, the first one lowest.
    #[target_feature(enable = "sse2")]
    fn words(a: u32, b: u32, c: u32, d: u32) -> __m128i {
        _mm_set_epi32(d.cast_signed(), c.cast_signed(), b.cast_signed(), a.cast_signed())
    }

    #[target_feature(enable = "sse4.1")]
    fn four(words: __m128i) -> [u32; 4] {
        [
            _mm_extract_epi32(words, 0),
            _mm_extract_epi32(words, 1),
            _mm_extract_epi32(words, 2),
            _mm_extract_epi32(words, 3),
        ]
        .map(i32::cast_unsigned)
    }

    #[target_feature(enable = "sse2")]
    fn sixteen(bytes: &[u8]) -> __m128i {
        let half = |eight: &[u8]| eight.first_chunk().map_or(0, |chunk| i64::from_le_bytes(*chunk));
        _mm_set_epi64x(half(&bytes[8..]), half(bytes))
    }
}
