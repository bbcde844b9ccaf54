//! Pipes, FIFOs and message queues on threads with 16 KiB of stack, the least that `pthread_create`
//! takes, and 2 KiB of it in use. A call that needs more ends the process.
use anteroom::ipc::{Fifo, MessageQueue, OpenError, Selector, pipe};
use common::processes::{Child, Name, turn};
use std::io::Write;
use std::time::Duration;

/// Runs it on such a thread.
fn on_a_small_stack(call: &(dyn Fn() + Sync)) {
    extern "C" fn start(call: *mut libc::c_void) -> *mut libc::c_void {
        // What the thread has of its own.
        let mut own = [0_u8; 2048];
        std::hint::black_box(&mut own);
        // SAFETY: as passed below, where it is borrowed until this thread has ended.
        let call = unsafe { *call.cast::<&(dyn Fn() + Sync)>() };
        call();
        std::hint::black_box(&mut own);
        std::ptr::null_mut()
    }
    // SAFETY: plain numbers, which the next call writes.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    let mut thread = 0;
    // SAFETY: our own attributes.
    unsafe { libc::pthread_attr_init(&raw mut attributes) };
    // SAFETY: as above.
    let set = unsafe { libc::pthread_attr_setstacksize(&raw mut attributes, 16 * 1024) };
    assert_eq!(set, 0);
    let argument = (&raw const call).cast_mut().cast();
    // SAFETY: the thread ends before what it borrows.
    let created =
        unsafe { libc::pthread_create(&raw mut thread, &raw const attributes, start, argument) };
    assert_eq!(created, 0);
    // SAFETY: our own thread.
    unsafe { libc::pthread_join(thread, std::ptr::null_mut()) };
}

/// In a child each, which says which one it was that ended.
#[test]
fn calls_fit_on_the_smallest_stack() {
    let _turn = turn();
    let short = Duration::from_millis(1);
    let (reader, writer) = pipe(100).unwrap();
    let name = Name::new("stack");
    let queue = MessageQueue::anonymous(2, 16).unwrap();
    let calls: [(&str, &(dyn Fn() + Sync)); 6] = [
        ("nothing", &|| ()),
        ("pipe: read", &|| {
            assert!(reader.try_read_for(&mut [0; 9], short).is_err());
            assert!(reader.try_read(&mut [0; 9]).is_err());
        }),
        ("pipe: write", &|| {
            assert_eq!((&writer).write(&[0; 100]).unwrap(), 100);
            assert!(writer.try_write_for(&[0; 9], short).is_err());
        }),
        ("FIFO", &|| {
            Fifo::create(&name, 100).unwrap();
            let alone = Fifo::try_open_reader_for(&name, short);
            assert!(matches!(alone, Err(OpenError::TimedOut)));
            Fifo::unlink(&name).unwrap();
        }),
        ("queue: send", &|| {
            queue.send(1, b"one").unwrap();
            queue.send(2, b"two").unwrap();
            assert!(queue.try_send_for(3, b"three", short).is_err());
        }),
        ("queue: receive", &|| {
            let mut buffer = [0; 16];
            // What the child before has sent.
            queue.receive(Selector::UpTo(2), &mut buffer).unwrap();
            queue.receive(Selector::Any, &mut buffer).unwrap();
            for selector in [Selector::Any, Selector::UpTo(2)] {
                assert!(queue.try_receive_for(selector, &mut buffer, short).is_err());
            }
        }),
    ];
    for (name, call) in calls {
        println!("{name}");
        Child::fork(|| on_a_small_stack(call)).succeed();
    }
}
