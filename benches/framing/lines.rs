//! Lines.

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, Throughput};
use lossproof::wire::lines::Lines;
use tokio_util::codec::{Decoder, LinesCodec};

use super::{ReadBuffer, SEGMENT_LEN, STREAM_LEN};

const LINE: &[u8] = b"a line is as long as most people make it: some sixty bytes\n";
const MAX_LEN: usize = 1_024;

/// Finds newlines with `memchr`, and keeps what has none yet. Lines have no bound here and are borrowed.
fn find_all(tail: &mut Vec<u8>, slice: &[u8]) -> usize {
    let (mut count, mut begin) = (0, 0);
    for at in memchr::memchr_iter(b'\n', slice) {
        let line = &slice[begin..=at];
        if tail.is_empty() {
            black_box(line);
        } else {
            tail.extend_from_slice(line);
            black_box(tail.as_slice());
            tail.clear();
        }
        (count, begin) = (count + 1, at + 1);
    }
    tail.extend_from_slice(&slice[begin..]);
    count
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let count = STREAM_LEN / LINE.len();
    let stream = LINE.repeat(count);
    let mut group = criterion.benchmark_group("framing/lines_in_1448_byte_slices");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    let (mut lines, mut buffer) = (Lines::new(MAX_LEN), ReadBuffer([0; SEGMENT_LEN]));
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            let mut read = 0;
            for slice in black_box(&stream).chunks(SEGMENT_LEN) {
                let mut slice = buffer.read(slice);
                while let Some(line) = lines.next(&mut slice) {
                    black_box(line);
                    read += 1;
                }
            }
            assert_eq!(read, count);
        });
    });
    let mut codec = LinesCodec::new_with_max_length(MAX_LEN);
    let mut buffer = BytesMut::with_capacity(8 * 1024);
    group.bench_function("lines_codec", |bencher| {
        bencher.iter(|| {
            let mut read = 0;
            for slice in black_box(&stream).chunks(SEGMENT_LEN) {
                buffer.extend_from_slice(slice);
                while let Some(line) = codec.decode(&mut buffer).expect("it is UTF-8") {
                    black_box(line);
                    read += 1;
                }
            }
            assert_eq!(read, count);
        });
    });
    let (mut tail, mut buffer) = (Vec::new(), ReadBuffer([0; SEGMENT_LEN]));
    group.bench_function("memchr", |bencher| {
        bencher.iter(|| {
            let slices = black_box(&stream).chunks(SEGMENT_LEN);
            let read: usize = slices.map(|slice| find_all(&mut tail, buffer.read(slice))).sum();
            assert_eq!(read, count);
        });
    });
    group.finish();
}
