//! Payloads behind a length of four bytes.

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use lossproof::wire::frame::{self, FrameReader};
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

use super::{ReadBuffer, SEGMENT_LEN, STREAM_LEN};

const SMALL_LEN: usize = 64;
/// The slices in which large frames come: the most that a machine is given at once.
const SLICE_LEN: usize = lossproof::machine::limits::MAX_READ_LEN;

/// Frames of this length, and how many there are.
fn stream(payload_len: usize, len: usize) -> (Vec<u8>, usize) {
    let payload = vec![b'x'; payload_len];
    let count = len.div_ceil(frame::HEADER_LEN + payload_len);
    let mut stream = Vec::new();
    for _ in 0..count {
        frame::encode(&payload, payload_len, &mut stream).expect("it is within the limit");
    }
    (stream, count)
}

fn codec(payload_len: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(payload_len).new_codec()
}

/// Takes all frames that a slice ends; gives how many.
fn read_all(reader: &mut FrameReader, mut slice: &[u8]) -> usize {
    let mut count = 0;
    while let Some(payload) = reader.read(&mut slice).expect("no frame is too long") {
        black_box(payload);
        count += 1;
    }
    count
}

/// The same with the codec.
fn decode_all(codec: &mut LengthDelimitedCodec, buffer: &mut BytesMut, slice: &[u8]) -> usize {
    buffer.extend_from_slice(slice);
    let mut count = 0;
    while let Some(payload) = codec.decode(buffer).expect("no frame is too long") {
        black_box(payload);
        count += 1;
    }
    count
}

/// Many frames in each slice, and one that is cut.
pub(crate) fn small(criterion: &mut Criterion) {
    let (stream, count) = stream(SMALL_LEN, STREAM_LEN);
    let mut group = criterion.benchmark_group("framing/64_byte_frames_in_1448_byte_slices");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    let (mut reader, mut buffer) = (FrameReader::new(SMALL_LEN), ReadBuffer([0; SEGMENT_LEN]));
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            let slices = black_box(&stream).chunks(SEGMENT_LEN);
            let read: usize = slices.map(|slice| read_all(&mut reader, buffer.read(slice))).sum();
            assert_eq!(read, count);
        });
    });
    let (mut codec, mut buffer) = (codec(SMALL_LEN), BytesMut::with_capacity(8 * 1024));
    group.bench_function("length_delimited_codec", |bencher| {
        bencher.iter(|| {
            let slices = black_box(&stream).chunks(SEGMENT_LEN);
            let read: usize = slices.map(|slice| decode_all(&mut codec, &mut buffer, slice)).sum();
            assert_eq!(read, count);
        });
    });
    group.finish();
}

/// Frames that are in several slices each: what has come of them is gathered, so each byte is copied once.
pub(crate) fn large(criterion: &mut Criterion) {
    for (name, payload_len) in [("64_kib", 64 * 1024), ("1_mib", 1024 * 1024)] {
        let (stream, count) = stream(payload_len, 4 * 1024 * 1024);
        let mut group = criterion.benchmark_group(format!("framing/{name}_frames_in_64_kib_slices"));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        let mut reader = FrameReader::new(payload_len);
        group.bench_function("lossproof", |bencher| {
            bencher.iter(|| {
                let slices = black_box(&stream).chunks(SLICE_LEN);
                assert_eq!(slices.map(|slice| read_all(&mut reader, slice)).sum::<usize>(), count);
            });
        });
        let (mut codec, mut buffer) = (codec(payload_len), BytesMut::with_capacity(8 * 1024));
        group.bench_function("length_delimited_codec", |bencher| {
            bencher.iter(|| {
                let slices = black_box(&stream).chunks(SLICE_LEN);
                let read: usize = slices.map(|slice| decode_all(&mut codec, &mut buffer, slice)).sum();
                assert_eq!(read, count);
            });
        });
        // The same slices to the same place, frame after frame.
        let mut whole = vec![0; frame::HEADER_LEN + payload_len];
        group.bench_function("memcpy", |bencher| {
            bencher.iter(|| {
                for frame in black_box(&stream).chunks(whole.len()) {
                    let places = whole.chunks_mut(SLICE_LEN);
                    for (place, slice) in places.zip(frame.chunks(SLICE_LEN)) {
                        place.copy_from_slice(slice);
                    }
                    black_box(&mut whole);
                }
            });
        });
        group.finish();
    }
}

/// The other way, into a buffer that is used again.
pub(crate) fn encode(criterion: &mut Criterion) {
    static PAYLOAD: [u8; SMALL_LEN] = [b'x'; SMALL_LEN];
    let (stream, count) = stream(SMALL_LEN, STREAM_LEN);
    let mut group = criterion.benchmark_group("framing/encode_64_byte_frames");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    let mut out = Vec::with_capacity(stream.len());
    group.bench_function("lossproof", |bencher| {
        bencher.iter(|| {
            out.clear();
            for _ in 0..count {
                frame::encode(black_box(&PAYLOAD), SMALL_LEN, &mut out).expect("it is within the limit");
            }
            black_box(&out);
        });
    });
    assert!(out.is_empty() || out == stream);
    let (mut codec, mut out) = (codec(SMALL_LEN), BytesMut::with_capacity(stream.len()));
    group.bench_function("length_delimited_codec", |bencher| {
        bencher.iter(|| {
            out.clear();
            for _ in 0..count {
                let payload = Bytes::from_static(black_box(&PAYLOAD));
                codec.encode(payload, &mut out).expect("it is within the limit");
            }
            black_box(&out);
        });
    });
    assert!(out.is_empty() || out == stream);
    group.finish();
}
