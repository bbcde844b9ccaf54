//! Bytes from one process to another, by writes of several sizes.

use std::io::{Read, Write};
use std::time::Duration;

use crate::common::shared::stream::{KernelPipe, MkFifo, Stream};
use crate::harness::chart::Chart;
use crate::harness::row::{Peers, Question, Wanted};
use crate::harness::sample::{Aspect, Counts, Sample};
use crate::peers::{fifos, pipes};
use crate::pictures::{FIFOS, PIPES};
use crate::slice;

const KIB: usize = 1024;
const LARGE: usize = 64 * KIB;
/// How many bytes a write has, and how many a read takes at most.
const WRITES_AND_READS: [(usize, usize); 7] = [
    (64, LARGE),
    (KIB, LARGE),
    (4 * KIB, LARGE),
    (LARGE, LARGE),
    (64, 64),
    (KIB, KIB),
    (4 * KIB, 4 * KIB),
];
/// What the kernel's pipes have room for if they are not told otherwise, and the most that they may
/// be told without privileges.
const CAPACITIES: [usize; 2] = [LARGE, 1024 * KIB];
/// The bytes are 0, 1, … and then 0 again. Every size is a multiple of it.
const PERIOD: usize = 64;

const GIGABYTES: Aspect = Aspect {
    name: "",
    unit: "GB/s",
    more_is_better: true,
    counts: Counts::Speed,
};

/// How bytes are carried.
#[derive(Clone, Copy)]
struct Traffic {
    capacity: usize,
    write: usize,
    read: usize,
}

pub fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for capacity in CAPACITIES {
        for (write, read) in WRITES_AND_READS {
            let traffic = Traffic {
                capacity,
                write,
                read,
            };
            let pipes = pipes!(Peer => move |length| carry::<Peer>(traffic, length));
            questions.push(question("pipe", KernelPipe::NAME, &PIPES, traffic, pipes));
            if capacity == LARGE {
                let fifos = fifos!(Peer => move |length| carry::<Peer>(traffic, length));
                questions.push(question("FIFO", MkFifo::NAME, &FIFOS, traffic, fifos));
            }
        }
    }
    questions
}

fn question(
    kind: &str,
    kernels: &'static str,
    chart: &'static Chart,
    traffic: Traffic,
    peers: Peers,
) -> Question {
    let Traffic {
        capacity,
        write,
        read,
    } = traffic;
    let [room, writes, reads] = [capacity, write, read].map(size);
    let name = format!("{kind} of {room}, writes {writes}, reads {reads}");
    let question = Question::new(name, &[GIGABYTES], peers).slices(4);
    let question = match write {
        64 => question.wanted(Wanted::Times(8.0, kernels)),
        LARGE => question.wanted(Wanted::Times(1.0, kernels)),
        _ => question,
    };
    match (capacity, read) {
        (LARGE, LARGE) => question.drawn(chart, write as f64),
        _ => question,
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..KIB => format!("{bytes} B"),
        _ => format!("{} KiB", bytes / KIB),
    }
}

/// The first process writes, the second reads.
fn carry<S: Stream>(traffic: Traffic, length: Duration) -> Sample {
    let stream = &S::new(traffic.capacity);
    let slice = slice::measure(2, length, |index| match index {
        0 => write(stream.writer(), traffic.write),
        _ => read(stream.reader(), traffic.read),
    });
    let gigabytes = slice.rate() / 1e3;
    Sample::of(&slice, vec![gigabytes])
}

fn write<'a>(mut writer: impl Write + 'a, size: usize) -> Box<dyn FnMut() -> u64 + 'a> {
    let bytes: Vec<_> = (0..size).map(|index| (index % PERIOD) as u8).collect();
    Box::new(move || {
        writer.write_all(&bytes).expect("cannot write");
        0
    })
}

fn read<'a>(mut reader: impl Read + 'a, most: usize) -> Box<dyn FnMut() -> u64 + 'a> {
    let (mut bytes, mut next) = (vec![0; most], 0);
    Box::new(move || {
        let size = reader.read(&mut bytes).expect("cannot read");
        assert_eq!(usize::from(bytes[0]), next, "bytes are lost or made up");
        next = (next + size) % PERIOD;
        assert_eq!(usize::from(bytes[size - 1]), (next + PERIOD - 1) % PERIOD);
        size as u64
    })
}
